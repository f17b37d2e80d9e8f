// SPDX-License-Identifier: Apache-2.0
#include "core/io/nrrd_header.h"

#include "core/io/header_text.h"
#include "core/io/nrrd_text.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>

namespace argand::io::nrrd {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMostAxes = 16;  // NRRD_DIM_MAX of Teem

using Names = std::initializer_list<std::string_view>;

struct TypeNames {
  RawType type;
  Names names;
};

// Section 5, "type". "char" and "long" are not among them: their sizes differ.
const std::array<TypeNames, 10>& types() {
  static const std::array<TypeNames, 10> all{{
      {RawType::Int8, {"signed char", "int8", "int8_t"}},
      {RawType::UInt8, {"uchar", "unsigned char", "uint8", "uint8_t"}},
      {RawType::Int16,
       {"short", "short int", "signed short", "signed short int", "int16", "int16_t"}},
      {RawType::UInt16, {"ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"}},
      {RawType::Int32, {"int", "signed int", "int32", "int32_t"}},
      {RawType::UInt32, {"uint", "unsigned int", "uint32", "uint32_t"}},
      {RawType::Int64,
       {"longlong",
        "long long",
        "long long int",
        "signed long long",
        "signed long long int",
        "int64",
        "int64_t"}},
      {RawType::UInt64,
       {"ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"}},
      {RawType::Float32, {"float"}},
      {RawType::Float64, {"double"}},
  }};
  return all;
}

// One value for each axis of a per-axis field that is there.
template <typename T, typename Parse, typename Set>
Result<void> perAxis(const fs::path& path,
                     const Lines& lines,
                     const std::string& name,
                     Header& header,
                     Parse parse,
                     Set set) {
  const std::string* text = lines.find(name);
  if (text == nullptr) {
    return {};
  }
  const std::optional<std::vector<T>> values = parse(*text);
  if (!values || values->size() != header.axes.size()) {
    return refused(path,
                   fmt::format("has '{}' for '{}', which is not one value for each of its {} axes.",
                               utf8Text(*text),
                               name,
                               header.axes.size()));
  }
  for (std::size_t n = 0; n < values->size(); ++n) {
    set(header.axes[n], (*values)[n]);
  }
  return {};
}

std::optional<std::vector<std::string>> lowerWords(std::string_view text) {
  std::vector<std::string> found;
  for (const std::string_view word : words(text)) {
    found.push_back(lowered(word));
  }
  return found;
}

Result<void> applySizes(const fs::path& path, const Lines& lines, Header& header) {
  const std::string* dimension = lines.find("dimension");
  const std::string* sizes = lines.find("sizes");
  const std::int64_t count = dimension != nullptr ? parseWhole(*dimension).value_or(0) : 0;
  const auto all = sizes != nullptr ? wholeNumbers(*sizes) : std::nullopt;
  if (count < 1 || count > kMostAxes || !all || static_cast<std::int64_t>(all->size()) != count) {
    return refused(path,
                   fmt::format("does not say how many voxels it has: 'dimension' is '{}' and "
                               "'sizes' is '{}'.",
                               utf8Text(dimension != nullptr ? *dimension : ""),
                               utf8Text(sizes != nullptr ? *sizes : "")));
  }
  double product = 1.0;
  for (const std::int64_t size : *all) {
    product *= static_cast<double>(size);
    if (size < 1 || size > (std::int64_t{1} << 31) || product > 1e15) {
      return refused(path, fmt::format("announces sizes of {}; it is damaged.", *sizes));
    }
    header.axes.push_back({});
    header.axes.back().size = size;
  }
  if (const std::string* number = lines.find("number")) {
    const auto told = parseWhole(*number);
    if (!told || *told != header.values()) {
      return refused(
          path,
          fmt::format("announces {} values and sizes of {}, which contradict each other.",
                      utf8Text(*number),
                      *sizes));
    }
  }
  return {};
}

Result<void> applyAxes(const fs::path& path, const Lines& lines, Header& header) {
  using Number = std::optional<double>;
  ARGAND_TRY(perAxis<Number>(
      path, lines, "spacings", header, optionalNumbers, [](Axis& axis, const Number& value) {
        axis.spacing = value;
      }));
  ARGAND_TRY(perAxis<Number>(
      path, lines, "axismins", header, optionalNumbers, [](Axis& axis, const Number& value) {
        axis.minimum = value;
      }));
  ARGAND_TRY(perAxis<Number>(
      path, lines, "axismaxs", header, optionalNumbers, [](Axis& axis, const Number& value) {
        axis.maximum = value;
      }));
  ARGAND_TRY(perAxis<Number>(
      path, lines, "thicknesses", header, optionalNumbers, [](Axis&, const Number&) {}));
  ARGAND_TRY(perAxis<std::string>(
      path, lines, "kinds", header, lowerWords, [](Axis& axis, const std::string& value) {
        axis.kind = value == "???" || value == "none" ? "" : value;
      }));
  ARGAND_TRY(perAxis<std::string>(
      path, lines, "units", header, quotedTexts, [](Axis& axis, const std::string& value) {
        axis.unit = value;
      }));
  ARGAND_TRY(perAxis<std::string>(
      path, lines, "centerings", header, lowerWords, [](Axis& axis, const std::string& value) {
        if (value == "cell") {
          axis.centering = Centering::Cell;
        } else if (value == "node") {
          axis.centering = Centering::Node;
        }
      }));
  header.hasDirections = lines.find("spacedirections") != nullptr;
  return perAxis<OptionalVector>(
      path, lines, "spacedirections", header, vectors, [](Axis& axis, const OptionalVector& value) {
        axis.direction = value;
      });
}

struct SpaceName {
  std::string_view name;
  int dimension;
};

// Section 4, "space".
constexpr std::array<SpaceName, 18> kSpaces{{{"right-anterior-superior", 3},
                                             {"ras", 3},
                                             {"left-anterior-superior", 3},
                                             {"las", 3},
                                             {"left-posterior-superior", 3},
                                             {"lps", 3},
                                             {"right-anterior-superior-time", 4},
                                             {"rast", 4},
                                             {"left-anterior-superior-time", 4},
                                             {"last", 4},
                                             {"left-posterior-superior-time", 4},
                                             {"lpst", 4},
                                             {"scanner-xyz", 3},
                                             {"scanner-xyz-time", 4},
                                             {"3d-right-handed", 3},
                                             {"3d-right-handed-time", 4},
                                             {"3d-left-handed", 3},
                                             {"3d-left-handed-time", 4}}};

Result<void> applySpace(const fs::path& path, const Lines& lines, Header& header) {
  if (const std::string* space = lines.find("space")) {
    header.space = lowered(*space);
    const auto known = std::find_if(kSpaces.begin(), kSpaces.end(), [&](const SpaceName& name) {
      return name.name == header.space;
    });
    if (known == kSpaces.end()) {
      return refused(
          path,
          fmt::format("lies in the space '{}', which the format does not know.", utf8Text(*space)));
    }
    header.spaceDimension = known->dimension;
  }
  if (const std::string* text = lines.find("spacedimension")) {
    const auto dimension = parseWhole(*text);
    if (!dimension || *dimension < 1 || *dimension > 8 ||
        (header.spaceDimension != 0 && *dimension != header.spaceDimension)) {
      return refused(path,
                     fmt::format("has the space dimension '{}', which is none or contradicts its "
                                 "space.",
                                 utf8Text(*text)));
    }
    header.spaceDimension = static_cast<int>(*dimension);
  }
  const auto dimension = static_cast<std::size_t>(header.spaceDimension);
  for (const Axis& axis : header.axes) {
    if (axis.direction && axis.direction->size() != dimension) {
      return refused(path,
                     fmt::format("has a space direction of {} numbers in a space of {} dimensions.",
                                 axis.direction->size(),
                                 dimension));
    }
  }
  if (const std::string* text = lines.find("spaceorigin")) {
    const auto origin = vectors(*text);
    if (!origin || origin->size() != 1 ||
        (origin->front() && origin->front()->size() != dimension)) {
      return refused(path,
                     fmt::format("has the space origin '{}', which is no point of a space of {} "
                                 "dimensions.",
                                 utf8Text(*text),
                                 dimension));
    }
    header.origin = origin->front();
  }
  if (const std::string* text = lines.find("spaceunits")) {
    const auto units = quotedTexts(*text);
    if (!units || units->size() != dimension) {
      return refused(path,
                     fmt::format("has the space units {}, which are not one for each dimension of "
                                 "its space.",
                                 utf8Text(*text)));
    }
    header.spaceUnits = *units;
  }
  return {};
}

Result<void> applyType(const fs::path& path, const Lines& lines, Header& header) {
  const std::string* text = lines.find("type");
  std::string name;
  for (const std::string_view word :
       words(text != nullptr ? std::string_view(*text) : std::string_view())) {
    name.append(name.empty() ? "" : " ").append(lowered(word));
  }
  for (const TypeNames& known : types()) {
    if (std::find(known.names.begin(), known.names.end(), name) != known.names.end()) {
      header.type = known.type;
      return {};
    }
  }
  return refused(path,
                 name.empty() ? "does not say of which type its voxels are."
                              : fmt::format("has the voxel type '{}', which is not supported.",
                                            utf8Text(name)));
}

Result<void> applyEncoding(const fs::path& path, const Lines& lines, Header& header) {
  const std::string* text = lines.find("encoding");
  const std::string name = lowered(text != nullptr ? *text : "");
  if (name == "raw") {
    header.data.encoding = Encoding::Raw;
  } else if (name == "ascii" || name == "text" || name == "txt") {
    header.data.encoding = Encoding::Text;
  } else if (name == "hex") {
    header.data.encoding = Encoding::Hex;
  } else if (name == "gzip" || name == "gz") {
    header.data.encoding = Encoding::Gzip;
  } else if (name == "bzip2" || name == "bz2") {
    header.data.encoding = Encoding::Bzip2;
  } else {
    return refused(path,
                   name.empty() ? "does not say how its voxels are encoded."
                                : fmt::format("has the encoding '{}', which is not supported.",
                                              utf8Text(name)));
  }
  const std::string* order = lines.find("endian");
  const std::string endian = lowered(order != nullptr ? *order : "");
  if (order != nullptr && endian != "little" && endian != "big") {
    return refused(
        path,
        fmt::format("has the byte order '{}', which is neither little nor big.", utf8Text(endian)));
  }
  if (header.data.encoding == Encoding::Text || bytesOf(header.type) == 1) {
    return {};
  }
  if (order == nullptr) {
    return refused(path, "does not say in which byte order its voxels are (endian).");
  }
  header.otherByteOrder = (endian == "little") != (std::endian::native == std::endian::little);
  return {};
}

// A whole number of a basic field, or `fallback` where the field is absent.
Result<std::int64_t> wholeField(const fs::path& path,
                                const Lines& lines,
                                const std::string& name,
                                std::int64_t least) {
  const std::string* text = lines.find(name);
  if (text == nullptr) {
    return std::int64_t{0};
  }
  const auto value = parseWhole(*text);
  if (!value || *value < least) {
    return refused(path, fmt::format("has '{}' for '{}' in its header.", utf8Text(*text), name));
  }
  return *value;
}

// Section 3: the axes before `subdim` lie in each file, the others count the files.
Result<void> checkShares(const fs::path& path, const Header& header, std::int64_t subdim) {
  const auto axes = static_cast<std::int64_t>(header.axes.size());
  const auto files = static_cast<std::int64_t>(header.data.files.size());
  bool good = subdim >= 1 && subdim <= axes;
  if (good && subdim == axes) {
    good = header.axes.back().size % files == 0;
  } else if (good) {
    std::int64_t wanted = 1;
    for (auto n = static_cast<std::size_t>(subdim); n < header.axes.size(); ++n) {
      wanted *= header.axes[n].size;
    }
    good = wanted == files;
  }
  if (!good) {
    return refused(path,
                   fmt::format("names {} data files, which do not fit its sizes with {} dimensions "
                               "in each.",
                               files,
                               subdim));
  }
  return {};
}

// "x%03d.raw 1 30 1" and "x%03d.raw 1 30 1 2": nothing where it is one file's name.
std::optional<std::pair<NumberedFiles, std::optional<std::int64_t>>> numbered(
    std::string_view value) {
  const auto parts = words(value);
  std::vector<std::int64_t> tail;
  std::size_t first = parts.size();
  while (first > 1 && parts.size() - first < 4) {
    const auto number = parseWhole(parts[first - 1]);
    if (!number) {
      break;
    }
    tail.insert(tail.begin(), *number);
    --first;
  }
  // The pattern is what stands before the numbers, blanks included.
  for (; tail.size() >= 3; tail.erase(tail.begin()), ++first) {
    const auto length = static_cast<std::size_t>(parts[first].data() - value.data());
    const std::string_view pattern = trimmed(value.substr(0, length));
    if (hasNumberPlace(pattern)) {
      const NumberedFiles files{pattern, tail[0], tail[1], tail[2]};
      return std::pair(files, tail.size() > 3 ? std::optional(tail[3]) : std::nullopt);
    }
  }
  return std::nullopt;
}

Result<void> applyData(const fs::path& path, const Lines& lines, Header& header) {
  header.data.header = path;
  ARGAND_ASSIGN(header.data.lineSkip, wholeField(path, lines, "lineskip", 0));
  ARGAND_ASSIGN(header.data.byteSkip, wholeField(path, lines, "byteskip", -1));
  if (header.data.byteSkip < 0) {
    if (header.data.encoding != Encoding::Raw) {
      return refused(
          path,
          "counts its bytes from the end of the file (byte skip: -1), which only the raw "
          "encoding may.");
    }
    header.data.byteSkip = 0;
    header.data.lineSkip = 0;  // counted from the front, it changes nothing at the end
    header.data.lastBytes = true;
  }
  const std::string* file = lines.find("datafile");
  if (file == nullptr) {
    header.data.files = {path};
    header.data.start = header.headerBytes;
    return {};
  }
  std::int64_t subdim =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(header.axes.size()) - 1);
  if (isList(*file)) {
    const auto parts = words(*file);
    if (parts.size() > 2 || (parts.size() == 2 && !parseWhole(parts[1]))) {
      return refused(path, fmt::format("has the data file '{}'.", utf8Text(*file)));
    }
    subdim = parts.size() == 2 ? *parseWhole(parts[1]) : subdim;
    for (const std::string& name : lines.dataFiles) {
      header.data.files.push_back(besideHeader(path, name));
    }
  } else if (const auto pattern = numbered(*file)) {
    const auto names = namesOf(pattern->first);
    if (!names) {
      return refused(path,
                     fmt::format("names the data files '{}', which is no range.", utf8Text(*file)));
    }
    subdim = pattern->second.value_or(subdim);
    for (const std::string& name : *names) {
      header.data.files.push_back(besideHeader(path, name));
    }
  } else {
    header.data.files = {besideHeader(path, *file)};
    return {};
  }
  if (header.data.files.empty()) {
    return refused(path, "announces a list of data files and names none.");
  }
  return checkShares(path, header, subdim);
}

}  // namespace

std::int64_t Header::values() const {
  std::int64_t product = 1;
  for (const Axis& axis : axes) {
    product *= axis.size;
  }
  return product;
}

Result<Header> read(const fs::path& path) {
  ARGAND_ASSIGN(Lines lines, linesOf(path));
  Header header;
  header.headerBytes = lines.bytes;
  ARGAND_TRY(applySizes(path, lines, header));
  ARGAND_TRY(applyType(path, lines, header));
  ARGAND_TRY(applyEncoding(path, lines, header));
  ARGAND_TRY(applyAxes(path, lines, header));
  ARGAND_TRY(applySpace(path, lines, header));
  ARGAND_TRY(applyData(path, lines, header));
  const std::string* oldMin = lines.find("oldmin");
  const std::string* oldMax = lines.find("oldmax");
  if (oldMin != nullptr && oldMax != nullptr) {
    const auto least = parseDecimal(*oldMin);
    const auto most = parseDecimal(*oldMax);
    if (least && most) {
      header.quantizedFrom = {*least, *most};
    }
  }
  header.keyValues = std::move(lines.keyValues);
  return header;
}

}  // namespace argand::io::nrrd
