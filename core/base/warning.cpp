// SPDX-License-Identifier: Apache-2.0
#include "core/base/warning.h"

namespace argand {

std::string_view toString(WarningCode code) {
  switch (code) {
    case WarningCode::Tilt:
      return "tilt";
    case WarningCode::UnevenSpacing:
      return "uneven-spacing";
    case WarningCode::Gap:
      return "gap";
    case WarningCode::Duplicate:
      return "duplicate";
    case WarningCode::Split:
      return "split";
    case WarningCode::NoFrameOfReference:
      return "no-frame-of-reference";
    case WarningCode::NonOrthogonal:
      return "non-orthogonal";
    case WarningCode::ValueRepaired:
      return "value-repaired";
    case WarningCode::TextRepaired:
      return "text-repaired";
    case WarningCode::FilesLeftOut:
      return "files-left-out";
    case WarningCode::Contour:
      return "contour";
    case WarningCode::OutsideImage:
      return "outside-image";
    case WarningCode::OtherReference:
      return "other-reference";
    case WarningCode::Resampled:
      return "resampled";
    case WarningCode::LeftOut:
      return "left-out";
    case WarningCode::Renamed:
      return "renamed";
    case WarningCode::Override:
      break;
  }
  return "override";
}

std::string joined(const Warnings& warnings) {
  std::string text;
  for (const Warning& warning : warnings) {
    text += (text.empty() ? "" : " ") + warning.text;
  }
  return text;
}

void append(Warnings& warnings, const Warnings& more) {
  warnings.insert(warnings.end(), more.begin(), more.end());
}

}  // namespace argand
