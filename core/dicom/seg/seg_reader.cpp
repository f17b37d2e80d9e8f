// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/dicom/derived_object.h"
#include "core/dicom/seg/seg.h"
#include "core/dicom/seg/seg_codes.h"
#include "core/dicom/seg/seg_frames.h"
#include "core/dicom/seg/seg_placement.h"
#include "core/volume/label_table.h"
#include "core/volume/resample.h"

#include <algorithm>
#include <map>

namespace argand::dicom {

namespace {

// SNOMED CT, and SNOMED RT before it.
bool isOrgan(const std::optional<Code>& category) {
  return !category || category->value == kAnatomicalStructure.value ||
         category->value == "T-D000A" || category->value == kTissue.value ||
         category->value == "T-D0050";
}

Structure structureOf(const ParsedSegment& segment, std::size_t position) {
  Structure structure;
  structure.name =
      segment.label.empty() ? fmt::format("Segment_{}", segment.number) : segment.label;
  structure.color = segment.color.value_or(paletteColor(position));
  structure.side = segment.side;
  if (segment.type && segment.type->value != kTissue.value) {  // "tissue" says nothing
    structure.code = segment.type;
    structure.category = segment.category && segment.category->value != kAnatomicalStructure.value
                             ? segment.category
                             : std::nullopt;
  }
  structure.interpretedType = isOrgan(segment.category) ? "ORGAN" : "";
  const bool automatic = segment.algorithmType == "AUTOMATIC";
  const bool half = segment.algorithmType == "SEMIAUTOMATIC";
  if (segment.algorithmName == kAlgorithmNotSaid) {
    structure.origin = Origin::Unknown;
  } else if (automatic || half) {
    structure.origin = automatic ? Origin::Automatic : Origin::SemiAutomatic;
    structure.model = segment.algorithmName;
    structure.modelHash = segment.modelHash;
  } else {
    structure.origin = segment.algorithmType == "MANUAL" ? Origin::Manual : Origin::Unknown;
  }
  return structure;
}

Result<void> checkSpace(const ParsedSeg& seg, const SourceSeries& source, Warnings& warnings) {
  switch (spaceOf(seg.frameOfReferenceUid, seg.instanceUids, source)) {
    case Space::Same:
      return {};
    case Space::Unsaid:
      warnings.push_back({WarningCode::OtherReference,
                          "Nothing in the files says that the segments belong to these images: "
                          "check their place."});
      return {};
    case Space::OtherButItsImages:
      warnings.push_back({WarningCode::OtherReference,
                          "The segments name another Frame of Reference than the images that "
                          "they refer to: check their place."});
      return {};
    case Space::Other:
      break;
  }
  return fail(ErrorCode::InputRefused,
              "The segments belong to another Frame of Reference and to none of these images. "
              "Open the series that they were drawn on.");
}

// A part of a slice: what of a segment lies there.
struct Patch {
  Box box;  // one slice
  std::vector<std::uint8_t> mask;
};

// The smallest patch with every pixel that is not 0; an empty box where there is none.
Patch patchOf(const std::vector<std::uint16_t>& slice, const Size3& size, std::int64_t k) {
  Patch patch{{{size.i, size.j, k}, {0, 0, k + 1}}, {}};
  for (std::int64_t j = 0; j < size.j; ++j) {
    const auto row = slice.begin() + static_cast<std::ptrdiff_t>(j * size.i);
    const auto end = row + static_cast<std::ptrdiff_t>(size.i);
    const auto isSet = [](std::uint16_t value) { return value != 0; };
    const auto first = std::find_if(row, end, isSet);
    if (first == end) {
      continue;
    }
    const auto last =
        std::find_if(std::make_reverse_iterator(end), std::make_reverse_iterator(first), isSet);
    patch.box.begin.i = std::min<std::int64_t>(patch.box.begin.i, first - row);
    patch.box.end.i = std::max<std::int64_t>(patch.box.end.i, last.base() - row);
    patch.box.begin.j = std::min(patch.box.begin.j, j);
    patch.box.end.j = j + 1;
  }
  if (patch.box.empty()) {
    return patch;
  }
  for (std::int64_t j = patch.box.begin.j; j < patch.box.end.j; ++j) {
    for (std::int64_t i = patch.box.begin.i; i < patch.box.end.i; ++i) {
      patch.mask.push_back(slice[static_cast<std::size_t>(j * size.i + i)] != 0 ? 1 : 0);
    }
  }
  return patch;
}

void addTo(std::vector<std::uint8_t>& mask, const Box& box, const Patch& patch) {
  const Size3 size = box.size();
  auto inside = patch.mask.begin();
  for (std::int64_t j = patch.box.begin.j; j < patch.box.end.j; ++j) {
    const auto row =
        ((patch.box.begin.k - box.begin.k) * size.j + j - box.begin.j) * size.i - box.begin.i;
    for (std::int64_t i = patch.box.begin.i; i < patch.box.end.i; ++i) {
      mask[static_cast<std::size_t>(row + i)] |= *inside++;
    }
  }
}

// Fills segments into a grid whose slices the frames lie on.
class Filler {
 public:
  Filler(const ParsedSeg& seg,
         const SegFrames& frames,
         const Placement& placement,
         const std::stop_token& stop,
         Segmentation& result)
      : m_seg(seg), m_frames(frames), m_placement(placement), m_stop(stop), m_result(result) {}

