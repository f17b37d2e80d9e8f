// SPDX-License-Identifier: Apache-2.0
#include "core/io/meta_header.h"

#include "core/io/formats.h"
#include "core/io/header_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <initializer_list>
#include <map>

namespace argand::io::meta {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestHeader = std::size_t{1} << 20;
constexpr std::size_t kLongestList = std::size_t{1} << 24;
constexpr std::int64_t kMostAxes = 10;  // METAIO's own bound

struct TypeName {
  std::string_view name;
  RawType type;
};

constexpr std::array<TypeName, 12> kTypes{{{"MET_CHAR", RawType::Int8},
                                           {"MET_UCHAR", RawType::UInt8},
                                           {"MET_SHORT", RawType::Int16},
                                           {"MET_USHORT", RawType::UInt16},
                                           {"MET_INT", RawType::Int32},
                                           {"MET_UINT", RawType::UInt32},
                                           {"MET_LONG", RawType::Int32},
                                           {"MET_ULONG", RawType::UInt32},
                                           {"MET_LONG_LONG", RawType::Int64},
                                           {"MET_ULONG_LONG", RawType::UInt64},
                                           {"MET_FLOAT", RawType::Float32},
                                           {"MET_DOUBLE", RawType::Float64}}};

using Names = std::initializer_list<const char*>;

// The lines "key = value" of a header.
struct Fields {
  fs::path path;
  std::map<std::string, std::string> values;
  std::vector<std::string> list;  // the lines after "ElementDataFile = LIST"
  std::int64_t bytes = 0;         // of the header: where LOCAL data begin

  // The value of a field that has several names; null where none is there, and refused
  // where two of them disagree.
  [[nodiscard]] Result<const std::string*> find(Names names) const {
    const std::string* found = nullptr;
    const char* foundName = "";
    for (const char* name : names) {
      const auto field = values.find(name);
      if (field == values.end()) {
        continue;
      }
      if (found != nullptr && words(*found) != words(field->second)) {
        return refused(path,
                       fmt::format("contradicts itself: {} is '{}' and {} is '{}'.",
                                   foundName,
                                   utf8Text(*found),
                                   name,
                                   utf8Text(field->second)));
      }
      found = &field->second;
      foundName = name;
    }
    return found;
  }

  // `count` numbers, or none where the field is absent.
  [[nodiscard]] Result<std::vector<double>> numbersOf(Names names, std::size_t count) const {
    ARGAND_ASSIGN(const std::string* text, find(names));
    if (text == nullptr) {
      return std::vector<double>{};
    }
    const auto found = numbers(*text);
    if (!found || found->size() != count) {
      return refused(path,
                     fmt::format("has '{}' for {}, where {} {} expected.",
                                 utf8Text(*text),
                                 *names.begin(),
                                 count,
                                 count == 1 ? "number is" : "numbers are"));
    }
    return *found;
  }

  [[nodiscard]] Result<std::int64_t> wholeOf(const char* name, std::int64_t fallback) const {
    ARGAND_ASSIGN(const std::string* text, find({name}));
    if (text == nullptr) {
      return fallback;
    }
    const auto value = parseWhole(*text);
    if (!value) {
      return refused(
          path, fmt::format("has '{}' for {}, which is no whole number.", utf8Text(*text), name));
    }
    return *value;
  }

