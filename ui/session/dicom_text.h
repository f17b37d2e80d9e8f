// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

// Values of DICOM attributes as a person reads them.
namespace argand::ui {

// Family^Given^Middle (PS3.5 6.2.1) as "Family, Given Middle"; what another script
// has after "=" is left out.
[[nodiscard]] QString personName(const QString& value);

// YYYYMMDD as YYYY-MM-DD; anything else as it is.
[[nodiscard]] QString dateText(const QString& value);

}  // namespace argand::ui
