// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/key_sheet.h"

#include <QAction>
#include <QCoreApplication>
#include <QDialog>
#include <QHBoxLayout>
#include <QKeySequence>
#include <QTextBrowser>

#include <array>
#include <utility>

namespace argand::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("KeySheet", text);
}

QString row(const QString& key, const QString& what) {
  return QStringLiteral(
             "<tr><td style='padding:2px 14px 2px 0; color:#cfe0f5; white-space:nowrap'>%1"
             "</td><td style='padding:2px 0'>%2</td></tr>")
      .arg(key.toHtmlEscaped(), what.toHtmlEscaped());
}

QString heading(const QString& text) {
  return QStringLiteral("<h3 style='color:#97a0ad; margin-top:10px'>%1</h3>").arg(text);
}

// What the views do with the mouse and with keys that are no action of a menu.
QString mouseHtml() {
  const std::array<std::pair<QString, QString>, 9> viewing{{
      {tr("Left drag"), tr("Window: right is wider, up is brighter")},
      {tr("Left click"), tr("Crosshair there; the other views follow")},
      {tr("Shift + move"), tr("Crosshair follows the mouse")},
      {tr("Middle drag, Shift + left drag"), tr("Move the image")},
      {tr("Right drag, Ctrl + wheel"), tr("Zoom")},
      {tr("Wheel, Up and Down, Left and Right"), tr("One slice")},
      {tr("Page Up, Page Down"), tr("Ten slices")},
      {tr("Home, End"), tr("First and last slice")},
      {tr("Double click"), tr("One view, or all four again")},
  }};
  const std::array<std::pair<QString, QString>, 5> editing{{
      {tr("Left drag"), tr("The tool: paint, erase, draw a box")},
      {tr("Ctrl + left drag"), tr("The opposite: erase while painting")},
      {tr("[ ] or - + or Shift + wheel"), tr("Brush smaller, larger")},
      {tr("Alt + left drag"), tr("Window, without leaving the tool")},
      {tr("Esc"), tr("Back to viewing; cancels a running task")},
  }};
  QString html = heading(tr("Viewing")) + QStringLiteral("<table>");
  for (const auto& [key, what] : viewing) {
    html += row(key, what);
  }
  html += QStringLiteral("</table>") + heading(tr("Editing")) + QStringLiteral("<table>");
  for (const auto& [key, what] : editing) {
    html += row(key, what);
  }
  return html + QStringLiteral("</table>");
}

// Those from `first` on, `count` of them.
QString keysHtml(const QList<const QAction*>& actions, qsizetype first, qsizetype count) {
  QString html = heading(tr("Keys")) + QStringLiteral("<table>");
  for (const QAction* action : actions.mid(first, count)) {
    QString text = action->text().section(QStringLiteral(": "), 0, 0);
    text.remove(u'&').remove(QStringLiteral("..."));
    html += row(QKeySequence::listToString(action->shortcuts(), QKeySequence::NativeText)
                    .replace(QStringLiteral("; "), tr(" or ")),
                text);
  }
  return html + QStringLiteral("</table>");
}

QTextBrowser* page(const QString& html, QWidget* parent) {
  auto* browser = new QTextBrowser(parent);
  browser->setHtml(html);
  browser->setFrameShape(QFrame::NoFrame);
  browser->setFocusPolicy(Qt::ClickFocus);
  return browser;
}

}  // namespace

void showKeySheet(QWidget* parent, const QList<QAction*>& actions) {
  auto* dialog = new QDialog(parent);
  dialog->setObjectName(QStringLiteral("keySheet"));
  dialog->setWindowTitle(tr("Mouse and keys"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  auto* layout = new QHBoxLayout(dialog);
  layout->setContentsMargins(14, 14, 14, 14);
  layout->addWidget(page(mouseHtml(), dialog));
  QList<const QAction*> withKeys;
  for (const QAction* action : actions) {
    if (!action->shortcut().isEmpty() && !action->objectName().isEmpty()) {
      withKeys << action;
    }
  }
  const qsizetype half = (withKeys.size() + 1) / 2;
  layout->addWidget(page(keysHtml(withKeys, 0, half), dialog));
  layout->addWidget(page(keysHtml(withKeys, half, half), dialog));
  layout->setStretch(0, 4);
  layout->setStretch(1, 4);
  layout->setStretch(2, 3);
  dialog->resize(1240, 620);
  dialog->show();
}

}  // namespace argand::ui
