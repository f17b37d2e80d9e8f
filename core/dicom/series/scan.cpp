// SPDX-License-Identifier: Apache-2.0
#include "core/base/file_walk.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/dicom/series/directory.h"
#include "core/dicom/series/object_header.h"
#include "core/dicom/series/series.h"
#include "core/dicom/series/stacks.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

// What makes images one series. Two patients, or two studies, that share a Series
// Instance UID have a series each.
struct SeriesKey {
  std::string patient;
  std::string study;
  std::string series;
  auto operator<=>(const SeriesKey&) const = default;
};

// One series of images as it is found, file by file.
struct FoundSeries {
  SeriesEntry entry;  // what all volumes of the series share
  std::vector<Frame> frames;
  std::set<fs::path> secondary;  // files that are not primary, a scout among slices say
};

// A file's name with every run of digits as "#": slices of one series share it.
std::string patternOf(const fs::path& path) {
  const std::string name = path.filename().native();
  std::string pattern;
  for (const char c : name) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) {
      pattern.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else if (pattern.empty() || pattern.back() != '#') {
      pattern.push_back('#');
    }
  }
  return pattern;
}

bool within(const fs::path& folder, const fs::path& path) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

class Scanner {
 public:
  void add(ObjectHeader header);
  void addUnreached(const fs::path& path, std::string reason);
  // `named`: the path was pointed at, so it is answered for in any case.
  ScanResult take(const fs::path& root, bool named);

 private:
  void refuse(const fs::path& path, const std::string& series, std::string reason, bool ofImage);
  void judgeOthers(bool named);
  void addVolumes(ScanResult& result);
  void warnOfFilesLeftOut(const fs::path& root, ScanResult& result) const;

  std::vector<SeriesKey> m_order;  // as found
  std::map<SeriesKey, FoundSeries> m_series;
  std::vector<SeriesEntry> m_objects;  // SEG and RTSTRUCT
  std::vector<ObjectHeader> m_others;  // files that are no DICOM
  // Folder and pattern of the names of DICOM images, which other files of a series share.
  std::set<std::pair<fs::path, std::string>> m_patterns;
  std::vector<Refusal> m_refused;
  std::map<std::string, std::size_t> m_refusedAlike;  // by series and reason
};

void Scanner::refuse(const fs::path& path,
                     const std::string& series,
                     std::string reason,
                     bool ofImage) {
  if (!series.empty()) {
    const auto [known, fresh] = m_refusedAlike.emplace(series + '\n' + reason, m_refused.size());
    if (!fresh) {
      ++m_refused[known->second].files;
      return;
    }
  }
  Refusal refusal;
  refusal.path = path;
  refusal.reason = std::move(reason);
  refusal.ofImage = ofImage;
  m_refused.push_back(std::move(refusal));
}

void Scanner::addUnreached(const fs::path& path, std::string reason) {
  refuse(path, {}, std::move(reason), true);
}

void Scanner::add(ObjectHeader header) {
  switch (header.kind) {
    case HeaderKind::Directory:
      return;  // the files that it lists are found by themselves, or missed by name
    case HeaderKind::NotDicom:
    case HeaderKind::Empty:
      m_others.push_back(std::move(header));
      return;
    case HeaderKind::Unreadable:
      refuse(header.path, {}, std::move(header.reason), true);
      return;
    case HeaderKind::Object:
      m_objects.push_back(std::move(header.entry));
      return;
    case HeaderKind::Refused:
      m_patterns.emplace(header.path.parent_path(), patternOf(header.path));
      refuse(header.path, header.entry.seriesUid, std::move(header.reason), header.ofImage);
      return;
    case HeaderKind::Image:
      break;
  }
  m_patterns.emplace(header.path.parent_path(), patternOf(header.path));
  const SeriesKey key{header.patient, header.entry.studyUid, header.entry.seriesUid};
  auto [found, isNew] = m_series.try_emplace(key);
  if (!header.entry.primary) {
    found->second.secondary.insert(header.path);
  }
  if (isNew) {
    m_order.push_back(key);
    found->second.entry = std::move(header.entry);
  }
  std::move(header.frames.begin(), header.frames.end(), std::back_inserter(found->second.frames));
}

