// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/segmentation.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

// Changes to a Segmentation. Every change, an AI result included, is one Edit
// and goes through apply(): undo, the journal and recovery are the same thing.
namespace argand::edit {

// Label values of one layer within a box, before and after, each compressed
// (zstd over the 16-bit values, i fastest).
struct LayerPatch {
  int layer = 0;
  Box box;
  std::vector<std::byte> before;
  std::vector<std::byte> after;
  bool operator==(const LayerPatch&) const = default;
};

// A structure's attributes before and after; absent before: it is added;
// absent after: it is removed.
struct StructureChange {
  std::size_t position = 0;  // in the list
  std::optional<Structure> before;
  std::optional<Structure> after;
  bool operator==(const StructureChange&) const = default;
};

struct Edit {
  std::string title;  // "Paint Liver", for the Undo menu
  std::vector<StructureChange> structures;
  std::vector<LayerPatch> patches;

  [[nodiscard]] bool empty() const { return structures.empty() && patches.empty(); }

  [[nodiscard]] std::size_t bytes() const;
  bool operator==(const Edit&) const = default;
};

// Makes `segmentation` what it is after the edit. Fails, changing nothing, where
// the segmentation is not in the state the edit starts from. Whether a structure
// is shown or was reviewed is no part of that state, so that neither breaks undo.
//
// A review holds for the voxels that were seen: a structure whose voxels the edit
// changes, forwards or backwards, is no longer Completed but InProgress.
[[nodiscard]] Result<void> apply(Segmentation& segmentation, const Edit& edit);

// The edit that takes it back.
[[nodiscard]] Edit inverse(const Edit& edit);

// A compact byte form that reads back equal; refuses damaged bytes.
[[nodiscard]] std::vector<std::byte> serialize(const Edit& edit);
[[nodiscard]] Result<Edit> deserialize(const std::vector<std::byte>& bytes);

// Returns the structures that gained or lost voxels between two states of one
// segmentation, those among them that only one of the states has.
[[nodiscard]] std::set<StructureId> changedVoxels(const Segmentation& before,
                                                  const Segmentation& after);

// The edit between two states of one segmentation (`after` was made from a copy
// of `before`; copy-on-write makes this cheap: only blocks that differ are compared).
[[nodiscard]] Edit difference(const Segmentation& before,
                              const Segmentation& after,
                              std::string title);

// Undo and redo: keeps the last edits up to a number and a size.
class History {
 public:
  explicit History(std::size_t maxEdits = 200, std::size_t maxBytes = std::size_t{256} << 20U);

  // Applies `edit` and remembers it; what was undone is forgotten.
  [[nodiscard]] Result<void> push(Segmentation& segmentation, Edit edit);
  // Remembers an edit that is applied already (a stroke's); an empty one is not kept.
  void record(Edit edit);
  [[nodiscard]] Result<void> undo(Segmentation& segmentation);
  [[nodiscard]] Result<void> redo(Segmentation& segmentation);
  [[nodiscard]] const Edit* nextUndo() const;
  [[nodiscard]] const Edit* nextRedo() const;
  void clear();

 private:
  std::vector<Edit> m_edits;
  std::size_t m_done = 0;  // edits before it are applied
  std::size_t m_maxEdits;
  std::size_t m_maxBytes;
};

}  // namespace argand::edit
