// SPDX-License-Identifier: Apache-2.0
#include "core/study/outputs.h"

#include "core/base/file.h"
#include "core/base/file_walk.h"
#include "core/base/text.h"
#include "core/study/study.h"

#include <algorithm>

namespace argand::study {

namespace fs = std::filesystem;

namespace {

std::string endingOf(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr std::string_view kDouble = ".nii.gz";
  return name.ends_with(kDouble) ? std::string(kDouble) : path.extension().string();
}

// True where `file` is one of the regular files below `folder`, by whatever name.
Result<bool> liesIn(const fs::path& folder, const fs::path& file, const std::stop_token& stop) {
  ARGAND_ASSIGN(const FilesUnder found, filesUnder(folder, stop));
  return std::any_of(found.files.begin(), found.files.end(), [&](const fs::path& other) {
    return sameFile(other, file);
  });
}

// A structure set or segmentation, which may be what an earlier run wrote.
bool holdsOnlyStructures(const fs::path& file, const std::stop_token& stop) {
  if (io::formatOf(file)) {
    return false;
  }
  const auto found = find(file, stop);
  return found && !found->entries.empty() &&
         std::none_of(found->entries.begin(), found->entries.end(), [](const Entry& entry) {
           return entry.kind == dicom::ObjectKind::Image;
         });
}

Result<void> checkFile(const fs::path& output,
                       std::span<const fs::path> inputs,
                       const std::stop_token& stop) {
  ARGAND_TRY(checkNotAnInput(output, inputs));
  std::error_code ignored;
  if (!fs::is_regular_file(output, ignored)) {
    return {};
  }
  for (const fs::path& input : inputs) {
    if (!fs::is_directory(input, ignored)) {
      continue;
    }
    ARGAND_ASSIGN(const bool inside, liesIn(input, output, stop));
    if (inside && !holdsOnlyStructures(output, stop)) {
      return fail(ErrorCode::Usage,
                  fmt::format("{} is a file of the folder {}, which this job reads, and writing "
                              "there would destroy it. Choose another name for the result.",
                              displayed(output),
                              displayed(input)));
    }
  }
  return {};
}

// Files that writing `output` as a label map may make beside it.
std::vector<fs::path> layersBeside(const fs::path& output) {
  std::vector<fs::path> layers;
  std::error_code error;
  const std::string ending = endingOf(output);
  const std::string name = output.filename().string();
  const std::string start = name.substr(0, name.size() - ending.size()) + "-layer";
  const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const std::string other = at->path().filename().string();
    if (other.starts_with(start) && other.ends_with(ending)) {
      layers.push_back(at->path());
    }
  }
  return layers;
}

}  // namespace

Result<void> checkOutput(const fs::path& output,
                         std::span<const fs::path> inputs,
                         const std::stop_token& stop) {
  ARGAND_TRY(checkFile(output, inputs, stop));
  if (io::formatOf(output)) {
    for (const fs::path& layer : layersBeside(output)) {
      ARGAND_TRY(checkFile(layer, inputs, stop));
    }
  }
  return {};
}

Result<void> checkOutputs(std::span<const fs::path> outputs,
                          std::span<const fs::path> inputs,
                          const std::stop_token& stop) {
  for (std::size_t n = 0; n < outputs.size(); ++n) {
    ARGAND_TRY(checkOutput(outputs[n], inputs, stop));
    for (std::size_t other = 0; other < n; ++other) {
      std::error_code ignored;
      if (fs::weakly_canonical(outputs[n], ignored) ==
              fs::weakly_canonical(outputs[other], ignored) ||
          sameFile(outputs[n], outputs[other])) {
        return fail(ErrorCode::Usage,
                    fmt::format("{} is named twice as a result; give each a name of its own.",
                                displayed(outputs[n])));
      }
    }
  }
  return {};
}

fs::path layerPath(const fs::path& path, int layer) {
  const std::string name = path.filename().string();
  const std::string ending = endingOf(path);
  // Joined as bytes, which need not be UTF-8.
  return path.parent_path() / (name.substr(0, name.size() - ending.size()) + "-layer" +
                               std::to_string(layer + 1) + ending);
}

}  // namespace argand::study
