// SPDX-License-Identifier: Apache-2.0
#include "ui/views/patient_text.h"

#include "ui/session/dicom_text.h"

#include <algorithm>

namespace argand::ui {
namespace {

constexpr std::uint32_t kStudyDate = 0x00080020;
constexpr std::uint32_t kInstitution = 0x00080080;
constexpr std::uint32_t kPatientName = 0x00100010;
constexpr std::uint32_t kPatientId = 0x00100020;
constexpr std::uint32_t kPatientSex = 0x00100040;
constexpr std::uint32_t kPatientAge = 0x00101010;

QString valueOf(const SourceSeries& source, std::uint32_t tag) {
  const auto found = std::find_if(source.patientAndStudy.begin(),
                                  source.patientAndStudy.end(),
                                  [&](const SourceAttribute& one) { return one.tag == tag; });
  return found == source.patientAndStudy.end() ? QString()
                                               : decoded(found->value, source.characterSet);
}

QString ageOf(const QString& value) {  // nnnD, nnnW, nnnM, nnnY
  if (value.size() != 4) {
    return value;
  }
  return QString::number(value.left(3).toInt()) + u' ' + value.right(1).toLower();
}

void append(QStringList& lines, const QString& line) {
  if (!line.isEmpty()) {
    lines.append(line);
  }
}

}  // namespace

QString decoded(const std::string& value, const std::string& characterSet) {
  QString text;
  if (characterSet.find("ISO_IR 192") != std::string::npos) {
    text = QString::fromUtf8(value);
  } else if (characterSet == "ISO_IR 100") {
    text = QString::fromLatin1(value);
  } else {
    std::string ascii = value;
    std::replace_if(
        ascii.begin(),
        ascii.end(),
        [](char c) { return static_cast<unsigned char>(c) > 126; },
        '?');
    text = QString::fromLatin1(ascii);
  }
  return text.trimmed();
}

PatientText patientText(const SourceSeries& source) {
  PatientText text;
  append(text.patient, personName(valueOf(source, kPatientName)));
  if (const QString id = valueOf(source, kPatientId); !id.isEmpty()) {
    text.patient.append(QStringLiteral("ID ") + id);
  }
  append(text.patient,
         (valueOf(source, kPatientSex) + QStringLiteral("  ") + ageOf(valueOf(source, kPatientAge)))
             .trimmed());
  append(text.study, valueOf(source, kInstitution));
  append(text.study, dateText(valueOf(source, kStudyDate)));
  return text;
}

}  // namespace argand::ui
