// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/series.h"
#include "core/dicom/series/stacks.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <map>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

// One series of images as it is found, file by file.
struct FoundSeries {
  SeriesEntry entry;  // what all volumes of the series share
  std::vector<Frame> frames;
};

class Scanner {
 public:
  Result<void> add(const fs::path& path, bool named);
  ScanResult take();

 private:
  void refuse(const fs::path& path, const std::string& series, const std::string& reason);

  std::vector<std::string> m_order;  // of series, as found
  std::map<std::string, FoundSeries> m_series;
  std::vector<SeriesEntry> m_objects;  // SEG and RTSTRUCT

  // The first file refused of each series for each reason, and how many.
  struct Refused {
    Refusal refusal;
    int files = 1;
  };

  std::vector<std::pair<std::string, Refused>> m_refused;
};

SeriesEntry describe(DcmDataset& dataset, const ObjectInfo& info) {
  SeriesEntry entry;
  entry.kind = info.kind;
  entry.studyUid = info.studyUid;
  entry.seriesUid = info.seriesUid;
  entry.modality = info.modality;
  entry.seriesDescription = screenTextOf(dataset, DCM_SeriesDescription);
  entry.studyDescription = screenTextOf(dataset, DCM_StudyDescription);
  entry.studyDate = screenTextOf(dataset, DCM_StudyDate);
  entry.patientLabel = screenTextOf(dataset, DCM_PatientName);
  const auto number = numbersOf(dataset, DCM_SeriesNumber);
  entry.seriesNumber = number.empty() ? 0 : static_cast<int>(number.front());
  return entry;
}

void Scanner::refuse(const fs::path& path, const std::string& series, const std::string& reason) {
  const std::string key = series + '\n' + reason;
  const auto found = std::find_if(m_refused.begin(), m_refused.end(), [&](const auto& known) {
    return !series.empty() && known.first == key;
  });
  if (found != m_refused.end()) {
    ++found->second.files;
    return;
  }
  m_refused.push_back({key, {{path, reason, {}}, 1}});
}

Result<void> Scanner::add(const fs::path& path, bool named) {
  if (!looksLikeDicom(path)) {
    if (named) {
      refuse(path, {}, "It is not a DICOM file.");
    }
    return {};
  }
  auto file = loadObject(path, LoadPart::HeaderOnly);
  if (!file) {
    refuse(path, {}, file.error().message);
    return {};
  }
  DcmDataset& dataset = *(*file)->getDataset();
  if (textOf(*(*file)->getMetaInfo(), DCM_MediaStorageSOPClassUID) ==
      UID_MediaStorageDirectoryStorage) {
    return {};  // a DICOMDIR: the files that it lists are found by themselves
  }
  const ObjectInfo info = infoOf(dataset);
  if (info.kind != ObjectKind::Image) {
    SeriesEntry entry = describe(dataset, info);
    entry.files = {path};
    m_objects.push_back(std::move(entry));
    return {};
  }
  auto frames = framesOf(**file, path);
  if (!frames) {
    refuse(path, info.seriesUid, frames.error().message);
    return {};
  }
  auto [found, isNew] = m_series.try_emplace(info.seriesUid);
  if (isNew) {
    m_order.push_back(info.seriesUid);
    found->second.entry = describe(dataset, info);
  }
  std::move(frames->begin(), frames->end(), std::back_inserter(found->second.frames));
  return {};
}

ScanResult Scanner::take() {
  ScanResult result;
  for (const std::string& uid : m_order) {
    FoundSeries& series = m_series.at(uid);
    std::vector<Stack> stacks = stacksOf(std::move(series.frames));
    for (std::size_t n = 0; n < stacks.size(); ++n) {
      SeriesEntry entry = series.entry;
      entry.stack = stacks.size() > 1 ? static_cast<int>(n) + 1 : 0;
      entry.geometry = std::move(stacks[n].geometry);
      entry.warnings = std::move(stacks[n].warnings);
      for (const Frame& frame : stacks[n].frames) {
        entry.files.push_back(frame.file);
        entry.frames.push_back(frame.slice.frame);
      }
      result.entries.push_back(std::move(entry));
    }
  }
  std::move(m_objects.begin(), m_objects.end(), std::back_inserter(result.entries));
  for (auto& [key, refused] : m_refused) {
    if (refused.files > 1) {
      refused.refusal.reason +=
          fmt::format(" The same holds for {} more files of the series.", refused.files - 1);
    }
    result.refused.push_back(std::move(refused.refusal));
  }
  return result;
}

bool isDicomDirectory(const fs::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return name == "DICOMDIR";
}

Result<std::vector<fs::path>> filesUnder(const fs::path& folder, const std::stop_token& stop) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    ARGAND_TRY(checkStop(stop));
    std::error_code ignored;
    if (at->is_regular_file(ignored) && !isDicomDirectory(at->path())) {
      files.push_back(at->path());
    }
  }
  if (error) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The folder {} cannot be read: {}.", folder.string(), error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<ScanResult> scan(const fs::path& path,
                        const std::stop_token& stop,
                        const ProgressFn& progress) {
  ARGAND_TRY(prepareDcmtk());
  std::error_code ignored;
  const bool isFolder = fs::is_directory(path, ignored);
  if (!isFolder && !fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("There is no file or folder {}.", path.string()));
  }
  std::vector<fs::path> files{path};
  const bool search = isFolder || isDicomDirectory(path);
  if (search) {
    ARGAND_ASSIGN(files, filesUnder(isFolder ? path : fs::absolute(path).parent_path(), stop));
  }
  log::info("Looking for studies in {} files.", files.size());
  Scanner scanner;
  for (std::size_t n = 0; n < files.size(); ++n) {
    ARGAND_TRY(checkStop(stop));
    if (n % 32 == 0) {
      report(progress,
             "Looking for studies",
             static_cast<double>(n) / static_cast<double>(files.size()),
             fmt::format("{} of {} files", n, files.size()));
    }
    ARGAND_TRY(guarded(ErrorCode::InputRefused, fmt::format("reading {}", files[n].string()), [&] {
      return scanner.add(files[n], !search);
    }));
  }
  report(progress, "Looking for studies", 1.0);
  return scanner.take();
}

}  // namespace argand::dicom
