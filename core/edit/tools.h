// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/edit/edit.h"
#include "core/volume/volume.h"

#include <set>

namespace argand::edit {

enum class BrushShape { Disc, Ball };  // in one slice, or in space

// A stroke is sampled as points in LPS mm; the brush covers every voxel whose
// centre lies within `radiusMm` of the path. For Disc the path is brought into the
// plane of the slice along `sliceAxis` that it is nearest to, and only that slice
// is covered.
struct Brush {
  BrushShape shape = BrushShape::Disc;
  double radiusMm = 5.0;
  int sliceAxis = 2;  // the index axis across which Disc does not reach
  bool erase = false;

  // Paint only voxels of the image within this range.
  struct Limit {
    double lower = 0.0;
    double upper = 0.0;
  };

  std::optional<Limit> limit;
};

// Collects one stroke: changes the segmentation as the mouse moves (so that it
// is seen at once) and yields the whole as one Edit at the end. Painting takes
// voxels from other structures of the same layer, but never from a locked one;
// a locked structure itself is refused at begin().
class Stroke {
 public:
  // `image` may be null where the brush has no limit; it lies on the segmentation's grid.
  [[nodiscard]] static Result<Stroke> begin(Segmentation& segmentation,
                                            StructureId structure,
                                            const Brush& brush,
                                            const Volume* image = nullptr);

  // Covers the segment from the last point to this one; returns the box that changed.
  Box moveTo(const Vec3& lpsMm);

  // The edit that was made, already applied (History::record); it is empty where no
  // voxel changed. The structure, and those that lost voxels to it, are marked
  // edited (and SemiAutomatic where they were Automatic).
  [[nodiscard]] Edit finish();
  // Takes the stroke back.
  void cancel();

 private:
  Stroke(Segmentation& segmentation,
         StructureId structure,
         const Brush& brush,
         const Volume* image);

  Segmentation* m_segmentation;
  Segmentation m_before;
  StructureId m_structure;
  Brush m_brush;
  const Volume* m_image;
  std::optional<Vec3> m_last;
  std::set<StructureId> m_touched;  // gained or lost voxels
};

// The voxels of `within` whose value lies in [lower, upper] join the structure
// (or are the structure, with `replace`), but for those of locked structures. One
// Edit, not yet applied; empty where no voxel changes.
[[nodiscard]] Result<Edit> threshold(const Segmentation& segmentation,
                                     StructureId structure,
                                     const Volume& image,
                                     const Box& within,
                                     double lower,
                                     double upper,
                                     bool replace = false);

// What an AI result does to the segmentation: structures of `result` replace
// those of the same name and model, others are added. Hand-edited, locked or
// reviewed structures are never overwritten: their names are in `kept`, unless `overwrite`
// lists them by name; the new result of a kept one is dropped. No structure loses
// a voxel to a result: one that would overlap goes to another layer. A replaced
// one keeps its id, place, colour and visibility.
struct MergePlan {
  Edit edit;                      // not yet applied
  std::vector<std::string> kept;  // structures left as they are
};

[[nodiscard]] Result<MergePlan> mergeResult(const Segmentation& segmentation,
                                            const Segmentation& result,
                                            const std::vector<std::string>& overwrite = {});

}  // namespace argand::edit
