// SPDX-License-Identifier: Apache-2.0
#include "core/io/nrrd_text.h"

#include "core/io/byte_source.h"
#include "core/io/header_text.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace argand::io::nrrd {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestHeader = std::size_t{1} << 24;

// All fields of the format, without their blanks.
constexpr std::array<std::string_view, 35> kFields{"dimension",
                                                   "type",
                                                   "blocksize",
                                                   "encoding",
                                                   "endian",
                                                   "content",
                                                   "min",
                                                   "max",
                                                   "oldmin",
                                                   "oldmax",
                                                   "datafile",
                                                   "lineskip",
                                                   "byteskip",
                                                   "number",
                                                   "sampleunits",
                                                   "sizes",
                                                   "spacings",
                                                   "thicknesses",
                                                   "axismins",
                                                   "axismaxs",
                                                   "centers",
                                                   "centerings",
                                                   "labels",
                                                   "units",
                                                   "kinds",
                                                   "space",
                                                   "spacedimension",
                                                   "spaceunits",
                                                   "spaceorigin",
                                                   "spacedirections",
                                                   "measurementframe",
                                                   "axismaxes",
                                                   "axisminimums",
                                                   "axismaximums",
                                                   "sampleunit"};

std::string withoutBlanks(std::string_view text) {
  std::string result;
  for (const std::string_view word : words(text)) {
    result += word;
  }
  return result;
}

// The escapes of keys, values and quoted texts: "\n" is a line end, "\\" a backslash.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t n = 0; n < text.size(); ++n) {
    if (text[n] != '\\' || n + 1 == text.size()) {
      result.push_back(text[n]);
      continue;
    }
    ++n;
    if (text[n] == 'n') {
      result.push_back('\n');
    } else {
      if (text[n] != '\\' && text[n] != '"') {
        result.push_back('\\');
      }
      result.push_back(text[n]);
    }
  }
  return result;
}

// The first bytes of the file, to the end of the header at least.
Result<std::string> startOf(const fs::path& path) {
  ARGAND_TRY(fileLength(path));
  std::ifstream in(path, std::ios::binary);
  std::string start;
  std::string piece(std::size_t{1} << 16U, '\0');
  while (start.size() < kLongestHeader) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    const std::size_t from = start.size() < 3 ? 0 : start.size() - 3;
    start.append(piece, 0, got);
    if (got == 0 || start.find("\n\n", from) != std::string::npos ||
        start.find("\n\r\n", from) != std::string::npos) {
      break;
    }
  }
  return start;
}

Result<void> addLine(const fs::path& path, std::string_view line, Lines& lines) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return refused(path,
                   fmt::format("has the line '{}' in its header, which is no field.",
                               utf8Text(line.substr(0, 80))));
  }
  if (line.substr(colon + 1).starts_with('=')) {
    lines.keyValues[utf8Text(unescaped(line.substr(0, colon)))] =
        utf8Text(unescaped(line.substr(colon + 2)));
    return {};
  }
  const std::string name = lowered(withoutBlanks(line.substr(0, colon)));
  if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
    return refused(path,
                   fmt::format("has the field '{}' in its header, which the format does not know.",
                               utf8Text(line.substr(0, colon))));
  }
  const std::string one = name == "centers" ? "centerings" : name;
  if (!lines.fields.emplace(one, std::string(trimmed(line.substr(colon + 1)))).second) {
    return refused(path, fmt::format("says '{}' twice in its header.", line.substr(0, colon)));
  }
  return {};
}

}  // namespace

bool isList(std::string_view value) {
  const auto parts = words(value);
  return !parts.empty() && parts[0] == "LIST";
}

std::optional<std::vector<std::string>> quotedTexts(std::string_view text) {
  std::vector<std::string> found;
  for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at)) {
    std::size_t end = at + 1;
    while (end < text.size() && text[end] != '"') {
      end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= text.size()) {
      return std::nullopt;
    }
    found.push_back(utf8Text(unescaped(text.substr(at + 1, end - at - 1))));
    at = end + 1;
  }
  return found;
}

std::optional<std::vector<std::optional<double>>> optionalNumbers(std::string_view text) {
  std::vector<std::optional<double>> found;
  for (const std::string_view word : words(text)) {
    const auto number = parseDecimal(word);
    const std::string lower = lowered(word);
    if (!number && lower.find("nan") == std::string::npos && lower != "???" && lower != "none") {
      return std::nullopt;
    }
    found.push_back(number);
  }
  return found;
}

std::optional<std::vector<OptionalVector>> vectors(std::string_view text) {
  std::vector<OptionalVector> found;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    if (text.front() != '(') {
      const std::string_view word = words(text).front();
      const std::string lower = lowered(word);
      if (lower != "none" && lower != "nan") {
        return std::nullopt;
      }
      found.emplace_back(std::nullopt);
      text.remove_prefix(word.size());
      continue;
    }
    const std::size_t end = text.find(')');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    std::vector<double> parts;
    bool absent = false;
    for (std::string_view rest = text.substr(1, end - 1);;) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view part = trimmed(rest.substr(0, comma));
      const auto number = parseDecimal(part);
      if (!number && lowered(part).find("nan") == std::string::npos) {
        return std::nullopt;
      }
      absent = absent || !number;
      parts.push_back(number.value_or(0.0));
      if (comma == rest.size()) {
        break;
      }
      rest.remove_prefix(comma + 1);
    }
    found.push_back(absent ? OptionalVector{} : OptionalVector{std::move(parts)});
    text.remove_prefix(end + 1);
  }
  return found;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else if (c != '\r') {
      result += c == '\\' ? "\\\\" : std::string(1, c);
    }
  }
  return result;
}

Result<Lines> linesOf(const fs::path& path) {
  ARGAND_ASSIGN(const std::string start, startOf(path));
  const std::string_view text = start;
  const std::string_view magic = trimmed(text.substr(0, std::min(text.find('\n'), text.size())));
  if (!magic.starts_with("NRRD")) {
    return refused(path, "is not an NRRD file.");
  }
  const bool known = magic == "NRRD00.01" || (magic.size() == 8 && magic.starts_with("NRRD000") &&
                                              magic[7] >= '1' && magic[7] <= '5');
  if (!known) {
    return refused(path,
                   fmt::format("is of the NRRD version '{}'; NRRD0001 to NRRD0005 are read.",
                               utf8Text(magic.substr(0, 20))));
  }
  Lines lines;
  bool list = false;
  for (std::size_t at = std::min(text.find('\n'), text.size() - 1) + 1; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    line.remove_suffix(line.ends_with('\r') ? 1 : 0);
    if (line.empty()) {
      lines.bytes = static_cast<std::int64_t>(std::min(at, text.size()));
      return lines;
    }
    if (list) {
      lines.dataFiles.emplace_back(trimmed(line));
    } else if (!line.starts_with('#')) {
      ARGAND_TRY(addLine(path, line, lines));
      const std::string* file = lines.find("datafile");
      list = file != nullptr && isList(*file);
    }
  }
  if (text.size() >= kLongestHeader) {
    return refused(path, "has a header without an end; it is damaged.");
  }
  lines.bytes = static_cast<std::int64_t>(text.size());  // a header alone may end with the file
  return lines;
}

}  // namespace argand::io::nrrd