  Result<void> run() { return m_seg.type == SegType::LabelMap ? fillLabels() : fillMasks(); }

  [[nodiscard]] std::int64_t lostPixels() const { return m_lost; }

  [[nodiscard]] std::int64_t placedPixels() const { return m_placed; }

 private:
  // The values of frame `n` on its slice, in m_slice; false where it has none.
  Result<bool> bring(std::size_t n) {
    ARGAND_TRY(checkStop(m_stop));
    const FramePlace& place = m_placement.places[n];
    if (!place.k) {
      return false;
    }
    ARGAND_TRY(m_frames.read(n, m_values));
    const Size3& size = m_result.geometry().size;
    m_lost += moveToSlice(m_values, m_seg.columns, m_seg.rows, place.map, size.i, size.j, m_slice);
    return true;
  }

  Result<void> fillMasks() {
    std::map<int, std::vector<std::size_t>> framesOfSegment;
    for (std::size_t n = 0; n < m_seg.frames.size(); ++n) {
      framesOfSegment[m_seg.frames[n].segment].push_back(n);
    }
    for (std::size_t position = 0; position < m_seg.segments.size(); ++position) {
      Structure structure = structureOf(m_seg.segments[position], position);
      std::vector<Patch> patches;
      Box box;
      for (const std::size_t n : framesOfSegment[m_seg.segments[position].number]) {
        ARGAND_ASSIGN(const bool here, bring(n));
        if (!here) {
          continue;
        }
        Patch patch = patchOf(m_slice, m_result.geometry().size, *m_placement.places[n].k);
        if (!patch.box.empty()) {
          box = patches.empty() ? patch.box : united(box, patch.box);
          patches.push_back(std::move(patch));
        }
      }
      if (patches.empty()) {
        m_result.add(std::move(structure));
        continue;
      }
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(box.size().voxels()), 0);
      for (const Patch& patch : patches) {
        addTo(mask, box, patch);
      }
      m_placed += std::count(mask.begin(), mask.end(), std::uint8_t{1});
      structure.layer = m_result.layerWithRoom(box, mask);
      m_result.assign(m_result.add(std::move(structure)), box, mask);
    }
    return {};
  }

  Result<void> fillLabels() {
    std::vector<LabelValue> labels(m_seg.segments.size() + 1, 0);
    for (std::size_t position = 0; position < m_seg.segments.size(); ++position) {
      if (m_seg.segments[position].number == m_seg.background) {
        continue;
      }
      const StructureId id = m_result.add(structureOf(m_seg.segments[position], position));
      labels[position + 1] = m_result.find(id)->label;
    }
    if (m_result.layerCount() == 0) {
      m_result.addLayer();
    }
    const Size3& size = m_result.geometry().size;
    for (std::size_t n = 0; n < m_seg.frames.size(); ++n) {
      ARGAND_ASSIGN(const bool here, bring(n));
      if (!here) {
        continue;
      }
      const std::int64_t k = *m_placement.places[n].k;
      const Box box{{0, 0, k}, {size.i, size.j, k + 1}};
      std::vector<LabelValue> voxels = m_result.layer(0).read(box);
      for (std::size_t at = 0; at < voxels.size(); ++at) {
        if (const LabelValue label = labels[m_slice[at]]; label != 0) {
          voxels[at] = label;
          ++m_placed;
        }
      }
      m_result.layer(0).write(box, voxels);
    }
    return {};
  }

