// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/message_box.h"

#include <QMessageBox>
#include <QPushButton>

#include <deque>

namespace argand::ui::message_box {
namespace {

std::deque<int> primedAnswers;
QStringList shownMessages;
bool silentMessages = false;

void show(QMessageBox::Icon icon, QWidget* parent, const QString& title, const QString& text) {
  if (silentMessages) {
    shownMessages << title + QStringLiteral(": ") + text;
    return;
  }
  // Not exec(): a message must not stop the jobs' results from arriving.
  auto* box = new QMessageBox(icon, title, text, QMessageBox::Ok, parent);
  box->setObjectName(QStringLiteral("messageBox"));
  box->setTextFormat(Qt::PlainText);
  box->setAttribute(Qt::WA_DeleteOnClose);
  box->open();
}

}  // namespace

int ask(QWidget* parent,
        const QString& title,
        const QString& text,
        const QStringList& buttons,
        int defaultButton) {
  if (!primedAnswers.empty()) {
    const int answer = primedAnswers.front();
    primedAnswers.pop_front();
    shownMessages << title + QStringLiteral(": ") + text;
    return answer;
  }
  QMessageBox box(QMessageBox::Question, title, text, QMessageBox::NoButton, parent);
  box.setObjectName(QStringLiteral("questionBox"));
  box.setTextFormat(Qt::PlainText);
  QList<QPushButton*> added;
  for (const QString& button : buttons) {
    added << box.addButton(button, QMessageBox::ActionRole);
  }
  QPushButton* cancel = box.addButton(QMessageBox::Cancel);
  box.setEscapeButton(cancel);
  box.setDefaultButton(defaultButton < 0 ? cancel : added[defaultButton]);
  box.exec();
  for (int n = 0; n < added.size(); ++n) {
    if (box.clickedButton() == added[n]) {
      return n;
    }
  }
  return -1;
}

void error(QWidget* parent, const QString& title, const QString& text) {
  show(QMessageBox::Critical, parent, title, text);
}

void warning(QWidget* parent, const QString& title, const QStringList& sentences) {
  constexpr qsizetype kMost = 12;
  QStringList lines = sentences.mid(0, kMost);
  if (sentences.size() > kMost) {
    lines << QObject::tr("and %1 more.").arg(sentences.size() - kMost);
  }
  show(QMessageBox::Warning, parent, title, lines.join(QStringLiteral("\n\n")));
}

void primeAnswer(int answer) {
  primedAnswers.push_back(answer);
}

QStringList takeShown() {
  return std::exchange(shownMessages, {});
}

void setSilent(bool silent) {
  silentMessages = silent;
}

}  // namespace argand::ui::message_box
