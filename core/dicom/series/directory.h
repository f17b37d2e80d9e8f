// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <vector>

// DICOMDIR (PS3.3 F, PS3.10 8): the table of contents of a disc. Internal to core/dicom.
namespace argand::dicom {

// By the file's name, which PS3.10 8.6 fixes.
[[nodiscard]] bool isDirectoryFile(const std::filesystem::path& path);

// Returns the files that the DICOMDIR at `path` lists (Referenced File ID), beside
// it. Each is looked for as it is written and in lower case, as discs are mounted
// either way; one that is not there is returned as it is written.
[[nodiscard]] Result<std::vector<std::filesystem::path>> listedFiles(
    const std::filesystem::path& path);

}  // namespace argand::dicom
