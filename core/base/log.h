// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

// Sentences about what the program does, written before it does it. Never a
// patient's name, id or date: UIDs only, and those through `shortUid`.
namespace argand::log {

enum class Level { Debug, Info, Warning, Error, Off };

using Sink = std::function<void(Level, std::string_view)>;

// Adds a sink (standard error, a file, a panel); thread-safe. Messages below
// `level` do not reach it. The program adds its sinks at start; with none,
// messages are dropped.
void addSink(Level level, Sink sink);
void clearSinks();

void write(Level level, std::string_view message);

[[nodiscard]] std::string_view toString(Level level);

// A UID as it may stand in a log: eight hexadecimal digits of a hash of it,
// the same for the same UID in one run and in the next.
[[nodiscard]] std::string shortUid(std::string_view uid);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace argand::log
