// SPDX-License-Identifier: Apache-2.0
#include "core/io/header_text.h"
#include "core/io/nrrd_header.h"
#include "core/io/nrrd_text.h"

#include <algorithm>
#include <cmath>
#include <set>

// 3D Slicer's segmentation files (.seg.nrrd): "Segment0_Name:=liver" and its siblings.
// https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
namespace argand::io::nrrd {

namespace fs = std::filesystem;

namespace {

// Coded concepts of the sides of the body (SNOMED CT).
constexpr std::string_view kRight = "24028007";
constexpr std::string_view kLeft = "7771000";

const std::string* valueOf(const Header& header, std::int64_t segment, std::string_view key) {
  const auto found = header.keyValues.find(fmt::format("Segment{}_{}", segment, key));
  return found == header.keyValues.end() ? nullptr : &found->second;
}

// The numbers of the segments that have a key, in order.
std::vector<std::int64_t> segmentsOf(const Header& header) {
  std::set<std::int64_t> found;
  for (const auto& [key, value] : header.keyValues) {
    const std::size_t underline = key.find('_');
    if (!key.starts_with("Segment") || underline == std::string::npos) {
      continue;
    }
    const auto number = parseWhole(std::string_view(key).substr(7, underline - 7));
    if (number && *number >= 0) {
      found.insert(*number);
    }
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> parts(std::string_view text, char separator) {
  std::vector<std::string> found;
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    found.emplace_back(text.substr(0, end));
    if (end == text.size()) {
      return found;
    }
    text.remove_prefix(end + 1);
  }
}

// "SCT^10200004^Liver"; nothing where a part is missing.
std::optional<Code> codeFrom(std::string_view text) {
  const std::vector<std::string> found = parts(text, '^');
  if (found.size() != 3 || found[0].empty() || found[1].empty()) {
    return std::nullopt;
  }
  return Code{found[0], found[1], found[2]};
}

// The type and its modifier in "TerminologyEntry:context~category~type~modifier~..." among
// the tags, which "|" separates.
void takeTerminology(std::string_view tags, LabelTable::Entry& entry) {
  constexpr std::string_view kTag = "TerminologyEntry:";
  for (const std::string& tag : parts(tags, '|')) {
    if (!tag.starts_with(kTag)) {
      continue;
    }
    const std::vector<std::string> fields = parts(std::string_view(tag).substr(kTag.size()), '~');
    if (fields.size() < 4) {
      continue;
    }
    entry.code = codeFrom(fields[2]);
    const auto modifier = codeFrom(fields[3]);
    if (modifier && modifier->scheme == "SCT") {
      entry.side = modifier->value == kRight  ? Side::Right
                   : modifier->value == kLeft ? Side::Left
                                              : Side::None;
    }
  }
}

// Three numbers from 0 to 1.
std::optional<Color> colorFrom(const std::string* text) {
  const auto rgb = text != nullptr ? numbers(*text) : std::nullopt;
  if (!rgb || rgb->size() != 3) {
    return std::nullopt;
  }
  const auto byte = [](double part) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(part, 0.0, 1.0) * 255.0));
  };
  return Color{byte((*rgb)[0]), byte((*rgb)[1]), byte((*rgb)[2])};
}

std::string written(const Code& code) {
  return fmt::format("{}^{}^{}", code.scheme, code.value, code.meaning);
}

std::string tagsOf(const LabelTable::Entry& entry) {
  std::string side = "^^";
  if (entry.side != Side::None) {
    side = entry.side == Side::Right ? written({"SCT", std::string(kRight), "Right"})
                                     : written({"SCT", std::string(kLeft), "Left"});
  }
  return fmt::format(
      "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list~"
      "SCT^123037004^Anatomical Structure~{}~{}~Anatomic codes - DICOM master list~^^~^^|",
      written(*entry.code),
      side);
}

}  // namespace

std::vector<LabelTable> segmentNames(const Header& header,
                                     std::int64_t layers,
                                     const fs::path& path,
                                     Warnings& warnings) {
  std::vector<LabelTable> tables(static_cast<std::size_t>(layers));
  const std::vector<std::int64_t> segments = segmentsOf(header);
  for (std::size_t n = 0; n < segments.size(); ++n) {
    // Before 2020 Slicer wrote no label and no layer: each segment had a layer of ones.
    const std::string* layerText = valueOf(header, segments[n], "Layer");
    const std::string* labelText = valueOf(header, segments[n], "LabelValue");
    const auto layer =
        layerText != nullptr
            ? parseWhole(*layerText)
            : std::optional(layers == 1 ? std::int64_t{0} : static_cast<std::int64_t>(n));
    const auto label =
        labelText != nullptr ? parseWhole(*labelText) : std::optional<std::int64_t>(1);
    const std::string* name = valueOf(header, segments[n], "Name");
    const std::string shown = name != nullptr ? *name : fmt::format("Segment {}", segments[n]);
    if (!layer || *layer < 0 || *layer >= layers || !label || *label < 1 || *label > 65535) {
      warnings.push_back(
          {WarningCode::LeftOut,
           fmt::format("The segment '{}' of {} is left out: its layer or label is none of the "
                       "file's.",
                       shown,
                       displayed(path.filename()))});
      continue;
    }
    LabelTable& table = tables[static_cast<std::size_t>(*layer)];
    const auto value = static_cast<LabelValue>(*label);
    if (table.entries().contains(value)) {
      warnings.push_back(
          {WarningCode::LeftOut,
           fmt::format("The segment '{}' of {} is left out: '{}' has the same voxels.",
                       shown,
                       displayed(path.filename()),
                       table.nameOf(value))});
      continue;
    }
    LabelTable::Entry entry;
    entry.name = shown;
    entry.color = colorFrom(valueOf(header, segments[n], "Color"));
    if (const std::string* tags = valueOf(header, segments[n], "Tags")) {
      takeTerminology(*tags, entry);
    }
    table.set(value, std::move(entry));
  }
  return tables;
}

std::string segmentLines(const LabelTable& names, const Size3& size) {
  std::string lines;
  int n = 0;
  const auto line = [&](std::string_view key, std::string_view value) {
    lines += fmt::format("Segment{}_{}:={}\n", n, key, escaped(value));
  };
  for (const auto& [value, entry] : names.entries()) {
    const Color color = names.colorOf(value);
    line("Color",
         fmt::format(
             "{:.6f} {:.6f} {:.6f}", color.red / 255.0, color.green / 255.0, color.blue / 255.0));
    line("Extent", fmt::format("0 {} 0 {} 0 {}", size.i - 1, size.j - 1, size.k - 1));
    line("ID", fmt::format("Segment_{}", value));
    line("LabelValue", std::to_string(value));
    line("Layer", "0");
    line("Name", names.nameOf(value));
    if (entry.code) {
      line("Tags", tagsOf(entry));
    }
    ++n;
  }
  if (!lines.empty()) {
    lines +=
        "Segmentation_ContainedRepresentationNames:=Binary labelmap|\n"
        "Segmentation_MasterRepresentation:=Binary labelmap\n"
        "Segmentation_ReferenceImageExtentOffset:=0 0 0\n";
  }
  return lines;
}

}  // namespace argand::io::nrrd
