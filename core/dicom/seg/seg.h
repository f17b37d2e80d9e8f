// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/segmentation.h"
#include "core/volume/source_series.h"

#include <filesystem>
#include <string>
#include <vector>

// DICOM segmentations: Segmentation Storage (1.2.840.10008.5.1.4.1.1.66.4) in and
// out, Label Map Segmentation Storage (1.2.840.10008.5.1.4.1.1.66.7) in.
namespace argand::dicom {

struct SegOptions {
  std::string label = "ARGAND";  // Content Label: CS, capitals, digits, blanks and '_'
  std::string seriesDescription = "AI segments - not for clinical use";
  // Writes new UIDs and a new Frame of Reference where the source has none,
  // and says so in the series description.
  bool inventUids = false;
  // Appended to the Segment Description (an override by --force, say).
  std::string remark;
};

struct WrittenSegment {
  std::string name;
  std::int64_t frames = 0;  // slices with at least one voxel of it
  std::int64_t voxels = 0;
  double diceReadBack = 0.0;
};

struct WrittenSeg {
  std::vector<WrittenSegment> structures;
  Warnings warnings;  // a value that was cut, an empty structure left out
};

// Writes the structures (all, or those in `only`) as a BINARY segmentation on the
// source's own slices, reads the file back and compares every voxel: a difference
// is a failure and leaves no file. Overlapping structures are kept. Fails where the
// Pixel Data would exceed 4 GiB. The segmentation's grid must be the source's (see
// onGrid).
[[nodiscard]] Result<WrittenSeg> writeSeg(const std::filesystem::path& path,
                                          const Segmentation& segmentation,
                                          const SourceSeries& source,
                                          const SegOptions& options = {},
                                          const std::vector<StructureId>& only = {},
                                          const std::stop_token& stop = {},
                                          const ProgressFn& progress = {});

struct ReadSeg {
  Segmentation segmentation;  // overlaps kept in layers
  Warnings warnings;          // resampled, frames on no slice, probabilities cut, another reference
};

// Brings a BINARY, FRACTIONAL (a voxel belongs to the segment from half the Maximum
// Fractional Value on) or LABELMAP segmentation to the slices of `geometry` (the
// reference series', whose SourceSeries is `source`). A frame goes to the slice at its
// position, the nearest within half the local gap; one without a position to the slice
// whose image it names. Frames on the same pixels, also mirrored, turned or cut out, are
// taken exactly; others take the nearest pixel, with a warning. Fails, saying what, where
// the file's parts contradict each other. Beside the result a frame is held at a time, of
// at most 16 times the file's size, and a byte for each voxel of a structure's box.
[[nodiscard]] Result<ReadSeg> readSeg(const std::filesystem::path& path,
                                      const Geometry& geometry,
                                      const SourceSeries& source,
                                      const std::stop_token& stop = {});

// What a segmentation refers to and holds, without a reference series.
struct SegSummary {
  std::string type;  // BINARY, FRACTIONAL or LABELMAP
  std::string frameOfReferenceUid;
  std::vector<std::string> referencedSeriesUids;
  std::vector<std::string> structures;
  std::int64_t frames = 0;
};

[[nodiscard]] Result<SegSummary> summarizeSeg(const std::filesystem::path& path);

}  // namespace argand::dicom
