// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

#include <filesystem>
#include <string_view>

class QUrl;

// The one way in which text and paths of the core become QStrings and come back.
//
// The name of a file is any bytes, and a QString is not: what is not UTF-8 would be
// lost in it. So paths are kept as std::filesystem::path; where Qt only takes text
// (the command line, keys of a list, settings), carriedPath() and pathFrom() go there
// and back byte for byte, and what a person reads is shownPath().
namespace argand::ui {

// Returns text of the core for the screen; bytes that are not UTF-8 are read as Latin-1.
[[nodiscard]] QString textOf(std::string_view bytes);

// Returns the path as a person reads it. Not to be made into a path again.
[[nodiscard]] QString shownPath(const std::filesystem::path& path);

// Returns the path as a QString that pathFrom() makes into the same path: a byte that is
// not part of UTF-8 is carried as a lone surrogate, U+DC80 to U+DCFF (as PEP 383 has it).
[[nodiscard]] QString carriedPath(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path pathFrom(const QString& carried);

// Returns the path of a file's URL, whose percent-encoded bytes may be any; empty for
// what is not on this machine.
[[nodiscard]] std::filesystem::path pathFrom(const QUrl& url);
[[nodiscard]] QUrl urlFrom(const std::filesystem::path& path);

// Returns what may stand in the name of a file on every file system: letters, digits and
// single dashes, at most `most` characters.
[[nodiscard]] QString fileNamePart(const QString& text, qsizetype most = 40);

}  // namespace argand::ui
