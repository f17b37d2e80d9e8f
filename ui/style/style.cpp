// SPDX-License-Identifier: Apache-2.0
#include "ui/style/style.h"

#include <QApplication>
#include <QFile>
#include <QLabel>
#include <QPalette>
#include <QStyle>
#include <QStyleFactory>

// Outside any namespace, as the macro declares a function.
static void initResources() {
  Q_INIT_RESOURCE(resources);
}

namespace argand::ui {

void applyStyle(QApplication& application) {
  initResources();
  QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
  QPalette palette;
  palette.setColor(QPalette::Window, QColor(0x1e, 0x21, 0x26));
  palette.setColor(QPalette::WindowText, colours::kText);
  palette.setColor(QPalette::Base, colours::kBackground);
  palette.setColor(QPalette::AlternateBase, QColor(0x1e, 0x21, 0x26));
  palette.setColor(QPalette::Text, colours::kText);
  palette.setColor(QPalette::Button, QColor(0x32, 0x38, 0x41));
  palette.setColor(QPalette::ButtonText, colours::kText);
  palette.setColor(QPalette::Highlight, QColor(0x2f, 0x4f, 0x7a));
  palette.setColor(QPalette::HighlightedText, QColor(0xee, 0xf1, 0xf5));
  palette.setColor(QPalette::PlaceholderText, QColor(0x6b, 0x73, 0x80));
  palette.setColor(QPalette::Link, colours::kAccent);
  palette.setColor(QPalette::Disabled, QPalette::Text, QColor(0x6b, 0x73, 0x80));
  palette.setColor(QPalette::Disabled, QPalette::WindowText, QColor(0x6b, 0x73, 0x80));
  QApplication::setPalette(palette);
  QFile sheet(QStringLiteral(":/argand/style/dark.qss"));
  if (sheet.open(QIODevice::ReadOnly)) {
    application.setStyleSheet(QString::fromUtf8(sheet.readAll()));
  }
  QApplication::setWindowIcon(icon(QStringLiteral("argand")));
}

QIcon icon(const QString& name) {
  return QIcon(QStringLiteral(":/argand/icons/%1.svg").arg(name));
}

QLabel* roleLabel(const QString& text, const char* role, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setProperty("role", role);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

void setRoleText(QLabel& label, const QString& text, const char* role) {
  label.setText(text);
  label.setVisible(!text.isEmpty());
  label.setProperty("role", role);
  // The sheet looks at properties only when a widget is polished.
  label.style()->unpolish(&label);
  label.style()->polish(&label);
}

}  // namespace argand::ui
