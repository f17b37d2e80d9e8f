// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/contours.h"
#include "core/volume/segmentation.h"
#include "core/volume/source_series.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// RT Structure Set Storage (1.2.840.10008.5.1.4.1.1.481.3), in and out.
namespace argand::dicom {

struct RtStructOptions {
  std::string label = "ARGAND";  // Structure Set Label, SH
  std::string seriesDescription = "AI contours - not for clinical use";
  HoleStyle holes = HoleStyle::Keyhole;
  double tolerancePx = 0.25;
  bool includeEmpty = false;
  // Writes new UIDs and a new Frame of Reference where the source has none,
  // and says so in the series description.
  bool inventUids = false;
  // Appended to the ROI Generation Description (an override by --force, say).
  std::string remark;
  // The plan that the network ran under, as text, for the Structure Set Description.
  std::string plan;
};

struct WrittenStructure {
  std::string name;
  std::int64_t contours = 0;
  std::int64_t points = 0;
  double diceReadBack = 0.0;
};

struct WrittenRtStruct {
  std::vector<WrittenStructure> structures;
  Warnings warnings;  // a value that was cut, an empty structure left out
};

// Writes the structures (all, or those in `only`) as closed planar contours on
// the source's own slices, reads the file back, fills it, and compares with the
// masks: a Dice below 1 for any structure is a failure and leaves no file.
// The segmentation's grid must be the source's (see onGrid).
[[nodiscard]] Result<WrittenRtStruct> writeRtStruct(const std::filesystem::path& path,
                                                    const Segmentation& segmentation,
                                                    const SourceSeries& source,
                                                    const RtStructOptions& options = {},
                                                    const std::vector<StructureId>& only = {},
                                                    const std::stop_token& stop = {},
                                                    const ProgressFn& progress = {});

struct ReadRtStruct {
  Segmentation segmentation;  // overlaps kept in layers
  // Contours that were left out by kind and count, slices that no contour was drawn
  // on, parts outside the image, doubled ROI Numbers, other frame of reference, texts
  // that were not as declared.
  Warnings warnings;
};

// Fills the contours on the slices of `geometry` (the reference series', whose
// SourceSeries is `source`). Contours are taken plane by plane: each slice takes the
// one plane that is nearest to it within half the local gap, and planes between
// slices are named and left out. Within a plane CLOSED_PLANAR contours combine by
// `rule`; those of an ROI with any CLOSEDPLANAR_XOR by even-odd (PS3.3 C.8.8.6.3).
// Coordinates take at most 16 times the file's size.
[[nodiscard]] Result<ReadRtStruct> readRtStruct(const std::filesystem::path& path,
                                                const Geometry& geometry,
                                                const SourceSeries& source,
                                                FillRule rule = FillRule::Nested,
                                                const std::stop_token& stop = {});

// What an RTSTRUCT refers to and holds, without a reference series.
struct RtStructSummary {
  std::string frameOfReferenceUid;
  std::vector<std::string> referencedSeriesUids;
  std::vector<std::string> structures;
  std::int64_t contours = 0;
};

[[nodiscard]] Result<RtStructSummary> summarizeRtStruct(const std::filesystem::path& path);

}  // namespace argand::dicom
