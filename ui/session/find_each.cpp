// SPDX-License-Identifier: Apache-2.0
#include "ui/session/find_each.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace argand::ui {
namespace {

namespace fs = std::filesystem;

using Paths = std::set<fs::path>;

void move(study::Found& found, study::Found& all) {
  std::move(found.entries.begin(), found.entries.end(), std::back_inserter(all.entries));
  std::move(found.refused.begin(), found.refused.end(), std::back_inserter(all.refused));
}

// True where an image of one frame was found, which may be a slice of a series.
bool hasSlice(const study::Found& found) {
  return std::any_of(found.entries.begin(), found.entries.end(), [](const study::Entry& entry) {
    return entry.kind == dicom::ObjectKind::Image && entry.series &&
           entry.series->files.size() == 1 && entry.series->frames == std::vector<int>{0};
  });
}

Result<void> addFound(const fs::path& path,
                      study::Found& all,
                      const std::stop_token& stop,
                      const ProgressFn& progress) {
  auto found = study::find(path, stop, progress);
  if (!found) {
    if (found.error().code == ErrorCode::Cancelled) {
      return failureOf(found);
    }
    all.refused.push_back({path, found.error().message, {}});
    return {};
  }
  move(*found, all);
  return {};
}

// Lists the series of `folder` that hold one of `files`; returns the files that are
// in none of them.
Result<Paths> addSeries(const fs::path& folder,
                        const Paths& files,
                        study::Found& all,
                        const std::stop_token& stop,
                        const ProgressFn& progress) {
  study::Found found;
  ARGAND_TRY(addFound(folder, found, stop, progress));
  Paths left = files;
  for (study::Entry& entry : found.entries) {
    if (!entry.series) {
      continue;
    }
    const std::vector<fs::path>& members = entry.series->files;
    if (std::any_of(members.begin(), members.end(), [&](const fs::path& member) {
          return files.contains(member);
        })) {
      for (const fs::path& member : members) {
        left.erase(member);
      }
      all.entries.push_back(std::move(entry));
    }
  }
  return left;
}

}  // namespace

Result<study::Found> findEach(const std::vector<fs::path>& paths,
                              const std::stop_token& stop,
                              const ProgressFn& progress) {
  study::Found all;
  std::map<fs::path, Paths> perFolder;
  for (const fs::path& path : paths) {
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored) && !io::formatOf(path)) {
      perFolder[path.parent_path()].insert(path);
    } else {
      ARGAND_TRY(addFound(path, all, stop, progress));
    }
  }
  for (auto& [folder, files] : perFolder) {
    // One file alone is looked at first: most that are no slice need no search.
    study::Found alone;
    if (files.size() == 1) {
      ARGAND_TRY(addFound(*files.begin(), alone, stop, progress));
      if (!hasSlice(alone)) {
        move(alone, all);
        continue;
      }
    }
    ARGAND_ASSIGN(files, addSeries(folder, files, all, stop, progress));
    for (const fs::path& file : files) {
      ARGAND_TRY(addFound(file, all, stop, progress));
    }
  }
  return all;
}

}  // namespace argand::ui