  const ParsedSeg& m_seg;
  const SegFrames& m_frames;
  const Placement& m_placement;
  const std::stop_token& m_stop;
  Segmentation& m_result;
  std::vector<std::uint16_t> m_values;
  std::vector<std::uint16_t> m_slice;
  std::int64_t m_lost = 0;
  std::int64_t m_placed = 0;
};

Result<ReadSeg> readParsed(const ParsedSeg& seg,
                           const Geometry& geometry,
                           const SlicePlanes& planes,
                           const SourceSeries& source,
                           const std::stop_token& stop) {
  ARGAND_ASSIGN(const SegFrames frames, SegFrames::create(seg));
  ReadSeg result{Segmentation(geometry), {}};
  ARGAND_TRY(checkSpace(seg, source, result.warnings));
  nameMissingImages(seg.instanceUids, source, result.warnings);
  ARGAND_ASSIGN(const Placement placement, placed(seg, geometry, planes, source));
  append(result.warnings, placement.warnings);
  Segmentation own(placement.ownGrid.value_or(geometry));
  Filler filler(seg, frames, placement, stop, own);
  ARGAND_TRY(filler.run());
  const bool nowhere = std::none_of(placement.places.begin(),
                                    placement.places.end(),
                                    [](const FramePlace& place) { return place.k.has_value(); });
  if (nowhere || (filler.placedPixels() == 0 && filler.lostPixels() > 0)) {
    return fail(ErrorCode::InputRefused,
                "Its segments lie elsewhere in the patient than these images. Are they of the "
                "same study?");
  }
  if (filler.lostPixels() > 0) {
    result.warnings.push_back({WarningCode::OutsideImage,
                               fmt::format("{} pixels of the segments lie outside the images and "
                                           "were left out.",
                                           filler.lostPixels())});
  }
  if (seg.type == SegType::Fractional) {
    result.warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("The segments hold fractions ({}); a voxel belongs to a structure from half "
                     "of the largest value ({}) on.",
                     seg.fractionalType.empty() ? "of an unknown kind" : seg.fractionalType,
                     seg.maximumFractionalValue)});
  }
  result.segmentation = placement.ownGrid ? onGrid(own, geometry) : std::move(own);
  return result;
}

}  // namespace

Result<ReadSeg> readSeg(const std::filesystem::path& path,
                        const Geometry& geometry,
                        const SourceSeries& source,
                        const std::stop_token& stop) {
  ARGAND_ASSIGN(const SlicePlanes planes, SlicePlanes::create(geometry, source));
  ARGAND_ASSIGN(const ParsedSeg seg, parseSeg(path));
  const std::string name = displayed(path.filename());
  return guarded(ErrorCode::InputRefused,
                 fmt::format("reading the segmentation '{}'", name),
                 [&]() -> Result<ReadSeg> {
                   auto read = readParsed(seg, geometry, planes, source, stop);
                   if (!read && read.error().code == ErrorCode::InputRefused) {
                     return fail(ErrorCode::InputRefused,
                                 fmt::format("'{}': {}", name, read.error().message));
                   }
                   return read;
                 });
}

Result<SegSummary> summarizeSeg(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const ParsedSeg seg, parseSeg(path));
  SegSummary summary;
  summary.type = seg.typeName;
  summary.frameOfReferenceUid = seg.frameOfReferenceUid;
  summary.referencedSeriesUids = seg.seriesUids;
  for (const ParsedSegment& segment : seg.segments) {
    if (seg.type != SegType::LabelMap || segment.number != seg.background) {
      summary.structures.push_back(segment.label);
    }
  }
  summary.frames = static_cast<std::int64_t>(seg.frames.size());
  return summary;
}

}  // namespace argand::dicom
