// SPDX-License-Identifier: Apache-2.0
#include "core/train/dataset.h"

#include "core/base/text.h"
#include "core/infer/preprocess.h"
#include "core/io/image_file.h"
#include "core/train/random.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace argand::train {

namespace {

namespace fs = std::filesystem;

// Returns the name without its ending, and nothing where that is none of an image's.
std::string idOf(const fs::path& path) {
  if (!io::formatOf(path)) {
    return {};
  }
  std::string name = path.filename().native();
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  constexpr std::string_view kDouble = ".nii.gz";
  const std::size_t ending =
      lower.ends_with(kDouble) ? kDouble.size() : path.extension().native().size();
  name.resize(name.size() - ending);
  return utf8Text(name);
}

// Names of files that stand beside images and are none, by design.
bool isByproduct(const fs::path& path) {
  const std::string name = path.filename().native();
  const std::string ending = path.extension().native();
  return name.starts_with('.') || ending == ".json" || ending == ".txt" || ending == ".md" ||
         ending == ".raw" || ending == ".zraw" || name == "LICENSE";
}

using Files = std::map<std::string, std::vector<fs::path>>;  // by id

Result<Files> imageFiles(const fs::path& folder, std::vector<Finding>& findings) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is no folder; training data is images/NAME.nii.gz with "
                            "labels/NAME.nii.gz.",
                            displayed(folder)));
  }
  return guarded(ErrorCode::InputRefused, "listing " + displayed(folder), [&] {
    Files files;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string id = idOf(entry.path());
      if (!id.empty() && id.front() != '.') {  // "._X.nii.gz": what macOS leaves in archives
        files[id].push_back(entry.path());
      } else if (!isByproduct(entry.path())) {
        findings.push_back({utf8Text(entry.path().filename().native()),
                            fmt::format("{} is no image file that Argand reads and was left out.",
                                        displayed(entry.path())),
                            false});
      }
    }
    return files;
  });
}

// What the pairs have in common.
struct Seen {
  std::map<std::size_t, std::string> imagesByHash;
  std::set<LabelValue> values;
};

std::size_t voxelHash(const Volume& volume) {
  return volume.visit([](const auto& voxels) {
    const auto bytes = std::as_bytes(voxels);
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  });
}

Finding refused(const std::string& id, std::string text) {
  return {id, std::move(text), true};
}

class Checker {
 public:
  Checker(const infer::ModelCard& card, DatasetReport& report) : m_card(card), m_report(report) {}

  void check(const Case& pair) {
    const auto image = io::readImage(pair.image);
    if (!image) {
      m_report.findings.push_back(refused(pair.id, image.error().message));
      return;
    }
    const auto labels = io::readLabels(pair.labels);
    if (!labels) {
      m_report.findings.push_back(refused(pair.id, labels.error().message));
      return;
    }
    for (const auto* warnings : {&image->warnings, &labels->warnings}) {
      for (const Warning& warning : *warnings) {
        m_report.findings.push_back({pair.id, warning.text, false});
      }
    }
    if (usable(pair, image->volume, labels->labels)) {
      m_report.cases.push_back(pair);
    }
  }

  void finish() { m_report.values.assign(m_seen.values.begin(), m_seen.values.end()); }

 private:
  bool usable(const Case& pair, const Volume& volume, const LabelMap& labels) {
    if (!sameGrid(volume.geometry(), labels.geometry)) {
      return refuse(
          pair,
          fmt::format(
              "{} does not lie on the grid of {}.", displayed(pair.labels), displayed(pair.image)));
    }
    const std::set<LabelValue> values(labels.voxels.begin(), labels.voxels.end());
    if (!values.empty() && *values.rbegin() >= m_card.classes()) {
      return refuse(pair,
                    fmt::format("{} holds the value {}; model '{}' has the labels 1 to {}.",
                                displayed(pair.labels),
                                *values.rbegin(),
                                m_card.id,
                                m_card.classes() - 1));
    }
    const auto grid = infer::networkGrid(
        volume.geometry(), volume.geometry().box(), m_card, engine::Extent{1, 1, 1});
    if (!grid) {
      return refuse(pair, fmt::format("{}: {}", displayed(pair.image), grid.error().message));
    }
    for (int axis = 0; axis < 3; ++axis) {
      m_report.largestExtentMm[axis] =
          std::max(m_report.largestExtentMm[axis], grid->extentMm()[axis]);
    }
    note(pair, volume, values);
    return true;
  }

