// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/export_dialog.h"

#include "core/io/image_file.h"
#include "ui/dialogs/check_list.h"
#include "ui/dialogs/file_dialog.h"
#include "ui/dialogs/message_box.h"
#include "ui/dialogs/path_edit.h"
#include "ui/session/export_name.h"
#include "ui/session/session.h"
#include "ui/session/study_model.h"
#include "ui/session/text.h"
#include "ui/session/workbench.h"
#include "ui/style/style.h"

#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include <cctype>

namespace argand::ui {
namespace {

const QString kTopic = QStringLiteral("export");
constexpr std::uint32_t kPatientId = 0x00100020;

QString endingOf(int format) {
  static const QStringList kEndings{QStringLiteral(".dcm"),
                                    QStringLiteral(".dcm"),
                                    QStringLiteral(".nii.gz"),
                                    QStringLiteral(".nrrd"),
                                    QStringLiteral(".mha")};
  return kEndings[format];
}

// What a CS may hold (PS3.5 6.2): capitals, digits, blanks and '_'.
std::string codeString(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    c = byte < 128 && (std::isalnum(byte) != 0 || c == ' ') ? static_cast<char>(std::toupper(byte))
                                                            : '_';
  }
  return text;
}

QString patientIdOf(const Volume& volume) {
  if (volume.source) {
    for (const SourceAttribute& one : volume.source->patientAndStudy) {
      if (one.tag == kPatientId) {
        return textOf(one.value).trimmed();
      }
    }
  }
  return {};
}

// The path with another ending, whatever image's ending it has.
std::filesystem::path withEnding(const std::filesystem::path& path, const QString& ending) {
  std::string name = path.filename().native();
  for (const char* known : {".nii.gz", ".nii", ".nrrd", ".mha", ".dcm"}) {
    if (name.ends_with(known)) {
      name.resize(name.size() - std::string_view(known).size());
      break;
    }
  }
  return path.parent_path() / (name + ending.toStdString());
}

}  // namespace

