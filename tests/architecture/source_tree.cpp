// SPDX-License-Identifier: Apache-2.0
#include "tests/architecture/source_tree.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <regex>
#include <string_view>

namespace argand::test {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 10> kFolders = {
    "app", "cmake", "core", "docs", "models", "packaging", "resources", "tests", "ui", "viz"};
constexpr std::array<std::string_view, 14> kEndings = {".h",
                                                       ".cpp",
                                                       ".cu",
                                                       ".txt",
                                                       ".cmake",
                                                       ".in",
                                                       ".json",
                                                       ".md",
                                                       ".sh",
                                                       ".xml",
                                                       ".desktop",
                                                       ".qrc",
                                                       ".qss",
                                                       ".py"};

bool isText(const fs::path& path) {
  return std::ranges::find(kEndings, path.extension().string()) != kEndings.end();
}

SourceFile read(const fs::path& path) {
  SourceFile file;
  file.path = fs::relative(path, sourceRoot()).generic_string();
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    file.lines.push_back(line);
  }
  if (!file.isCode()) {
    return file;
  }
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  for (std::size_t n = 0; n < file.lines.size(); ++n) {
    std::smatch match;
    if (std::regex_search(file.lines[n], match, kInclude)) {
      file.includes.push_back({static_cast<int>(n) + 1, match[2], match[1] == "\""});
    }
  }
  return file;
}

std::vector<SourceFile> readTree() {
  std::vector<SourceFile> files;
  for (const auto& entry : fs::directory_iterator(sourceRoot())) {
    if (entry.is_regular_file() && isText(entry.path())) {
      files.push_back(read(entry.path()));
    }
  }
  for (const std::string_view folder : kFolders) {
    if (!fs::exists(sourceRoot() / folder)) {
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(sourceRoot() / folder)) {
      if (entry.is_regular_file() && isText(entry.path())) {
        files.push_back(read(entry.path()));
      }
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace

bool SourceFile::isCode() const {
  return isHeader() || path.ends_with(".cpp") || path.ends_with(".cu");
}

fs::path sourceRoot() {
  return ARGAND_SOURCE_DIR;
}

const std::vector<SourceFile>& sourceTree() {
  static const std::vector<SourceFile> kTree = readTree();
  return kTree;
}

}  // namespace argand::test
