// SPDX-License-Identifier: Apache-2.0
#include "core/base/file_walk.h"

#include "core/base/progress.h"
#include "core/base/text.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

namespace argand {

namespace fs = std::filesystem;

namespace {

class Walk {
 public:
  explicit Walk(std::stop_token stop) : m_stop(std::move(stop)) {}

  // Returns the reason where the folder cannot be opened.
  Result<std::string> enter(const fs::path& folder) {
    struct ::stat status {};

    if (::stat(folder.c_str(), &status) == 0 &&
        !m_seen.insert({status.st_dev, status.st_ino}).second) {
      return std::string();
    }
    std::error_code error;
    fs::directory_iterator at(folder, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
      ARGAND_TRY(checkStop(m_stop));
      ARGAND_TRY(take(*at));
    }
    return error ? error.message() : std::string();
  }

  FilesUnder found() {
    std::sort(m_found.files.begin(), m_found.files.end());
    return std::move(m_found);
  }

 private:
  Result<void> take(const fs::directory_entry& entry) {
    std::error_code error;
    const fs::file_status status = entry.status(error);
    if (fs::is_directory(status)) {
      ARGAND_ASSIGN(const std::string reason, enter(entry.path()));
      if (!reason.empty()) {
        m_found.unreached.push_back(
            {entry.path(), fmt::format("The folder cannot be opened: {}.", reason)});
      }
    } else if (fs::is_regular_file(status)) {
      m_found.files.push_back(entry.path());
    } else if (std::error_code ignored; entry.is_symlink(ignored)) {
      m_found.unreached.push_back({entry.path(), "The link leads to nothing that is there."});
    }
    return {};
  }

  std::stop_token m_stop;
  std::set<std::pair<dev_t, ino_t>> m_seen;  // folders
  FilesUnder m_found;
};

}  // namespace

Result<FilesUnder> filesUnder(const fs::path& folder, const std::stop_token& stop) {
  Walk walk(stop);
  ARGAND_ASSIGN(const std::string reason, walk.enter(folder));
  if (!reason.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The folder {} cannot be read: {}.", displayed(folder), reason));
  }
  return walk.found();
}

}  // namespace argand
