// SPDX-License-Identifier: Apache-2.0
#include "core/study/study.h"

#include <algorithm>

namespace argand::study {

namespace fs = std::filesystem;

namespace {

Entry entryOf(dicom::SeriesEntry series) {
  Entry entry;
  entry.kind = series.kind;
  const fs::path& first = series.files.front();
  entry.path = series.files.size() > 1 ? first.parent_path() : first;
  entry.modality = series.modality;
  entry.description = series.seriesDescription;
  if (series.kind == dicom::ObjectKind::Image) {
    entry.geometry = series.geometry;
  }
  entry.warnings = series.warnings;
  entry.series = std::move(series);
  return entry;
}

void addImageFile(const fs::path& path, Found& found) {
  const auto header = io::readImageHeader(path);
  if (!header) {
    found.refused.push_back({path, header.error().message, {}});
    return;
  }
  if (header->components != 1) {
    found.refused.push_back(
        {path,
         fmt::format("{} holds {} images (time points or components); Argand opens files with one. "
                     "Save the one you want as a file of its own.",
                     path.filename().string(),
                     header->components),
         header->warnings});
    return;
  }
  Entry entry;
  entry.path = path;
  entry.description = path.filename().string();
  entry.geometry = header->geometry;
  entry.warnings = header->warnings;
  found.entries.push_back(std::move(entry));
}

Result<void> addDicom(const fs::path& path,
                      Found& found,
                      const std::stop_token& stop,
                      const ProgressFn& progress) {
  ARGAND_ASSIGN(dicom::ScanResult scanned, dicom::scan(path, stop, progress));
  for (dicom::SeriesEntry& series : scanned.entries) {
    found.entries.push_back(entryOf(std::move(series)));
  }
  for (dicom::Refusal& refusal : scanned.refused) {
    found.refused.push_back({refusal.path, refusal.reason, refusal.warnings});
  }
  return {};
}

// How --series names one volume among several.
std::string handleOf(const Entry& entry) {
  return entry.series && entry.series->stack > 0
             ? fmt::format("{}#{}", entry.seriesUid(), entry.series->stack)
             : entry.seriesUid();
}

std::string listed(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) {
    text += fmt::format("\n  {}  --series {}", entry.title(), handleOf(entry));
  }
  return text;
}

bool matches(const Entry& entry, const std::string& wanted) {
  return wanted == entry.seriesUid() || wanted == handleOf(entry);
}

}  // namespace

std::string Entry::title() const {
  std::string text = description.empty() ? path.filename().string() : description;
  if (!modality.empty()) {
    text += fmt::format(", {}", modality);
  }
  if (geometry) {
    text += fmt::format(", {} x {} x {}", geometry->size.i, geometry->size.j, geometry->size.k);
  }
  if (series && series->stack > 0) {
    text += fmt::format(", part {}", series->stack);
  }
  return text;
}

Result<Found> find(const fs::path& path, const std::stop_token& stop, const ProgressFn& progress) {
  std::error_code error;
  Found found;
  if (fs::is_regular_file(path, error)) {
    if (io::formatOf(path)) {
      addImageFile(path, found);
    } else {
      ARGAND_TRY(addDicom(path, found, stop, progress));
    }
    return found;
  }
  if (!fs::is_directory(path, error)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("There is no file or folder {}.", path.string()));
  }
  ARGAND_TRY(addDicom(path, found, stop, progress));
  std::vector<fs::path> images;
  for (auto it = fs::recursive_directory_iterator(
           path, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (it->is_regular_file(error) && io::formatOf(it->path())) {
      images.push_back(it->path());
    }
  }
  std::sort(images.begin(), images.end());
  for (const fs::path& image : images) {
    ARGAND_TRY(checkStop(stop));
    addImageFile(image, found);
  }
  return found;
}

Result<Entry> findImage(const fs::path& path,
                        const std::string& seriesUid,
                        const std::stop_token& stop) {
  ARGAND_ASSIGN(Found found, find(path, stop));
  std::vector<Entry> images;
  for (Entry& entry : found.entries) {
    if (entry.kind == dicom::ObjectKind::Image) {
      images.push_back(std::move(entry));
    }
  }
  if (images.empty()) {
    std::string text = fmt::format("There is no image volume in {}.", path.string());
    for (const Refusal& refusal : found.refused) {
      text += fmt::format("\n  {}: {}", refusal.path.filename().string(), refusal.reason);
    }
    return fail(ErrorCode::InputRefused, text);
  }
  std::vector<Entry> chosen = images;
  if (!seriesUid.empty()) {
    std::erase_if(chosen, [&](const Entry& entry) { return !matches(entry, seriesUid); });
  }
  if (chosen.size() == 1) {
    return chosen.front();
  }
  if (chosen.empty()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format(
            "There is no series {} in {}; there is:{}", seriesUid, path.string(), listed(images)));
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("{} holds {} image volumes; choose one:{}",
                          path.string(),
                          chosen.size(),
                          listed(chosen)));
}

Result<LoadedVolume> load(const Entry& entry,
                          const std::stop_token& stop,
                          const ProgressFn& progress) {
  if (entry.kind != dicom::ObjectKind::Image) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is a segmentation, not an image.", entry.path.filename().string()));
  }
  if (entry.series) {
    ARGAND_ASSIGN(Volume volume, dicom::readSeries(*entry.series, stop, progress));
    return LoadedVolume{std::move(volume), entry.warnings};
  }
  ARGAND_ASSIGN(io::ImageFile file, io::readImage(entry.path));
  file.volume.description = entry.description;
  LoadedVolume loaded{std::move(file.volume), entry.warnings};
  for (Warning& warning : file.warnings) {  // those of the header are the entry's already
    if (std::find(loaded.warnings.begin(), loaded.warnings.end(), warning) ==
        loaded.warnings.end()) {
      loaded.warnings.push_back(std::move(warning));
    }
  }
  return loaded;
}

}  // namespace argand::study