  [[nodiscard]] Result<bool> isTrue(Names names, bool fallback) const {
    ARGAND_ASSIGN(const std::string* text, find(names));
    const std::string value = lowered(text != nullptr ? *text : "");
    if (value.empty()) {
      return fallback;
    }
    for (const std::string_view yes : {"true", "t", "1", "yes"}) {
      if (value == yes) {
        return true;
      }
    }
    for (const std::string_view no : {"false", "f", "0", "no"}) {
      if (value == no) {
        return false;
      }
    }
    return refused(
        path,
        fmt::format(
            "has '{}' for {}, which is neither True nor False.", utf8Text(*text), *names.begin()));
  }
};

std::string firstBytes(const fs::path& path, std::size_t most) {
  std::ifstream in(path, std::ios::binary);
  std::error_code ignored;
  std::string start(std::min<std::size_t>(most, fs::file_size(path, ignored)), '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  return start;
}

bool isList(std::string_view value) {
  const auto parts = words(value);
  return !parts.empty() && parts[0] == "LIST";
}

// The names of files after the line "ElementDataFile = LIST".
std::vector<std::string> listFrom(const fs::path& path, std::int64_t begin) {
  const std::string text = firstBytes(path, kLongestList);
  std::vector<std::string> names;
  for (auto at = static_cast<std::size_t>(begin); at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (const auto name = trimmed(std::string_view(text).substr(at, end - at)); !name.empty()) {
      names.emplace_back(name);
    }
    at = end + 1;
  }
  return names;
}

Result<Fields> fieldsOf(const fs::path& path) {
  ARGAND_TRY(fileLength(path));
  const std::string start = firstBytes(path, kLongestHeader);
  const std::string_view text = start;
  Fields fields;
  fields.path = path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = std::min(end + 1, text.size());
    const std::size_t equals = line.find('=');
    if (trimmed(line).empty()) {
      continue;
    }
    if (equals == std::string_view::npos) {
      break;
    }
    const std::string key(trimmed(line.substr(0, equals)));
    const std::string value(trimmed(line.substr(equals + 1)));
    const auto [field, isNew] = fields.values.emplace(key, value);
    if (!isNew && field->second != value && key != "Comment") {
      return refused(path,
                     fmt::format("says {} twice: '{}' and '{}'.",
                                 utf8Text(key),
                                 utf8Text(field->second),
                                 utf8Text(value)));
    }
    if (key == "ElementDataFile") {  // by definition the last line
      fields.bytes = static_cast<std::int64_t>(at);
      if (isList(value)) {
        fields.list = listFrom(path, fields.bytes);
      }
      return fields;
    }
  }
  return refused(path, "is not a MetaImage file, or its header is damaged.");
}

Result<double> millimetres(const Fields& fields, Warnings& warnings) {
  ARGAND_ASSIGN(const std::string* text, fields.find({"DistanceUnits"}));
  const std::string unit = lowered(text != nullptr ? *text : "");
  if (unit.empty() || unit == "?" || unit == "mm") {
    return 1.0;
  }
  if (unit != "um" && unit != "cm") {
    return refused(
        fields.path,
        fmt::format("gives lengths in '{}', a unit that is not known; um, mm and cm are.",
                    utf8Text(unit)));
  }
  warnings.push_back({WarningCode::ValueRepaired,
                      fmt::format("{} gives lengths in {}; they were converted to millimetres.",
                                  displayed(fields.path.filename()),
                                  unit)});
  return unit == "um" ? 0.001 : 10.0;
}

// The letters of AnatomicalOrientation name where each axis comes from: "RAI" runs to
// the left, to posterior and to superior.
Result<void> checkOrientation(const Fields& fields, const Geometry& geometry, Warnings& warnings) {
  ARGAND_ASSIGN(const std::string* text, fields.find({"AnatomicalOrientation"}));
  if (text == nullptr || text->size() != 3 || text->find('?') != std::string::npos) {
    return {};
  }
  std::string expected = axisCodes(geometry);
  for (char& letter : expected) {
    constexpr std::string_view kLetters = "LRPASI";
    letter = kLetters[kLetters.find(letter) ^ 1U];
  }
  if (lowered(*text) != lowered(expected)) {
    warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("{} contradicts itself: its axes come from {} by AnatomicalOrientation and "
                     "from {} by TransformMatrix; the matrix was taken.",
                     displayed(fields.path.filename()),
                     utf8Text(*text),
                     expected)});
  }
  return {};
}

