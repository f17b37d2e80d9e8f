// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/dicom/derived_object.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/rtstruct/rtstruct_parser.h"
#include "core/dicom/rtstruct/rtstruct_planes.h"
#include "core/dicom/slice_planes.h"
#include "core/volume/label_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace argand::dicom {

namespace {

// The pixels that the rings can reach.
Box boundsOf(const RingsBySlice& slices, const Size3& size) {
  double lowX = HUGE_VAL;
  double lowY = HUGE_VAL;
  double highX = -HUGE_VAL;
  double highY = -HUGE_VAL;
  for (const auto& [k, rings] : slices) {
    for (const Ring& ring : rings) {
      for (const Point2& point : ring) {
        lowX = std::min(lowX, point.x);
        highX = std::max(highX, point.x);
        lowY = std::min(lowY, point.y);
        highY = std::max(highY, point.y);
      }
    }
  }
  if (slices.empty()) {
    return {};
  }
  const auto within = [](double value, std::int64_t end) {
    return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(end)));
  };
  return {
      {within(std::floor(lowX), size.i), within(std::floor(lowY), size.j), slices.begin()->first},
      {within(std::ceil(highX) + 1.0, size.i),
       within(std::ceil(highY) + 1.0, size.j),
       slices.rbegin()->first + 1}};
}

std::vector<std::uint8_t> maskOf(const RingsBySlice& slices, const Box& box, FillRule rule) {
  const Size3 size = box.size();
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(size.voxels()), 0);
  for (const auto& [k, rings] : slices) {
    std::vector<Ring> local = rings;
    for (Ring& ring : local) {
      for (Point2& point : ring) {
        point.x -= static_cast<double>(box.begin.i);
        point.y -= static_cast<double>(box.begin.j);
      }
    }
    const auto slice = filled(local, size.i, size.j, rule);
    std::copy(slice.begin(),
              slice.end(),
              mask.begin() + static_cast<std::ptrdiff_t>((k - box.begin.k) * size.i * size.j));
  }
  return mask;
}

// Our own files say "model, sha256 HASH, ..." with the hash whole in the ROI
// Description; of others the ROI Generation Description is what is known of a model.
void takeModel(const ParsedRoi& roi, Structure& structure) {
  constexpr std::string_view kHash = "sha256 ";
  constexpr std::size_t kHashLength = 64;
  structure.model = roi.generation;
  const std::size_t at = roi.description.find(kHash);
  if (at == std::string::npos) {
    return;
  }
  const std::string hash = roi.description.substr(at + kHash.size(), kHashLength);
  if (hash.size() == kHashLength &&
      hash.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos) {
    structure.modelHash = hash;
    structure.model = roi.description.substr(0, at < 2 ? 0 : at - 2);  // without the ", "
  }
}

Structure structureOf(const ParsedRoi& roi, std::size_t position) {
  Structure structure;
  structure.name = roi.name.empty() ? fmt::format("ROI_{}", roi.number.value_or(0)) : roi.name;
  structure.color = roi.color.value_or(paletteColor(position));
  structure.code = roi.code;
  structure.interpretedType = roi.interpretedType;
  structure.origin = roi.algorithm == "AUTOMATIC"       ? Origin::Automatic
                     : roi.algorithm == "SEMIAUTOMATIC" ? Origin::SemiAutomatic
                     : roi.algorithm == "MANUAL"        ? Origin::Manual
                                                        : Origin::Unknown;
  if (structure.origin == Origin::Automatic || structure.origin == Origin::SemiAutomatic) {
    takeModel(roi, structure);
  }
  return structure;
}

// Leaves out what was drawn in another space; refuses a file with nothing else.
Result<void> keepThisSpace(ParsedRtStruct& file,
                           const std::filesystem::path& path,
                           const SourceSeries& source,
                           Warnings& warnings) {
  std::vector<ParsedRoi> kept;
  bool unsaid = false;
  bool images = false;
  for (ParsedRoi& roi : file.rois) {
    const Space space = spaceOf(
        roi.frameOfReferenceUid.empty() ? file.frameOfReferenceUid : roi.frameOfReferenceUid,
        file.instanceUids,
        source);
    unsaid = unsaid || space == Space::Unsaid;
    images = images || space == Space::OtherButItsImages;
    if (space == Space::Other) {
      warnings.push_back(
          {WarningCode::LeftOut,
           fmt::format("'{}' was left out: it is drawn in another Frame of Reference.", roi.name)});
    } else {
      kept.push_back(std::move(roi));
    }
  }
  if (kept.empty() && !file.rois.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The structures of '{}' belong to another Frame of Reference and to "
                            "none of these images. Open the series that they were drawn on.",
                            displayed(path.filename())));
  }
  if (unsaid) {
    warnings.push_back({WarningCode::OtherReference,
                        "Nothing in the files says that the structures belong to these images: "
                        "check their place."});
  }
  if (images) {
    warnings.push_back({WarningCode::OtherReference,
                        "The structures name another Frame of Reference than the images that "
                        "they refer to: check their place."});
  }
  file.rois = std::move(kept);
  return {};
}

}  // namespace

Result<ReadRtStruct> readRtStruct(const std::filesystem::path& path,
                                  const Geometry& geometry,
                                  const SourceSeries& source,
                                  FillRule rule,
                                  const std::stop_token& stop) {
  ARGAND_ASSIGN(const SlicePlanes planes, SlicePlanes::create(geometry, source));
  ARGAND_ASSIGN(ParsedRtStruct file, parseRtStruct(path));
  ReadRtStruct result{Segmentation(geometry), std::move(file.warnings)};
  ARGAND_TRY(keepThisSpace(file, path, source, result.warnings));
  nameMissingImages(file.instanceUids, source, result.warnings);
  for (std::size_t n = 0; n < file.rois.size(); ++n) {
    ARGAND_TRY(checkStop(stop));
    const ParsedRoi& roi = file.rois[n];
    Structure structure = structureOf(roi, n);
    if (roi.contours.empty()) {
      result.warnings.push_back(
          {WarningCode::LeftOut,
           fmt::format("'{}' has no contours in the file and is empty.", structure.name)});
    }
    const std::size_t before = result.warnings.size();
    const DrawnRoi drawn = drawnOn(planes, geometry.size, roi, structure.name, result.warnings);
    const Box box = boundsOf(drawn.slices, geometry.size);
    if (box.empty()) {
      result.segmentation.add(std::move(structure));
      continue;
    }
    const auto mask = maskOf(drawn.slices, box, drawn.exclusive ? FillRule::EvenOdd : rule);
    if (before == result.warnings.size() &&
        std::find(mask.begin(), mask.end(), std::uint8_t{1}) == mask.end()) {
      result.warnings.push_back(
          {WarningCode::Contour,
           fmt::format("'{}': its contours hold no voxel centre, so it is empty.",
                       structure.name)});
    }
    structure.layer = result.segmentation.layerWithRoom(box, mask);
    result.segmentation.assign(result.segmentation.add(std::move(structure)), box, mask);
  }
  return result;
}

Result<RtStructSummary> summarizeRtStruct(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const ParsedRtStruct file, parseRtStruct(path));
  RtStructSummary summary;
  summary.frameOfReferenceUid = file.frameOfReferenceUid;
  summary.referencedSeriesUids = file.seriesUids;
  for (const ParsedRoi& roi : file.rois) {
    summary.structures.push_back(roi.name);
    summary.contours += static_cast<std::int64_t>(roi.contours.size());
  }
  return summary;
}

}  // namespace argand::dicom
