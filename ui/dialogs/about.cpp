// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/about.h"

#include "ui/session/text.h"
#include "ui/style/style.h"

#include <QCoreApplication>
#include <QDialog>
#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace argand::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("About", text);
}

struct Page {
  QDialog* dialog;
  QVBoxLayout* layout;
};

// The program's icon beside a column of text.
Page makePage(QWidget* parent, const char* name, const QString& title) {
  auto* dialog = new QDialog(parent);
  dialog->setObjectName(QLatin1String(name));
  dialog->setWindowTitle(title);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setModal(true);
  constexpr int kPicture = 72;
  auto* picture = new QLabel(dialog);
  picture->setPixmap(icon(QStringLiteral("argand")).pixmap(kPicture, kPicture));
  picture->setAlignment(Qt::AlignTop);
  auto* text = new QVBoxLayout;
  text->setSpacing(10);
  auto* columns = new QHBoxLayout(dialog);
  columns->setContentsMargins(24, 22, 24, 20);
  columns->setSpacing(22);
  columns->addWidget(picture, 0, Qt::AlignTop);
  columns->addLayout(text, 1);
  return {dialog, text};
}

}  // namespace

void showAboutDialog(QWidget* parent, const infer::ModelSource& models) {
  const Page page = makePage(parent, "aboutDialog", tr("About Argand"));
  page.layout->addWidget(
      roleLabel(tr("Argand %1").arg(QCoreApplication::applicationVersion()), "heading"));
  page.layout->addWidget(roleLabel(
      tr("Whole-volume segmentation of CT and MR studies, by networks split over the devices of "
         "this machine. Apache License 2.0."),
      nullptr));
  page.layout->addWidget(roleLabel(tr("For research. Not a medical device; not for diagnosis or "
                                      "treatment."),
                                   "warning"));
  page.layout->addWidget(roleLabel(tr("Models on this machine"), "section"));
  for (const infer::ModelCard& card : models.list()) {
    page.layout->addWidget(roleLabel(tr("%1 %2, %3, weights %4")
                                         .arg(textOf(card.name),
                                              textOf(card.version),
                                              textOf(card.license),
                                              textOf(card.weightsSha256.substr(0, 12))),
                                     nullptr));
  }
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, page.dialog);
  QObject::connect(buttons, &QDialogButtonBox::rejected, page.dialog, &QDialog::reject);
  page.layout->addStretch(1);
  page.layout->addWidget(buttons);
  page.dialog->resize(560, 300);
  page.dialog->open();
}

void showResearchNotice(QWidget* parent, std::function<void()> acknowledged) {
  const Page page = makePage(parent, "researchNotice", tr("Before you start"));
  page.layout->addWidget(roleLabel(tr("Research use only - not for diagnosis"), "heading"));
  page.layout->addWidget(roleLabel(
      tr("Argand is a research program, not a medical device. Networks make mistakes that look "
         "plausible: a missed part, a wrong side, an organ that is not there.\n\n"
         "Look at every contour before you use it, and do not base the care of a patient on it. "
         "Every export says that it was made by a machine and was not approved.\n\n"
         "Nothing leaves this computer: Argand opens no network connection."),
      nullptr));
  auto* understood = new QPushButton(tr("I understand"), page.dialog);
  understood->setObjectName(QStringLiteral("understoodButton"));
  understood->setDefault(true);
  QObject::connect(understood, &QPushButton::clicked, page.dialog, &QDialog::accept);
  QObject::connect(page.dialog, &QDialog::accepted, page.dialog, std::move(acknowledged));
  page.layout->addStretch(1);
  page.layout->addWidget(understood, 0, Qt::AlignRight);
  page.dialog->resize(560, 300);
  page.dialog->open();
}

}  // namespace argand::ui
