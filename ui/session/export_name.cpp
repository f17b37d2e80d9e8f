// SPDX-License-Identifier: Apache-2.0
#include "ui/session/export_name.h"

#include "ui/session/dicom_text.h"
#include "ui/session/text.h"

#include <QCryptographicHash>
#include <QStringList>

namespace argand::ui {
namespace {

QString digestOf(const std::string& identity) {
  constexpr qsizetype kDigits = 8;
  return QString::fromLatin1(
      QCryptographicHash::hash(QByteArray::fromStdString(identity), QCryptographicHash::Sha256)
          .toHex()
          .left(kDigits));
}

// The name of an image file without its ending, be it ".nii.gz".
QString stemOf(const std::filesystem::path& path) {
  std::filesystem::path stem = path.stem();
  return shownPath(stem.extension() == ".nii" ? stem.stem() : stem);
}

}  // namespace

QString exportName(const study::Entry& entry,
                   const QString& patientId,
                   const QString& kind,
                   bool hidden) {
  QStringList parts;
  if (!entry.series) {
    parts = {shownPath(entry.path.parent_path().filename()), stemOf(entry.path)};
  } else if (!hidden) {
    parts = {personName(textOf(entry.series->patientLabel)),
             patientId,
             textOf(entry.series->seriesDescription),
             dateText(textOf(entry.series->studyDate))};
  } else {
    parts = {textOf(entry.series->seriesDescription)};
  }
  QStringList safe;
  for (const QString& part : parts) {
    if (const QString name = fileNamePart(part); !name.isEmpty() && !safe.contains(name)) {
      safe << name;
    }
  }
  if (entry.series) {
    safe << digestOf(fmt::format("{}#{}", entry.series->seriesUid, entry.series->stack));
  } else {
    std::error_code ignored;
    safe << digestOf(std::filesystem::absolute(entry.path, ignored).lexically_normal().native());
  }
  return (safe << kind).join(u'_');
}

}  // namespace argand::ui