  // Warnings, and what the cases have in common.
  void note(const Case& pair, const Volume& volume, const std::set<LabelValue>& values) {
    if (values.empty() || *values.rbegin() == 0) {
      m_report.findings.push_back(
          {pair.id, fmt::format("{} marks nothing.", displayed(pair.labels)), false});
    }
    m_seen.values.insert(values.begin(), values.end());
    const auto [same, fresh] = m_seen.imagesByHash.emplace(voxelHash(volume), pair.id);
    if (!fresh) {
      m_report.findings.push_back(
          {pair.id,
           fmt::format("{} has the same voxels as case '{}': one of them in training and one in "
                       "validation would flatter the result.",
                       displayed(pair.image),
                       same->second),
           false});
    }
  }

  bool refuse(const Case& pair, std::string text) {
    m_report.findings.push_back(refused(pair.id, std::move(text)));
    return false;
  }

  const infer::ModelCard& m_card;
  DatasetReport& m_report;
  Seen m_seen;
};

// The pairs; what has no partner, or two of them, is a finding.
std::vector<Case> paired(const Files& images, const Files& labels, std::vector<Finding>& findings) {
  std::vector<Case> cases;
  for (const auto& [id, paths] : images) {
    const auto partner = labels.find(id);
    if (paths.size() > 1 || (partner != labels.end() && partner->second.size() > 1)) {
      const auto& twice = paths.size() > 1 ? paths : partner->second;
      findings.push_back(refused(id,
                                 fmt::format("{} and {} are two files of one case; keep one.",
                                             displayed(twice[0]),
                                             displayed(twice[1]))));
    } else if (partner == labels.end()) {
      findings.push_back(refused(id, fmt::format("{} has no label map.", displayed(paths[0]))));
    } else {
      cases.push_back({id, paths[0], partner->second[0]});
    }
  }
  for (const auto& [id, paths] : labels) {
    if (!images.contains(id)) {
      findings.push_back(refused(id, fmt::format("{} has no image.", displayed(paths[0]))));
    }
  }
  return cases;
}

}  // namespace

Result<DatasetReport> checkDataset(const fs::path& folder,
                                   const infer::ModelCard& card,
                                   const std::stop_token& stop,
                                   const ProgressFn& progress) {
  DatasetReport result;
  ARGAND_ASSIGN(const Files images, imageFiles(folder / "images", result.findings));
  ARGAND_ASSIGN(const Files labels, imageFiles(folder / "labels", result.findings));
  const std::vector<Case> cases = paired(images, labels, result.findings);
  Checker checker(card, result);
  for (std::size_t n = 0; n < cases.size(); ++n) {
    ARGAND_TRY(checkStop(stop));
    report(progress,
           "Checking the data",
           static_cast<double>(n) / static_cast<double>(cases.size()),
           fmt::format("case {} of {}", n + 1, cases.size()));
    checker.check(cases[n]);
  }
  checker.finish();
  return result;
}

Result<Split> splitCases(const std::vector<Case>& cases,
                         double validationShare,
                         std::uint64_t seed) {
  if (cases.size() < 2) {
    return fail(ErrorCode::InputRefused,
                fmt::format("Training needs at least two usable cases, one of them to validate; "
                            "there {}.",
                            cases.empty() ? "are none" : "is one"));
  }
  std::vector<std::string> ids;
  for (const Case& one : cases) {
    ids.push_back(one.id);
  }
  std::sort(ids.begin(), ids.end());
  CounterRandom random{seed};
  for (std::size_t n = ids.size() - 1; n > 0; --n) {
    std::swap(ids[n], ids[random.below(n + 1)]);
  }
  const auto wanted =
      static_cast<std::size_t>(std::llround(validationShare * static_cast<double>(ids.size())));
  const auto count =
      static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(wanted, 1, ids.size() - 1));
  Split split;
  split.validation.assign(ids.begin(), ids.begin() + count);
  split.training.assign(ids.begin() + count, ids.end());
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

Result<Split> readSplit(const fs::path& path, const std::vector<Case>& cases) {
  ARGAND_ASSIGN(const Json json, readJsonFile(path));
  Split split;
  using Ids = std::vector<std::string>;
  ARGAND_ASSIGN(split.training, jsonMember<Ids>(json, "training", displayed(path)));
  ARGAND_ASSIGN(split.validation, jsonMember<Ids>(json, "validation", displayed(path)));
  std::set<std::string> usable;
  for (const Case& one : cases) {
    usable.insert(one.id);
  }
  if (split.training.empty() || split.validation.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} needs cases on both sides.", displayed(path)));
  }
  std::set<std::string> named;
  for (const Ids* ids : {&split.training, &split.validation}) {
    for (const std::string& id : *ids) {
      if (!usable.contains(id) || !named.insert(id).second) {
        return fail(ErrorCode::InputRefused,
                    fmt::format("{} names case '{}', which {}.",
                                displayed(path),
                                id,
                                usable.contains(id) ? "it has named already" : "cannot be used"));
      }
    }
  }
  return split;
}

Json toJson(const Split& split) {
  return Json{{"training", split.training}, {"validation", split.validation}};
}

}  // namespace argand::train
