// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/study/study.h"

#include <QString>

namespace argand::ui {

// Returns the name, without an ending, that an export of this series starts from:
// patient, patient's ID, series, date, a short digest of what the series is, and `kind`.
// Two series never get the same name, whoever their patients are. With `hidden` nothing
// of the patient but the digest is in it. For a file that is not DICOM: its folder and
// its name.
[[nodiscard]] QString exportName(const study::Entry& entry,
                                 const QString& patientId,
                                 const QString& kind,
                                 bool hidden);

}  // namespace argand::ui