// Files that are no DICOM are missed where their names say that they should be:
// by ".dcm", or by the pattern of the names of images in the same folder.
void Scanner::judgeOthers(bool named) {
  for (const ObjectHeader& other : m_others) {
    const std::string pattern = patternOf(other.path);
    if (named || pattern.ends_with(".dcm") ||
        m_patterns.contains({other.path.parent_path(), pattern})) {
      refuse(other.path, {}, other.reason, true);
    }
  }
}

void Scanner::addVolumes(ScanResult& result) {
  std::map<std::string, int> owners;  // of each Series Instance UID
  for (const SeriesKey& key : m_order) {
    ++owners[key.series];
  }
  std::map<std::string, std::vector<std::size_t>> volumes;  // entries by Series Instance UID
  std::map<std::string, int> owner;
  for (const SeriesKey& key : m_order) {
    FoundSeries& series = m_series.at(key);
    const int number = ++owner[key.series];
    Stacks stacks = stacksOf(std::move(series.frames));
    for (LeftFrame& left : stacks.left) {
      refuse(left.frame.file, key.series, std::move(left.reason), false);
    }
    for (Stack& stack : stacks.stacks) {
      SeriesEntry entry = series.entry;
      entry.geometry = std::move(stack.geometry);
      entry.warnings = std::move(stack.warnings);
      entry.part = std::move(stack.part);
      entry.primary = !series.secondary.contains(stack.frames.front().file);
      if (owners[key.series] > 1) {
        entry.warnings.push_back(
            {WarningCode::Split,
             "Images of several patients or studies share this Series Instance UID; each has a "
             "volume of its own."});
        entry.part = fmt::format("patient or study {} of {}{}{}",
                                 number,
                                 owners[key.series],
                                 entry.part.empty() ? "" : ", ",
                                 entry.part);
      }
      for (const Frame& frame : stack.frames) {
        entry.files.push_back(frame.file);
        entry.frames.push_back(frame.slice.frame);
      }
      volumes[key.series].push_back(result.entries.size());
      result.entries.push_back(std::move(entry));
    }
  }
  for (const auto& [uid, entries] : volumes) {
    for (std::size_t n = 0; entries.size() > 1 && n < entries.size(); ++n) {
      result.entries[entries[n]].stack = static_cast<int>(n) + 1;
    }
  }
}

// Says on each image volume what lies in or beside its folder and could not be used.
void Scanner::warnOfFilesLeftOut(const fs::path& root, ScanResult& result) const {
  for (SeriesEntry& entry : result.entries) {
    if (entry.kind != ObjectKind::Image) {
      continue;
    }
    std::set<fs::path> folders;
    for (const fs::path& file : entry.files) {
      folders.insert(file.parent_path());
    }
    int count = 0;
    const Refusal* first = nullptr;
    for (const Refusal& refusal : m_refused) {
      const fs::path beside = refusal.path.parent_path();
      const bool near = std::any_of(folders.begin(), folders.end(), [&](const fs::path& folder) {
        return within(beside, folder) || within(folder, beside);
      });
      if (refusal.ofImage && near) {
        count += refusal.files;
        first = first == nullptr ? &refusal : first;
      }
    }
    if (first != nullptr) {
      std::error_code ignored;
      const fs::path shown = fs::relative(first->path, root, ignored);
      entry.warnings.push_back(
          {WarningCode::FilesLeftOut,
           fmt::format("{} file{} or folder{} beside this series could not be used, so slices may "
                       "be missing; the first is {}: {}",
                       count,
                       count > 1 ? "s" : "",
                       count > 1 ? "s" : "",
                       displayed(shown.empty() ? first->path : shown),
                       first->reason)});
    }
  }
}

