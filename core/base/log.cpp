// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"

#include <cstdint>
#include <mutex>
#include <vector>

namespace argand::log {

namespace {

struct Registered {
  Level level;
  Sink sink;
};

struct Sinks {
  std::mutex mutex;
  std::vector<Registered> list;
};

Sinks& sinks() {
  static Sinks instance;
  return instance;
}

}  // namespace

void addSink(Level level, Sink sink) {
  const std::lock_guard lock(sinks().mutex);
  sinks().list.push_back({level, std::move(sink)});
}

void clearSinks() {
  const std::lock_guard lock(sinks().mutex);
  sinks().list.clear();
}

void write(Level level, std::string_view message) {
  const std::lock_guard lock(sinks().mutex);
  for (const Registered& registered : sinks().list) {
    if (level >= registered.level && registered.level != Level::Off) {
      registered.sink(level, message);
    }
  }
}

std::string_view toString(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warning:
      return "warning";
    case Level::Error:
      return "error";
    case Level::Off:
      return "off";
  }
  return "off";
}

std::string shortUid(std::string_view uid) {
  // 64-bit FNV-1a: enough to tell series apart in a log, and stable between runs.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : uid) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32U)));
}

}  // namespace argand::log