ExportDialog::ExportDialog(Session& session, Workbench& workbench, QWidget* parent)
    : QDialog(parent), m_session(session), m_workbench(workbench) {
  setObjectName(QStringLiteral("exportDialog"));
  setWindowTitle(tr("Export"));
  resize(560, 560);
  m_format = new QComboBox(this);
  m_format->setObjectName(QStringLiteral("formatBox"));
  m_format->addItems({tr("RTSTRUCT (DICOM contours)"),
                      tr("DICOM SEG (DICOM voxels)"),
                      tr("NIfTI label map"),
                      tr("NRRD label map"),
                      tr("MetaImage label map")});
  m_structures = new CheckList(this);
  m_labelText = roleLabel(tr("Label"), "section", this);
  m_label = new QLineEdit(QStringLiteral("ARGAND"), this);
  m_label->setObjectName(QStringLiteral("setLabel"));
  m_label->setMaxLength(16);  // Structure Set Label is an SH (PS3.5 6.2)
  m_label->setToolTip(
      tr("The name of the structure set or segmentation in other programs, up to 16 characters"));
  m_invent = new QCheckBox(tr("Invent a Frame of Reference or UIDs that the source lacks"), this);
  m_invent->setObjectName(QStringLiteral("inventBox"));
  m_invent->setToolTip(
      tr("A planning system will not find the images by invented UIDs. It is said in the "
         "series description."));
  m_path = new PathEdit(this);
  m_path->setObjectName(QStringLiteral("exportPath"));
  m_browse = new QPushButton(tr("Browse..."), this);
  m_browse->setObjectName(QStringLiteral("exportBrowse"));
  m_message = roleLabel({}, "good", this);
  m_message->setObjectName(QStringLiteral("exportMessage"));
  m_message->hide();
  m_start = new QPushButton(tr("Export"), this);
  m_start->setObjectName(QStringLiteral("exportStart"));
  m_start->setDefault(true);
  m_close = new QPushButton(tr("Close"), this);
  m_close->setObjectName(QStringLiteral("exportClose"));
  m_close->setAutoDefault(false);
  m_browse->setAutoDefault(false);

  auto* form = new QGridLayout;
  form->setHorizontalSpacing(14);
  form->setVerticalSpacing(10);
  form->addWidget(roleLabel(tr("Format"), "section", this), 0, 0);
  form->addWidget(m_format, 0, 1);
  form->addWidget(m_labelText, 1, 0);
  form->addWidget(m_label, 1, 1);
  form->addWidget(m_invent, 2, 1);
  form->addWidget(roleLabel(tr("Organs"), "section", this), 3, 0, Qt::AlignTop);
  form->addWidget(m_structures, 3, 1);
  form->addWidget(roleLabel(tr("File"), "section", this), 4, 0);
  auto* file = new QHBoxLayout;
  file->addWidget(m_path, 1);
  file->addWidget(m_browse);
  form->addLayout(file, 4, 1);
  form->setColumnStretch(1, 1);
  form->setRowStretch(3, 1);
  auto* buttons = new QHBoxLayout;
  buttons->addStretch(1);
  buttons->addWidget(m_close);
  buttons->addWidget(m_start);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(18, 16, 18, 16);
  layout->setSpacing(14);
  layout->addLayout(form, 1);
  layout->addWidget(m_message);
  layout->addLayout(buttons);

  connect(m_format, &QComboBox::currentIndexChanged, this, &ExportDialog::showFormat);
  connect(m_browse, &QPushButton::clicked, this, &ExportDialog::browse);
  connect(m_start, &QPushButton::clicked, this, &ExportDialog::start);
  connect(m_close, &QPushButton::clicked, this, &QDialog::reject);
  connect(m_structures, &CheckList::changed, this, [this] { setRunning(m_running); });
  connect(m_path, &QLineEdit::textChanged, this, [this] { setRunning(m_running); });
  connect(m_path, &QLineEdit::textEdited, this, [this] { m_named = true; });
  connect(&session, &Session::volumeChanged, this, [this] { refresh(); });
  connect(&session, &Session::structuresChanged, this, [this] {
    if (!m_running) {
      refresh();
    }
  });
  connect(&session, &Session::displayChanged, this, [this] {
    if (!m_running) {
      suggestName();
    }
  });
  connect(&workbench,
          &Workbench::exported,
          this,
          [this](const std::filesystem::path& path, const QString& summary) {
            file_dialog::remember(path.parent_path(), kTopic);
            setRunning(false);
            setRoleText(*m_message, tr("%1 was written. %2").arg(shownPath(path), summary), "good");
          });
  connect(&workbench, &Workbench::exportFailed, this, [this](const QString&, const QString& why) {
    setRunning(false);
    setRoleText(*m_message, why, "error");
  });
  connect(&workbench, &Workbench::stopped, this, [this] { setRunning(false); });
}

ExportDialog::Format ExportDialog::format() const {
  return static_cast<Format>(m_format->currentIndex());
}

void ExportDialog::refresh() {
  m_ids.clear();
  std::vector<CheckList::Item> items;
  for (const Structure& structure : m_session.segmentation().structures()) {
    m_ids.push_back(structure.id);
    items.push_back({textOf(structure.name), structure.color, true});
  }
  m_structures->setItems(items);
  // A study without DICOM behind it has nothing an RTSTRUCT could refer to.
  const auto& volume = m_session.volume();
  if (!m_running && volume && !volume->source && isDicom()) {
    m_format->setCurrentIndex(Nifti);
  }
  m_invent->setVisible(isDicom() && volume && volume->source &&
                       volume->source->frameOfReferenceUid.empty());
  setRoleText(*m_message, {}, "good");
  showFormat();
}

void ExportDialog::showFormat() {
  m_label->setVisible(isDicom());
  m_labelText->setVisible(isDicom());
  const auto& volume = m_session.volume();
  m_invent->setVisible(isDicom() && volume && volume->source &&
                       volume->source->frameOfReferenceUid.empty());
  suggestName();
}

