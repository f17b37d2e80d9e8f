// SPDX-License-Identifier: Apache-2.0
#include "ui/main_window.h"
#include "ui/views/quad_view.h"

#include <QAbstractSpinBox>
#include <QColorDialog>
#include <QComboBox>
#include <QDateTime>
#include <QFileDialog>
#include <QKeyEvent>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QSet>

namespace argand::ui {
namespace {

// The field for text of the window that the keys go to; null: none.
QWidget* textField(const QWidget& window) {
  QWidget* focus = window.focusWidget();
  if (focus == nullptr || !focus->isEnabled()) {
    return nullptr;
  }
  if (const auto* edit = qobject_cast<QPlainTextEdit*>(focus)) {
    return edit->isReadOnly() ? nullptr : focus;
  }
  const bool field = qobject_cast<QLineEdit*>(focus) != nullptr ||
                     qobject_cast<QAbstractSpinBox*>(focus) != nullptr;
  const auto* box = qobject_cast<QComboBox*>(focus);
  return field || (box != nullptr && box->isEditable()) ? focus : nullptr;
}

bool isEnter(const QKeyEvent& event) {
  return event.key() == Qt::Key_Return || event.key() == Qt::Key_Enter;
}

// Keys that mean the same in every field for text: what is typed, and undo and the
// clipboard of the field.
bool belongsToText(const QKeyEvent& event) {
  const Qt::KeyboardModifiers modifiers =
      event.modifiers() & ~(Qt::ShiftModifier | Qt::KeypadModifier);
  if (modifiers == Qt::NoModifier) {
    return event.key() < Qt::Key_F1 || event.key() > Qt::Key_F35;
  }
  static const QSet<int> kEditing{
      Qt::Key_Z, Qt::Key_Y, Qt::Key_A, Qt::Key_C, Qt::Key_V, Qt::Key_X, Qt::Key_Backspace};
  return modifiers == Qt::ControlModifier && kEditing.contains(event.key());
}

// True for the window and its own dialogs; those of Qt know what their keys do.
bool isOurs(const QWidget& window, const QWidget& main) {
  return &window == &main ||
         (window.parentWidget() == &main && qobject_cast<const QFileDialog*>(&window) == nullptr &&
          qobject_cast<const QColorDialog*>(&window) == nullptr);
}

}  // namespace

void MainWindow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    if (m_workbench.jobs().busy()) {
      m_workbench.jobs().cancel();
    } else {
      m_session.setTool(Tool::View);
    }
    return;
  }
  QMainWindow::keyPressEvent(event);
}

// Shortcuts are for the views: a key that is pressed in a field for text belongs to the
// field. Enter commits it and presses no button besides, Esc leaves it.
bool MainWindow::keepForText(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::ShortcutOverride && event->type() != QEvent::KeyPress) {
    return false;
  }
  auto* key = static_cast<QKeyEvent*>(event);
  auto* widget = qobject_cast<QWidget*>(watched);
  if (widget == nullptr || !isOurs(*widget->window(), *this)) {
    return false;
  }
  QWidget* field = textField(*widget->window());
  if (field == nullptr) {
    return false;
  }
  if (event->type() == QEvent::ShortcutOverride) {
    if (belongsToText(*key)) {
      event->accept();
    }
    return false;
  }
  // What the field has not used goes on to its parents.
  const bool passedOn = widget == widget->window();
  if (passedOn && isEnter(*key)) {
    return true;
  }
  if (passedOn && widget == this && key->key() == Qt::Key_Escape) {
    m_views->activeSliceView().setFocus();
    return true;
  }
  return false;
}

// V held down is a peek: the organs come back (or go again) when it is released.
bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  constexpr qint64 kHeldMs = 350;
  if (keepForText(watched, event)) {
    return true;
  }
  if (event->type() == QEvent::KeyRelease && m_peekStarted != 0) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->key() == Qt::Key_V && !key->isAutoRepeat()) {
      if (QDateTime::currentMSecsSinceEpoch() - m_peekStarted > kHeldMs) {
        changeDisplay(
            [](DisplayState& display) { display.organsVisible = !display.organsVisible; });
      }
      m_peekStarted = 0;
    }
  }
  return QMainWindow::eventFilter(watched, event);
}

}  // namespace argand::ui
