// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace argand {

[[nodiscard]] Result<std::string> readTextFile(const std::filesystem::path& path);

// Writes beside `path` and renames, so that a reader sees the old file or the
// whole new one and an interrupted run leaves no half of either.
[[nodiscard]] Result<void> writeFileAtomically(const std::filesystem::path& path,
                                               std::string_view bytes);

// A name beside `path` to write to before the result is complete; the file is
// moved over `path` by commit() and removed by the destructor otherwise. The
// ending of `path` is kept, because some libraries choose the format by it.
class PendingFile {
 public:
  explicit PendingFile(std::filesystem::path path);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  [[nodiscard]] const std::filesystem::path& temporary() const { return m_temporary; }

  [[nodiscard]] Result<void> commit();

 private:
  std::filesystem::path m_path;
  std::filesystem::path m_temporary;
  bool m_committed = false;
};

}  // namespace argand