Result<void> applySizes(const Fields& fields, Header& header, std::vector<std::int64_t>& sizes) {
  ARGAND_ASSIGN(const std::string* dimensions, fields.find({"NDims"}));
  ARGAND_ASSIGN(const std::string* all, fields.find({"DimSize"}));
  const std::int64_t count = dimensions != nullptr ? parseWhole(*dimensions).value_or(0) : 0;
  const auto found = all != nullptr ? wholeNumbers(*all) : std::nullopt;
  if (count < 1 || count > kMostAxes || !found ||
      static_cast<std::int64_t>(found->size()) != count) {
    return refused(
        fields.path,
        fmt::format("does not say how many voxels it has: NDims is '{}' and DimSize '{}'.",
                    utf8Text(dimensions != nullptr ? *dimensions : ""),
                    utf8Text(all != nullptr ? *all : "")));
  }
  sizes = *found;
  ARGAND_ASSIGN(const std::int64_t channels, fields.wholeOf("ElementNumberOfChannels", 1));
  auto others = static_cast<double>(channels);
  header.geometry.size = {1, 1, 1};
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] < 1 || sizes[axis] > (std::int64_t{1} << 31)) {
      return refused(fields.path,
                     fmt::format("announces {} voxels along an axis; it is damaged.", sizes[axis]));
    }
    if (axis < 3) {
      header.geometry.size[static_cast<int>(axis)] = sizes[axis];
    } else {
      others *= static_cast<double>(sizes[axis]);
    }
  }
  if (!(others >= 1.0 && others < 1e9)) {
    return refused(fields.path,
                   fmt::format("announces {} values per voxel; it is damaged.", others));
  }
  header.components = static_cast<std::int64_t>(others);
  return checkSize(header.geometry.size, fields.path);
}

Result<void> applyGeometry(const Fields& fields,
                           std::size_t count,
                           Header& header,
                           Warnings& warnings) {
  ARGAND_ASSIGN(auto spacing, fields.numbersOf({"ElementSpacing"}, count));
  if (spacing.empty()) {
    ARGAND_ASSIGN(spacing, fields.numbersOf({"ElementSize"}, count));
  }
  ARGAND_ASSIGN(const auto origin, fields.numbersOf({"Offset", "Position", "Origin"}, count));
  ARGAND_ASSIGN(const auto matrix,
                fields.numbersOf({"TransformMatrix", "Rotation", "Orientation"}, count * count));
  ARGAND_ASSIGN(const double factor, millimetres(fields, warnings));
  Affine& affine = header.geometry.lpsFromIndex;
  for (std::size_t axis = 0; axis < std::min<std::size_t>(count, 3); ++axis) {
    const int n = static_cast<int>(axis);
    Vec3 direction = affine.column(n);
    // The matrix lists the direction of axis 0, then of axis 1, ...
    for (std::size_t row = 0; !matrix.empty() && row < std::min<std::size_t>(count, 3); ++row) {
      direction[static_cast<int>(row)] = matrix[axis * count + row];
    }
    affine.setColumn(n, direction * ((spacing.empty() ? 1.0 : spacing[axis]) * factor));
    affine.offset[n] = origin.empty() ? 0.0 : origin[axis] * factor;
  }
  const std::string file = displayed(fields.path.filename());
  if (spacing.empty()) {
    warnings.push_back(
        {WarningCode::ValueRepaired, fmt::format("{} has no voxel size; 1 mm is taken.", file)});
  }
  ARGAND_ASSIGN(const auto center, fields.numbersOf({"CenterOfRotation"}, count));
  const bool offCenter =
      std::any_of(center.begin(), center.end(), [](double part) { return part != 0.0; });
  if (offCenter && !matrix.empty()) {
    warnings.push_back({WarningCode::ValueRepaired,
                        fmt::format("{} names a centre of rotation; it was placed by its Offset "
                                    "alone, as other programs do.",
                                    file)});
  }
  ARGAND_TRY(checkAxes(header.geometry, fields.path));
  if (!header.geometry.orthogonal()) {
    warnings.push_back(nonOrthogonal(fields.path));
  }
  return checkOrientation(fields, header.geometry, warnings);
}

Result<void> applyType(const Fields& fields, Header& header) {
  ARGAND_ASSIGN(const std::string* name, fields.find({"ElementType"}));
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& known) {
    return name != nullptr && known.name == *name;
  });
  if (type == kTypes.end()) {
    return refused(fields.path,
                   fmt::format("has the voxel type '{}', which is not supported.",
                               utf8Text(name != nullptr ? *name : "")));
  }
  header.type = type->type;
  ARGAND_ASSIGN(const bool big,
                fields.isTrue({"BinaryDataByteOrderMSB", "ElementByteOrderMSB"}, false));
  header.otherByteOrder = big != (std::endian::native == std::endian::big);
  return {};
}

