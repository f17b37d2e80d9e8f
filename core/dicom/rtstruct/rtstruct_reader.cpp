// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/derived_object.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/rtstruct/rtstruct_parser.h"
#include "core/dicom/slice_planes.h"
#include "core/volume/label_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace argand::dicom {

namespace {

using RingsBySlice = std::map<std::int64_t, std::vector<Ring>>;

// Why contours of one ROI were left out or taken with a doubt.
struct Doubts {
  std::int64_t unreadable = 0;
  std::int64_t open = 0;
  std::int64_t points = 0;
  std::int64_t tilted = 0;
  std::int64_t offPlane = 0;
  std::int64_t miscounted = 0;

  void describe(const std::string& roi, Warnings& warnings) const {
    const auto say = [&](std::int64_t count, std::string_view what) {
      if (count > 0) {
        warnings.push_back(
            {WarningCode::Contour,
             fmt::format("'{}': {} contour{} {}.", roi, count, count > 1 ? "s" : "", what)});
      }
    };
    say(unreadable, "left out because the coordinates are not triples of numbers");
    say(open, "left out because they are open or of an unknown type");
    say(points, "left out because they are single points or have fewer than three");
    say(tilted, "left out because they do not lie parallel to the image slices");
    say(offPlane, "left out because no image slice lies there");
    say(miscounted, "with a wrong Number of Contour Points, read as they stand");
  }
};

bool isXor(const std::string& type) {
  // The second is a common misspelling of the defined term of PS3.3 C.8.8.6.3.
  return type == "CLOSEDPLANAR_XOR" || type == "CLOSED_PLANAR_XOR";
}

// The slice of a contour, or nothing with the reason counted.
std::optional<std::int64_t> sliceOf(const ParsedContour& contour,
                                    const SlicePlanes& planes,
                                    Doubts& doubts) {
  if (!contour.readable) {
    ++doubts.unreadable;
    return std::nullopt;
  }
  if (contour.type == "POINT" || contour.pointsMm.size() < 3) {
    ++doubts.points;
    return std::nullopt;
  }
  if (contour.type != "CLOSED_PLANAR" && !isXor(contour.type)) {
    ++doubts.open;
    return std::nullopt;
  }
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  for (const Vec3& point : contour.pointsMm) {
    const double height = planes.heightMm(point);
    low = std::min(low, height);
    high = std::max(high, height);
  }
  if (!(high - low <= planes.halfGapMm())) {
    ++doubts.tilted;
    return std::nullopt;
  }
  const auto slice = planes.nearest((low + high) / 2.0);
  if (!slice) {
    ++doubts.offPlane;
    return std::nullopt;
  }
  const auto points = static_cast<std::int64_t>(contour.pointsMm.size());
  doubts.miscounted += contour.declaredPoints != points ? 1 : 0;
  return slice;
}

Ring ringOf(const ParsedContour& contour, const SlicePlanes& planes, std::int64_t k) {
  // Rounding noise of the projection must not decide on which side of a pixel
  // centre a vertex lies that the file puts on it.
  constexpr double kGrainPx = 1e-6;
  Ring ring;
  ring.reserve(contour.pointsMm.size());
  for (const Vec3& point : contour.pointsMm) {
    const Point2 pixel = planes.toPixel(point, k);
    ring.push_back(
        {std::round(pixel.x / kGrainPx) * kGrainPx, std::round(pixel.y / kGrainPx) * kGrainPx});
  }
  return ring;
}

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

Structure structureOf(const ParsedRoi& roi, std::size_t position) {
  Structure structure;
  structure.name = roi.name.empty() ? fmt::format("ROI_{}", roi.number) : roi.name;
  structure.color = roi.color.value_or(paletteColor(position));
  structure.code = roi.code;
  structure.interpretedType = roi.interpretedType;
  structure.origin = roi.algorithm == "AUTOMATIC"       ? Origin::Automatic
                     : roi.algorithm == "SEMIAUTOMATIC" ? Origin::SemiAutomatic
                     : roi.algorithm == "MANUAL"        ? Origin::Manual
                                                        : Origin::Unknown;
  if (structure.origin == Origin::Automatic || structure.origin == Origin::SemiAutomatic) {
    structure.model = roi.description;
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
                            path.filename().string()));
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
  ReadRtStruct result{Segmentation(geometry), {}};
  ARGAND_TRY(keepThisSpace(file, path, source, result.warnings));
  nameMissingImages(file.instanceUids, source, result.warnings);
  for (std::size_t n = 0; n < file.rois.size(); ++n) {
    ARGAND_TRY(checkStop(stop));
    const ParsedRoi& roi = file.rois[n];
    Structure structure = structureOf(roi, n);
    RingsBySlice slices;
    Doubts doubts;
    bool exclusive = false;
    for (const ParsedContour& contour : roi.contours) {
      if (const auto k = sliceOf(contour, planes, doubts)) {
        slices[*k].push_back(ringOf(contour, planes, *k));
        exclusive = exclusive || isXor(contour.type);
      }
    }
    doubts.describe(structure.name, result.warnings);
    const Box box = boundsOf(slices, geometry.size);
    if (box.empty()) {
      result.segmentation.add(std::move(structure));
      continue;
    }
    const auto mask = maskOf(slices, box, exclusive ? FillRule::EvenOdd : rule);
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