void ExportDialog::suggestName() {
  const QString ending = endingOf(m_format->currentIndex());
  const study::Entry* entry = m_workbench.studies().entry(m_session.key());
  if (m_named && m_key == m_session.key()) {
    m_path->setPath(withEnding(m_path->path(), ending));
  } else if (entry != nullptr && m_session.volume()) {
    m_named = false;
    m_key = m_session.key();
    const QString kind = format() == RtStruct ? QStringLiteral("rtstruct")
                         : format() == Seg    ? QStringLiteral("seg")
                                              : QStringLiteral("labels");
    const QString name = exportName(
        *entry, patientIdOf(*m_session.volume()), kind, m_session.display().patientDataHidden);
    m_path->setPath(file_dialog::lastFolder(kTopic) / (name + ending).toStdString());
  }
  setRunning(m_running);
}

void ExportDialog::browse() {
  const QString ending = endingOf(m_format->currentIndex());
  const std::filesystem::path chosen =
      file_dialog::saveFile(this, tr("Export"), m_path->path(), QStringLiteral("*%1").arg(ending));
  if (!chosen.empty()) {
    m_named = true;
    m_path->setPath(withEnding(chosen, ending));
  }
}

QString ExportDialog::objection() const {
  const std::filesystem::path path = m_path->path();
  const auto known = io::formatOf(path);
  const auto wanted =
      isDicom() ? std::nullopt
                : io::formatOf(QStringLiteral("x%1").arg(endingOf(format())).toStdString());
  const bool fits = known == wanted;
  if (!fits) {
    return tr("The name of this format ends in %1.").arg(endingOf(format()));
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(path.parent_path(), ignored)) {
    return tr("There is no folder %1.").arg(shownPath(path.parent_path()));
  }
  if (std::filesystem::is_directory(path, ignored)) {
    return tr("%1 is a folder. Add the name of a file.").arg(shownPath(path));
  }
  for (const std::filesystem::path& file : m_workbench.labelFiles(path, {})) {
    if (const auto allowed = m_workbench.checkOutput(file); !allowed) {
      return textOf(allowed.error().message);
    }
  }
  return {};
}

bool ExportDialog::mayReplace(const std::vector<std::filesystem::path>& files) {
  QStringList existing;
  for (const std::filesystem::path& file : files) {
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(file, ignored))) {
      existing << shownPath(file);
    }
  }
  return existing.isEmpty() ||
         message_box::ask(this,
                          tr("Replace the file?"),
                          tr("There is a file of this name already:\n\n%1\n\nIts present "
                             "content would be lost.")
                              .arg(existing.join(u'\n')),
                          {tr("Replace")},
                          -1) == 0;
}

void ExportDialog::start() {
  std::vector<StructureId> only;
  for (const int row : m_structures->checkedRows()) {
    only.push_back(m_ids[std::size_t(row)]);
  }
  const std::filesystem::path path = m_path->path();
  if (only.empty() || path.empty() || m_workbench.jobs().busy()) {
    return;
  }
  setRoleText(*m_message, {}, "good");
  if (const QString why = objection(); !why.isEmpty()) {
    setRoleText(*m_message, why, "error");
    return;
  }
  if (!mayReplace(isDicom() ? std::vector{path} : m_workbench.labelFiles(path, only))) {
    return;
  }
  setRunning(true);
  const std::string label = m_label->text().trimmed().toStdString();
  const bool invent = m_invent->isVisible() && m_invent->isChecked();
  if (format() == RtStruct) {
    dicom::RtStructOptions options;
    options.label = label;
    options.inventUids = invent;
    m_workbench.exportRtStruct(path, options, only);
  } else if (format() == Seg) {
    dicom::SegOptions options;
    options.label = codeString(label);
    options.inventUids = invent;
    m_workbench.exportSeg(path, options, only);
  } else {
    m_workbench.exportLabels(path, only);
  }
}

void ExportDialog::setRunning(bool running) {
  m_running = running;
  m_start->setText(running ? tr("Exporting...") : tr("Export"));
  m_start->setEnabled(!running && !m_structures->checkedRows().empty() &&
                      !m_path->text().isEmpty());
}

}  // namespace argand::ui
