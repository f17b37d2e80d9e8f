// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.h"

namespace argand {

std::string_view toString(ErrorCode code) {
  switch (code) {
    case ErrorCode::Usage:
      return "usage";
    case ErrorCode::InputRefused:
      return "input-refused";
    case ErrorCode::OutputFailed:
      return "output-failed";
    case ErrorCode::NoPlan:
      return "no-plan";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Internal:
      return "internal";
  }
  return "internal";
}

int exitStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::Usage:
      return 2;
    case ErrorCode::InputRefused:
    case ErrorCode::OutputFailed:
      return 3;
    case ErrorCode::NoPlan:
      return 4;
    case ErrorCode::Cancelled:
      return 5;
    case ErrorCode::Internal:
      return 1;
  }
  return 1;
}

}  // namespace argand
