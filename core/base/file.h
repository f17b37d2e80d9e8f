// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace argand {

[[nodiscard]] Result<std::string> readTextFile(const std::filesystem::path& path);

// Writes beside `path` and renames, so that a reader sees the old file or the
// whole new one and an interrupted run leaves no half of either.
[[nodiscard]] Result<void> writeFileAtomically(const std::filesystem::path& path,
                                               std::string_view bytes);

// True where both names lead to one existing file or folder, whether by relative
// names, symbolic links or hard links.
[[nodiscard]] bool sameFile(const std::filesystem::path& a, const std::filesystem::path& b);

// Fails with Usage, naming both, where writing a file or folder at `output` would
// replace one of `inputs`. Asked before any work starts.
[[nodiscard]] Result<void> checkNotAnInput(const std::filesystem::path& output,
                                           std::span<const std::filesystem::path> inputs);

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

  // Returns `written`, with a message that names the file asked for instead of
  // the temporary one, which the person has never seen.
  [[nodiscard]] Result<void> named(Result<void> written) const;

  [[nodiscard]] Result<void> commit();

 private:
  std::filesystem::path m_path;
  std::filesystem::path m_temporary;
  bool m_committed = false;
};

}  // namespace argand