Result<void> applyIntensities(const Fields& fields, Header& header, Warnings& warnings) {
  ARGAND_ASSIGN(const auto slope, fields.numbersOf({"ElementToIntensityFunctionSlope"}, 1));
  ARGAND_ASSIGN(const auto offset, fields.numbersOf({"ElementToIntensityFunctionOffset"}, 1));
  header.slope = slope.empty() || slope[0] == 0.0 ? 1.0 : slope[0];
  header.intercept = offset.empty() ? 0.0 : offset[0];
  if (header.slope != 1.0 || header.intercept != 0.0) {
    warnings.push_back({WarningCode::ValueRepaired,
                        fmt::format("The values of {} are its stored ones times {} plus {}, as its "
                                    "header says; ITK leaves that out.",
                                    displayed(fields.path.filename()),
                                    header.slope,
                                    header.intercept)});
  }
  ARGAND_ASSIGN(const std::string* modality, fields.find({"Modality"}));
  const std::string code = modality != nullptr ? *modality : "";
  if (code == "MET_MOD_CT") {
    header.modality = Modality::Ct;
  } else if (code == "MET_MOD_MR") {
    header.modality = Modality::Mr;
  } else if (code == "MET_MOD_PET") {
    header.modality = Modality::Pet;
  } else if (code == "MET_MOD_NM" || code == "MET_MOD_US" || code == "MET_MOD_OTHER") {
    header.modality = Modality::Other;
  }
  return {};
}

// "LIST" or "LIST 2D": the lines after it, a file for each block of that many dimensions.
Result<void> applyList(const Fields& fields,
                       std::string_view where,
                       const std::vector<std::int64_t>& sizes,
                       Header& header) {
  const auto axes = static_cast<std::int64_t>(sizes.size());
  const auto parts = words(where);
  std::int64_t each = std::max<std::int64_t>(1, axes - 1);
  if (parts.size() == 2) {
    std::string_view number = parts[1];
    number.remove_suffix(number.ends_with('D') || number.ends_with('d') ? 1 : 0);
    each = parseWhole(number).value_or(0);
  }
  std::int64_t wanted = 1;
  for (auto n = static_cast<std::size_t>(std::max<std::int64_t>(each, 0)); n < sizes.size(); ++n) {
    wanted *= sizes[n];
  }
  if (parts.size() > 2 || each < 1 || each > axes ||
      wanted != static_cast<std::int64_t>(fields.list.size())) {
    return refused(fields.path,
                   fmt::format("names {} data files after '{}', where its sizes need {}.",
                               fields.list.size(),
                               utf8Text(where),
                               wanted));
  }
  for (const std::string& name : fields.list) {
    header.data.files.push_back(besideHeader(fields.path, name));
  }
  return {};
}

// "slice%03d.raw 1 30 1", with what is left out as METAIO has it: from 1, to the last
// axis' size, by 1. Nothing where it is one file's name.
std::optional<NumberedFiles> numbered(std::string_view where,
                                      const std::vector<std::int64_t>& sizes) {
  const auto parts = words(where);
  NumberedFiles files{where, 1, sizes.back(), 1};
  const std::array<std::int64_t*, 3> numbers{&files.first, &files.last, &files.step};
  for (std::size_t count = std::min<std::size_t>(3, parts.size() - 1);; --count) {
    const std::size_t first = parts.size() - count;
    bool good = true;
    for (std::size_t n = 0; n < count && good; ++n) {
      const auto number = parseWhole(parts[first + n]);
      good = number.has_value();
      *numbers[n] = number.value_or(0);
    }
    const std::size_t end =
        count == 0 ? where.size() : static_cast<std::size_t>(parts[first].data() - where.data());
    files.pattern = trimmed(where.substr(0, end));
    if (good && hasNumberPlace(files.pattern)) {
      return files;
    }
    files = {where, 1, sizes.back(), 1};
    if (count == 0) {
      return std::nullopt;
    }
  }
}