ScanResult Scanner::take(const fs::path& root, bool named) {
  ScanResult result;
  addVolumes(result);
  judgeOthers(named);
  warnOfFilesLeftOut(root, result);
  std::move(m_objects.begin(), m_objects.end(), std::back_inserter(result.entries));
  for (Refusal& refusal : m_refused) {
    if (refusal.files > 1) {
      refusal.reason +=
          fmt::format(" The same holds for {} more files of the series.", refusal.files - 1);
    }
  }
  result.refused = std::move(m_refused);
  return result;
}

// The headers of `files`, read on all cores, in their order.
Result<std::vector<ObjectHeader>> headersOf(const std::vector<fs::path>& files,
                                            const std::stop_token& stop,
                                            const ProgressFn& progress) {
  constexpr std::size_t kReport = 64;
  std::vector<ObjectHeader> headers(files.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&](bool reports) {
    for (std::size_t n = next++; n < files.size() && !stop.stop_requested(); n = next++) {
      headers[n] = readHeader(files[n]);
      if (reports && n % kReport == 0) {
        report(progress,
               "Looking for studies",
               static_cast<double>(n) / static_cast<double>(files.size()),
               fmt::format("{} of {} files", n, files.size()));
      }
    }
  };
  constexpr std::size_t kFilesPerThread = 16;
  const std::size_t threads =
      std::min<std::size_t>(std::thread::hardware_concurrency(), files.size() / kFilesPerThread);
  {
    std::vector<std::jthread> helpers;
    for (std::size_t n = 1; n < threads; ++n) {
      helpers.emplace_back([&] { work(false); });
    }
    work(true);
  }
  ARGAND_TRY(checkStop(stop));
  return headers;
}

// Names the files that DICOMDIRs among `files` list and that are not there.
void missListedFiles(const std::vector<fs::path>& files, Scanner& scanner) {
  for (const fs::path& file : files) {
    if (!isDirectoryFile(file)) {
      continue;
    }
    const auto listed = listedFiles(file);
    if (!listed) {
      scanner.addUnreached(file, listed.error().message);
      continue;
    }
    for (const fs::path& path : *listed) {
      std::error_code ignored;
      if (!fs::exists(path, ignored)) {
        scanner.addUnreached(path, "The DICOMDIR lists it, and it is not there.");
      }
    }
  }
}

}  // namespace

Result<ScanResult> scan(const fs::path& path,
                        const std::stop_token& stop,
                        const ProgressFn& progress) {
  std::error_code ignored;
  const bool isFolder = fs::is_directory(path, ignored);
  if (!isFolder && !fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("There is no file or folder {}.", displayed(path)));
  }
  if (!isFolder && !isDirectoryFile(path)) {
    return scanFiles(path, {{path}, {}}, stop, progress);
  }
  const fs::path folder = isFolder ? path : fs::absolute(path).parent_path();
  ARGAND_ASSIGN(const FilesUnder found, filesUnder(folder, stop));
  return scanFiles(folder, found, stop, progress);
}

Result<ScanResult> scanFiles(const fs::path& root,
                             const FilesUnder& found,
                             const std::stop_token& stop,
                             const ProgressFn& progress) {
  ARGAND_TRY(prepareDcmtk());
  log::info("Looking for studies in {} files.", found.files.size());
  ARGAND_ASSIGN(std::vector<ObjectHeader> headers, headersOf(found.files, stop, progress));
  return guarded(ErrorCode::InputRefused, "putting the files of a study together", [&] {
    Scanner scanner;
    for (ObjectHeader& header : headers) {
      scanner.add(std::move(header));
    }
    for (const Unreached& unreached : found.unreached) {
      scanner.addUnreached(unreached.path, unreached.reason);
    }
    missListedFiles(found.files, scanner);
    report(progress, "Looking for studies", 1.0);
    const bool named = found.files.size() == 1 && found.files.front() == root;
    return scanner.take(named ? root.parent_path() : root, named);
  });
}

}  // namespace argand::dicom
