// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"

#include "core/base/text.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>

namespace argand {

namespace fs = std::filesystem;

Result<std::string> readTextFile(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused, fmt::format("There is no file {}.", displayed(path)));
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    return fail(ErrorCode::InputRefused, fmt::format("{} cannot be read.", displayed(path)));
  }
  return std::move(text).str();
}

Result<void> writeFileAtomically(const fs::path& path, std::string_view bytes) {
  PendingFile pending(path);
  {
    std::ofstream out(pending.temporary(), std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) {
      return fail(ErrorCode::OutputFailed,
                  fmt::format("{} cannot be written; is the folder writable and the disk not full?",
                              displayed(path)));
    }
  }
  return pending.commit();
}

bool sameFile(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

Result<void> checkNotAnInput(const fs::path& output, std::span<const fs::path> inputs) {
  for (const fs::path& input : inputs) {
    if (sameFile(output, input)) {
      return fail(ErrorCode::Usage,
                  fmt::format("{} is read by this job ({}), and writing there would destroy it. "
                              "Choose another name for the result.",
                              displayed(output),
                              displayed(input)));
    }
  }
  return {};
}

PendingFile::PendingFile(fs::path path) : m_path(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  m_temporary = m_path.parent_path() / fmt::format(".pending-{}-{}-{}",
                                                   ::getpid(),
                                                   counter.fetch_add(1),
                                                   m_path.filename().string());
}

PendingFile::~PendingFile() {
  if (!m_committed) {
    std::error_code ignored;
    fs::remove(m_temporary, ignored);
  }
}

Result<void> PendingFile::named(Result<void> written) const {
  if (!written) {
    std::string& message = written.error().message;
    const std::string temporary = displayed(m_temporary);
    const std::string wanted = displayed(m_path);
    for (std::size_t at = message.find(temporary); at != std::string::npos;
         at = message.find(temporary, at + wanted.size())) {
      message.replace(at, temporary.size(), wanted);
    }
  }
  return written;
}

Result<void> PendingFile::commit() {
  std::error_code error;
  fs::rename(m_temporary, m_path, error);
  if (error) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("{} cannot be written: {}.", displayed(m_path), error.message()));
  }
  m_committed = true;
  return {};
}

}  // namespace argand
