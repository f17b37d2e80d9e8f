// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/source_series.h"

#include <QStringList>

namespace argand::ui {

// The corner texts that identify a person; what the file lacks is left out.
struct PatientText {
  QStringList patient;  // "Doe, Jane", "ID 123", "F  45 y"
  QStringList study;    // institution, "2024-03-01"
};

[[nodiscard]] PatientText patientText(const SourceSeries& source);

// A DICOM text value in the source's character set. UTF-8, Latin-1 and ASCII
// are decoded; letters of other sets show as "?" rather than as wrong letters.
[[nodiscard]] QString decoded(const std::string& value, const std::string& characterSet);

}  // namespace argand::ui
