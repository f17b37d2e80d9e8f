// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace argand::test {

struct Include {
  int line = 0;
  std::string path;
  bool quoted = false;  // "ours.h", not <theirs.h>
};

struct SourceFile {
  std::string path;  // from the repository root: "core/volume/geometry.h"
  std::vector<std::string> lines;
  std::vector<Include> includes;

  [[nodiscard]] bool isHeader() const { return path.ends_with(".h"); }

  [[nodiscard]] bool isCode() const;
};

[[nodiscard]] std::filesystem::path sourceRoot();

// Every text file that is ours, sorted by path: code, CMake, scripts, documents.
[[nodiscard]] const std::vector<SourceFile>& sourceTree();

}  // namespace argand::test