Result<void> applyFiles(const Fields& fields,
                        const std::vector<std::int64_t>& sizes,
                        Header& header) {
  const std::string& where = fields.values.at("ElementDataFile");
  ARGAND_ASSIGN(const std::int64_t headerSize, fields.wholeOf("HeaderSize", 0));
  ARGAND_ASSIGN(const std::int64_t perSlice, fields.wholeOf("HeaderSizePerSlice", 0));
  if (perSlice != 0) {
    return refused(fields.path, "has a header before each slice (HeaderSizePerSlice).");
  }
  if (headerSize < -1) {
    return refused(fields.path, fmt::format("has {} for HeaderSize.", headerSize));
  }
  if (where.empty()) {
    return refused(fields.path, "does not say where its voxels are (ElementDataFile).");
  }
  header.data.header = fields.path;
  header.data.start = std::max<std::int64_t>(headerSize, 0);
  header.data.lastBytes = headerSize == -1;
  if (header.data.lastBytes && header.data.encoding != Encoding::Raw) {
    return refused(fields.path,
                   "counts its bytes from the end of the file (HeaderSize = -1), which compressed "
                   "and text data may not.");
  }
  if (lowered(where) == "local") {
    if (headerSize > 0 && headerSize < fields.bytes) {
      return refused(fields.path,
                     fmt::format("says that its voxels start at byte {} (HeaderSize), within its "
                                 "header.",
                                 headerSize));
    }
    header.data.start = std::max(header.data.start, fields.bytes);
    header.data.files = {fields.path};
    return {};
  }
  if (isList(where)) {
    return applyList(fields, where, sizes, header);
  }
  const fs::path plain = besideHeader(fields.path, where);
  std::error_code ignored;
  const auto files = numbered(where, sizes);
  if (!files || fs::is_regular_file(plain, ignored)) {
    header.data.files = {plain};
    return {};
  }
  const auto names = namesOf(*files);
  if (!names || sizes.back() % static_cast<std::int64_t>(names->size()) != 0) {
    return refused(fields.path,
                   fmt::format("names the data files '{}', which do not fit its {} slices.",
                               utf8Text(where),
                               sizes.back()));
  }
  for (const std::string& name : *names) {
    header.data.files.push_back(besideHeader(fields.path, name));
  }
  return {};
}

Result<void> applyEncoding(const Fields& fields, Header& header) {
  ARGAND_ASSIGN(const bool binary, fields.isTrue({"BinaryData"}, true));
  ARGAND_ASSIGN(const bool compressed, fields.isTrue({"CompressedData"}, false));
  if (!binary && compressed) {
    return refused(fields.path,
                   "holds its voxels as text and compressed at once (BinaryData, CompressedData).");
  }
  if (compressed) {
    header.data.encoding = Encoding::Zlib;
    ARGAND_ASSIGN(header.data.packedSize, fields.wholeOf("CompressedDataSize", 0));
  } else {
    header.data.encoding = binary ? Encoding::Raw : Encoding::Text;
  }
  if (!binary) {
    header.otherByteOrder = false;  // numbers in text have none
  }
  return {};
}

}  // namespace

Result<Header> read(const fs::path& path, Warnings& warnings) {
  ARGAND_ASSIGN(const Fields fields, fieldsOf(path));
  ARGAND_ASSIGN(const std::string* object, fields.find({"ObjectType"}));
  if (object != nullptr && *object != "Image") {
    return refused(path, fmt::format("holds a {}, not an image.", utf8Text(*object)));
  }
  Header header;
  std::vector<std::int64_t> sizes;
  ARGAND_TRY(applySizes(fields, header, sizes));
  ARGAND_TRY(applyGeometry(fields, sizes.size(), header, warnings));
  ARGAND_TRY(applyType(fields, header));
  ARGAND_TRY(applyEncoding(fields, header));
  ARGAND_TRY(applyIntensities(fields, header, warnings));
  ARGAND_TRY(applyFiles(fields, sizes, header));
  return header;
}

std::string_view typeName(RawType type) {
  return std::find_if(kTypes.begin(),
                      kTypes.end(),
                      [&](const TypeName& known) { return known.type == type; })
      ->name;
}

}  // namespace argand::io::meta
