// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>

class QWidget;

// Questions and messages to the person. The only place that makes a QMessageBox,
// so that a test can give the answers beforehand.
namespace argand::ui::message_box {

// The index of the button pressed, or -1 where it was closed or cancelled, which every
// question offers. `defaultButton` is what Enter presses; -1: Cancel.
[[nodiscard]] int ask(QWidget* parent,
                      const QString& title,
                      const QString& text,
                      const QStringList& buttons,
                      int defaultButton = 0);
void error(QWidget* parent, const QString& title, const QString& text);
void warning(QWidget* parent, const QString& title, const QStringList& sentences);

// For tests: the next ask() returns this at once, and messages are kept instead of
// shown. Answers are taken in the order given.
void primeAnswer(int answer);
// Messages since the last call, "title: text".
[[nodiscard]] QStringList takeShown();
// Keeps messages instead of showing them.
void setSilent(bool silent);

}  // namespace argand::ui::message_box
