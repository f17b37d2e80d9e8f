// SPDX-License-Identifier: Apache-2.0
// The layers of docs/architecture.md, read off every #include.
#include "tests/architecture/source_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <regex>
#include <set>

namespace argand::test {
namespace {

// A folder and what its files may include besides themselves; the longest prefix counts.
const std::map<std::string, std::vector<std::string>> kLayers = {
    {"cmake/", {}},
    {"core/base/", {}},
    {"core/volume/", {"core/base/"}},
    {"core/io/", {"core/base/", "core/volume/"}},
    {"core/dicom/", {"core/base/", "core/volume/"}},
    {"core/metrics/", {"core/base/", "core/volume/"}},
    {"core/mesh/", {"core/base/", "core/volume/"}},
    {"core/edit/", {"core/base/", "core/volume/"}},
    {"core/study/", {"core/base/", "core/volume/", "core/io/", "core/dicom/"}},
    {"core/engine/cuda/", {"core/base/"}},
    {"core/engine/cuda/run/",
     {"core/base/",
      "core/engine/cuda/",
      "core/engine/graph/",
      "core/engine/plan/",
      "core/engine/run/"}},
    {"core/engine/graph/", {"core/base/"}},
    {"core/engine/plan/", {"core/base/", "core/engine/graph/", "core/engine/cuda/"}},
    {"core/engine/run/", {"core/base/", "core/engine/graph/", "core/engine/plan/"}},
    {"core/engine/training/",
     {"core/base/", "core/engine/graph/", "core/engine/plan/", "core/engine/run/"}},
    {"core/infer/", {"core/base/", "core/volume/", "core/engine/"}},
    {"core/train/",
     {"core/base/", "core/volume/", "core/engine/", "core/infer/", "core/io/", "core/metrics/"}},
    {"models/", {"core/base/", "core/engine/graph/", "core/infer/"}},
    {"viz/", {"core/"}},
    {"ui/", {"core/", "viz/"}},
    {"app/", {"core/", "models/", "viz/", "ui/"}},
    {"tests/", {"core/", "models/", "viz/", "ui/", "app/"}},
};

// A library, its headers, and the files that may include them.
struct Library {
  std::string name;
  std::regex headers;
  std::regex mayInclude;
};

const std::vector<Library> kLibraries = {
    {"Qt", std::regex("^Q[A-Z].*|^Qt.*"), std::regex("^(ui|app|tests)/.*")},
    {"VTK", std::regex("^vtk.*"), std::regex("^(viz|ui/views|tests)/.*")},
    {"Torch",
     std::regex("^(ATen|c10|torch|caffe2)/.*"),
     std::regex("^(core/(engine/(run|training|cuda/run)|infer|train)|models/import|tests)/.*")},
    {"DCMTK and GDCM", std::regex("^(dcmtk/|gdcm).*"), std::regex("^(core/dicom|tests)/.*")},
    {"CUDA", std::regex("^(cuda|nccl).*"), std::regex("^(core/engine/cuda|tests/gpu)/.*")},
};

const Library* libraryOf(const Include& include) {
  for (const Library& library : kLibraries) {
    if (!include.quoted && std::regex_match(include.path, library.headers)) {
      return &library;
    }
  }
  return nullptr;
}

std::optional<std::string> layerOf(const std::string& path) {
  std::optional<std::string> best;
  for (const auto& [folder, below] : kLayers) {
    if (path.starts_with(folder) && (!best || folder.size() > best->size())) {
      best = folder;
    }
  }
  return best;
}

bool mayInclude(const std::string& layer, const std::string& path) {
  if (path.starts_with(layer)) {
    return true;
  }
  for (const std::string& folder : kLayers.at(layer)) {
    if (path.starts_with(folder)) {
      return true;
    }
  }
  return false;
}

const SourceFile* find(const std::string& path) {
  for (const SourceFile& file : sourceTree()) {
    if (file.path == path) {
      return &file;
    }
  }
  return nullptr;
}

// The way from a file through our headers to a library, or nothing: {"ui/x.h", "core/y.h",
// "torch"}.
std::vector<std::string> wayTo(const SourceFile& file,
                               const std::regex& libraries,
                               std::set<std::string>& seen) {
  for (const Include& include : file.includes) {
    if (const Library* library = libraryOf(include);
        library != nullptr && std::regex_match(library->name, libraries)) {
      return {file.path, "<" + include.path + ">"};
    }
    if (!include.quoted || !seen.insert(include.path).second) {
      continue;
    }
    if (const SourceFile* next = find(include.path)) {
      std::vector<std::string> way = wayTo(*next, libraries, seen);
      if (!way.empty()) {
        way.insert(way.begin(), file.path);
        return way;
      }
    }
  }
  return {};
}

TEST(Includes, AreWrittenFromTheRootAndExist) {
  for (const SourceFile& file : sourceTree()) {
    for (const Include& include : file.includes) {
      if (include.quoted && !layerOf(include.path)) {
        ADD_FAILURE() << fmt::format("{}:{} includes \"{}\", which is not written from the root",
                                     file.path,
                                     include.line,
                                     include.path);
      } else if (include.quoted && find(include.path) == nullptr &&
                 find(include.path + ".in") == nullptr) {
        ADD_FAILURE() << fmt::format(
            "{}:{} includes {}, which does not exist", file.path, include.line, include.path);
      }
    }
  }
}

TEST(Includes, NeverPointUpTheLayers) {
  for (const SourceFile& file : sourceTree()) {
    if (!file.isCode()) {
      continue;
    }
    const auto layer = layerOf(file.path);
    ASSERT_TRUE(layer) << file.path << " lies in a folder that the table of layers does not name";
    for (const Include& include : file.includes) {
      if (include.quoted && layerOf(include.path) && !mayInclude(*layer, include.path)) {
        ADD_FAILURE() << fmt::format(
            "{}:{} includes {} (not allowed in {})", file.path, include.line, include.path, *layer);
      }
    }
  }
}

TEST(Includes, KeepLibrariesWhereTheyBelong) {
  for (const SourceFile& file : sourceTree()) {
    for (const Include& include : file.includes) {
      const Library* library = libraryOf(include);
      if (library != nullptr && !std::regex_match(file.path, library->mayInclude)) {
        ADD_FAILURE() << fmt::format("{}:{} includes {} ({} is not allowed there)",
                                     file.path,
                                     include.line,
                                     include.path,
                                     library->name);
      }
    }
  }
}

TEST(Includes, OfTheWindowNeverReachTorchItkOrDcmtk) {
  const std::regex hidden("Torch|DCMTK and GDCM|CUDA");
  for (const SourceFile& file : sourceTree()) {
    if (!std::regex_search(file.path, std::regex("^(ui|viz|app)/"))) {
      continue;
    }
    std::set<std::string> seen;
    const std::vector<std::string> way = wayTo(file, hidden, seen);
    EXPECT_TRUE(way.empty()) << fmt::format("{}", fmt::join(way, " -> "));
  }
}

// What decides runs without Torch.
TEST(Includes, OfThePlanHalfNeverReachTorch) {
  for (const SourceFile& file : sourceTree()) {
    if (!std::regex_search(file.path, std::regex("^core/engine/(graph|plan)/"))) {
      continue;
    }
    std::set<std::string> seen;
    const std::vector<std::string> way = wayTo(file, std::regex("Torch|CUDA"), seen);
    EXPECT_TRUE(way.empty()) << fmt::format("{}", fmt::join(way, " -> "));
  }
}

}  // namespace
}  // namespace argand::test
