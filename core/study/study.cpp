// SPDX-License-Identifier: Apache-2.0
#include "core/study/study.h"

#include "core/base/file_walk.h"
#include "core/base/text.h"

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
                     displayed(path.filename()),
                     header->components),
         header->warnings});
    return;
  }
  Entry entry;
  entry.path = path;
  entry.description = displayed(path.filename());
  entry.geometry = header->geometry;
  entry.warnings = header->warnings;
  found.entries.push_back(std::move(entry));
}

void addScanned(dicom::ScanResult scanned, Found& found) {
  for (dicom::SeriesEntry& series : scanned.entries) {
    found.entries.push_back(entryOf(std::move(series)));
  }
  for (dicom::Refusal& refusal : scanned.refused) {
    found.refused.push_back({refusal.path,
                             std::move(refusal.reason),
                             std::move(refusal.warnings),
                             refusal.files,
                             refusal.ofImage});
  }
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

bool isPrimary(const Entry& entry) {
  return !entry.series || entry.series->primary;
}

// Beside an image file that was not named itself; a DICOM series says so by itself.
Warning filesLeftOut(const std::vector<Refusal>& refused) {
  int count = 0;
  for (const Refusal& refusal : refused) {
    count += refusal.files;
  }
  return {WarningCode::FilesLeftOut,
          fmt::format("{} file{} beside this image could not be used; the first is {}: {}",
                      count,
                      count > 1 ? "s" : "",
                      displayed(refused.front().path.filename()),
                      refused.front().reason)};
}

}  // namespace

std::string Entry::title() const {
  std::string text = description.empty() ? displayed(path.filename()) : description;
  if (!modality.empty()) {
    text += fmt::format(", {}", modality);
  }
  if (geometry) {
    text += fmt::format(", {} x {} x {}", geometry->size.i, geometry->size.j, geometry->size.k);
  }
  if (series && series->stack > 0) {
    text += fmt::format(", part {}", series->stack);
    if (!series->part.empty()) {
      text += fmt::format(" ({})", series->part);
    }
  }
  if (series && !series->primary) {
    text += ", not for segmentation";
  }
  return text;
}

Result<Found> find(const fs::path& path, const std::stop_token& stop, const ProgressFn& progress) {
  std::error_code ignored;
  Found found;
  if (!fs::is_directory(path, ignored)) {
    if (fs::is_regular_file(path, ignored) && io::formatOf(path)) {
      addImageFile(path, found);
      return found;
    }
    ARGAND_ASSIGN(dicom::ScanResult scanned, dicom::scan(path, stop, progress));
    addScanned(std::move(scanned), found);
    return found;
  }
  ARGAND_ASSIGN(FilesUnder files, filesUnder(path, stop));
  const auto images =
      std::stable_partition(files.files.begin(), files.files.end(), [](const fs::path& file) {
        return !io::formatOf(file);
      });
  const std::vector<fs::path> imageFiles(images, files.files.end());
  files.files.erase(images, files.files.end());
  ARGAND_ASSIGN(dicom::ScanResult scanned, dicom::scanFiles(path, files, stop, progress));
  addScanned(std::move(scanned), found);
  for (const fs::path& image : imageFiles) {
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
    std::string text = fmt::format("There is no image volume in {}.", displayed(path));
    for (const Refusal& refusal : found.refused) {
      text += fmt::format("\n  {}: {}", displayed(refusal.path.filename()), refusal.reason);
    }
    return fail(ErrorCode::InputRefused, text);
  }
  std::vector<Entry> chosen = images;
  if (!seriesUid.empty()) {
    std::erase_if(chosen, [&](const Entry& entry) { return !matches(entry, seriesUid); });
  }
  if (std::any_of(chosen.begin(), chosen.end(), &isPrimary)) {
    std::erase_if(chosen, [](const Entry& entry) { return !isPrimary(entry); });
  }
  if (chosen.size() == 1) {
    Entry& entry = chosen.front();
    if (!entry.series && !found.refused.empty()) {
      entry.warnings.push_back(filesLeftOut(found.refused));
    }
    return std::move(entry);
  }
  if (chosen.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("There is no series {} in {}; there is:{}",
                            seriesUid,
                            displayed(path),
                            listed(images)));
  }
  return fail(ErrorCode::InputRefused,
              fmt::format("{} holds {} image volumes; choose one:{}",
                          displayed(path),
                          chosen.size(),
                          listed(chosen)));
}

Result<LoadedVolume> load(const Entry& entry,
                          const std::stop_token& stop,
                          const ProgressFn& progress,
                          const dicom::ReadOptions& options) {
  if (entry.kind != dicom::ObjectKind::Image) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} is a segmentation, not an image.", displayed(entry.path.filename())));
  }
  if (entry.series) {
    ARGAND_ASSIGN(dicom::LoadedSeries series,
                  dicom::readSeries(*entry.series, stop, progress, options));
    LoadedVolume loaded{std::move(series.volume), entry.warnings};
    append(loaded.warnings, series.warnings);
    return loaded;
  }
  if (options.suv) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("SUV cannot be computed of {}: it is no DICOM series.", displayed(entry.path)));
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
