// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace argand {

// A file or folder that could not be looked into, and why, as a sentence.
struct Unreached {
  std::filesystem::path path;
  std::string reason;
};

struct FilesUnder {
  std::vector<std::filesystem::path> files;  // regular files, sorted by name
  std::vector<Unreached> unreached;          // closed folders and links that lead nowhere
};

// Returns the regular files of `folder` and its subfolders. Links to folders and
// files are followed; a folder that is reached again, as in a cycle of links, is
// searched once. Fails where `folder` itself cannot be opened.
[[nodiscard]] Result<FilesUnder> filesUnder(const std::filesystem::path& folder,
                                            const std::stop_token& stop = {});

}  // namespace argand
