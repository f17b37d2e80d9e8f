// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <string>

namespace argand::infer {

// The SHA-256 of a file's bytes as 64 hexadecimal digits in lower case, read
// piece by piece.
[[nodiscard]] Result<std::string> sha256OfFile(const std::filesystem::path& path);

}  // namespace argand::infer
