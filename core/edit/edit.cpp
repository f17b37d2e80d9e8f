// SPDX-License-Identifier: Apache-2.0
#include "core/edit/edit.h"

#include "core/base/assert.h"
#include "core/edit/packing.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace argand::edit {

namespace {

Failure wrongState(const Edit& edit) {
  return fail(ErrorCode::InputRefused,
              fmt::format("'{}' does not fit the segmentation as it is now; nothing was changed.",
                          edit.title));
}

// Equal but for whether it is shown or was reviewed.
bool sameContent(const Structure& a, Structure b) {
  b.visible = a.visible;
  b.review = a.review;
  return a == b;
}

// Applies one change to the list alone; false where the list is not as the change expects.
bool changeList(std::vector<Structure>& list, const StructureChange& change) {
  const auto at =
      list.begin() + static_cast<std::ptrdiff_t>(std::min(change.position, list.size()));
  if (!change.before) {
    if (!change.after || change.position > list.size()) {
      return false;
    }
    list.insert(at, *change.after);
    return true;
  }
  if (at == list.end() || !sameContent(*at, *change.before)) {
    return false;
  }
  if (!change.after) {
    list.erase(at);
    return true;
  }
  const bool shown =
      change.before->visible == change.after->visible ? at->visible : change.after->visible;
  const ReviewState review =
      change.before->review == change.after->review ? at->review : change.after->review;
  *at = *change.after;
  at->visible = shown;
  at->review = review;
  return true;
}

// An edit read from a file may say anything: what Segmentation takes for a bug is refused here.
bool acceptable(const std::vector<Structure>& list, int maxLayers) {
  std::vector<StructureId> ids;
  std::vector<std::pair<int, LabelValue>> labels;
  for (const Structure& structure : list) {
    if (structure.id == 0 || structure.id == std::numeric_limits<StructureId>::max() ||
        structure.label == 0 || structure.layer < 0 || structure.layer >= maxLayers) {
      return false;
    }
    ids.push_back(structure.id);
    labels.emplace_back(structure.layer, structure.label);
  }
  std::sort(ids.begin(), ids.end());
  std::sort(labels.begin(), labels.end());
  return std::adjacent_find(ids.begin(), ids.end()) == ids.end() &&
         std::adjacent_find(labels.begin(), labels.end()) == labels.end();
}

bool isAsBefore(const Segmentation& segmentation, const LayerPatch& patch) {
  const Box whole = segmentation.geometry().box();
  if (patch.layer < 0 || patch.box.empty() || intersection(patch.box, whole) != patch.box) {
    return false;
  }
  const auto before = unpacked(patch.before, static_cast<std::size_t>(patch.box.size().voxels()));
  if (!before) {
    return false;
  }
  if (patch.layer >= segmentation.layerCount()) {  // it is added by this edit
    return std::all_of(before->begin(), before->end(), [](LabelValue value) { return value == 0; });
  }
  return segmentation.layer(patch.layer).read(patch.box) == *before;
}

bool writeAfter(Segmentation& segmentation, const LayerPatch& patch, int maxLayers) {
  const auto after = unpacked(patch.after, static_cast<std::size_t>(patch.box.size().voxels()));
  if (!after || patch.layer >= maxLayers) {
    return false;
  }
  while (segmentation.layerCount() <= patch.layer) {
    segmentation.addLayer();
  }
  segmentation.layer(patch.layer).write(patch.box, *after);
  return true;
}

// The ids of `of` that `other` has too, in the order of `of`.
std::vector<StructureId> commonIds(const Segmentation& of, const Segmentation& other) {
  std::vector<StructureId> ids;
  for (const Structure& structure : of.structures()) {
    if (other.find(structure.id) != nullptr) {
      ids.push_back(structure.id);
    }
  }
  return ids;
}

// The values that a layer lost and gained, by value.
struct ChangedValues {
  std::vector<bool> lost = std::vector<bool>(std::size_t{1} << 16U);
  std::vector<bool> gained = std::vector<bool>(std::size_t{1} << 16U);
};

ChangedValues changedValues(const LabelLayer& before, const LabelLayer& after) {
  ChangedValues changed;
  for (const Box& box : before.differingBoxes(after)) {
    const auto old = before.read(box);
    const auto now = after.read(box);
    for (std::size_t n = 0; n < old.size(); ++n) {
      if (old[n] != now[n]) {
        changed.lost[old[n]] = true;
        changed.gained[now[n]] = true;
      }
    }
  }
  return changed;
}

// In an order in which every position holds at its turn, forwards and backwards:
// removals from the end, additions from the front, then what is changed in place.
std::vector<StructureChange> structureChanges(const Segmentation& before,
                                              const Segmentation& after) {
  const auto& old = before.structures();
  const auto& now = after.structures();
  // A list in another order is taken away and put back.
  const bool moved = commonIds(before, after) != commonIds(after, before);
  std::vector<StructureChange> changes;
  for (std::size_t n = old.size(); n-- > 0;) {
    if (moved || after.find(old[n].id) == nullptr) {
      changes.push_back({n, old[n], std::nullopt});
    }
  }
  for (std::size_t n = 0; n < now.size(); ++n) {
    if (moved || before.find(now[n].id) == nullptr) {
      changes.push_back({n, std::nullopt, now[n]});
    }
  }
  for (std::size_t n = 0; n < now.size() && !moved; ++n) {
    const Structure* was = before.find(now[n].id);
    if (was != nullptr && *was != now[n]) {
      changes.push_back({n, *was, now[n]});
    }
  }
  return changes;
}

}  // namespace

std::size_t Edit::bytes() const {
  std::size_t total = sizeof(Edit) + title.size() + structures.size() * sizeof(StructureChange);
  for (const LayerPatch& patch : patches) {
    total += sizeof(LayerPatch) + patch.before.size() + patch.after.size();
  }
  return total;
}

Result<void> apply(Segmentation& segmentation, const Edit& edit) {
  // A layer is added by a structure or a patch, so there are at most as many.
  constexpr std::size_t kMostNewLayers = 4096;
  const auto newLayers = std::min(edit.structures.size() + edit.patches.size(), kMostNewLayers);
  const int maxLayers = segmentation.layerCount() + static_cast<int>(newLayers);
  Segmentation changed = segmentation;
  auto list = changed.structures();
  for (const StructureChange& change : edit.structures) {
    if (!changeList(list, change)) {
      return wrongState(edit);
    }
  }
  if (!acceptable(list, maxLayers)) {
    return wrongState(edit);
  }
  changed.setStructures(std::move(list));
  for (const LayerPatch& patch : edit.patches) {
    if (!isAsBefore(changed, patch) || !writeAfter(changed, patch, maxLayers)) {
      return wrongState(edit);
    }
  }
  for (const StructureId id : changedVoxels(segmentation, changed)) {
    const Structure* found = changed.find(id);
    if (found != nullptr && found->review == ReviewState::Completed) {
      Structure structure = *found;
      structure.review = ReviewState::InProgress;
      changed.update(structure);
    }
  }
  changed.dropUnusedLayers();
  segmentation = std::move(changed);
  return {};
}

Edit inverse(const Edit& edit) {
  Edit result = edit;
  std::reverse(result.structures.begin(), result.structures.end());
  for (StructureChange& change : result.structures) {
    std::swap(change.before, change.after);
  }
  std::reverse(result.patches.begin(), result.patches.end());
  for (LayerPatch& patch : result.patches) {
    std::swap(patch.before, patch.after);
  }
  return result;
}

std::set<StructureId> changedVoxels(const Segmentation& before, const Segmentation& after) {
  ARGAND_ASSERT(before.geometry() == after.geometry());
  std::set<StructureId> ids;
  const LabelLayer background(before.geometry().size);
  for (int n = 0; n < std::max(before.layerCount(), after.layerCount()); ++n) {
    const ChangedValues values =
        changedValues(n < before.layerCount() ? before.layer(n) : background,
                      n < after.layerCount() ? after.layer(n) : background);
    for (const Structure& structure : before.structures()) {
      if (structure.layer == n && values.lost[structure.label]) {
        ids.insert(structure.id);
      }
    }
    for (const Structure& structure : after.structures()) {
      if (structure.layer == n && values.gained[structure.label]) {
        ids.insert(structure.id);
      }
    }
  }
  return ids;
}

Edit difference(const Segmentation& before, const Segmentation& after, std::string title) {
  ARGAND_ASSERT(before.geometry() == after.geometry());
  Edit edit;
  edit.title = std::move(title);
  edit.structures = structureChanges(before, after);
  const LabelLayer background(before.geometry().size);
  for (int n = 0; n < std::max(before.layerCount(), after.layerCount()); ++n) {
    const LabelLayer& old = n < before.layerCount() ? before.layer(n) : background;
    const LabelLayer& now = n < after.layerCount() ? after.layer(n) : background;
    for (const Box& box : old.differingBoxes(now)) {
      edit.patches.push_back({n, box, packed(old.read(box)), packed(now.read(box))});
    }
  }
  return edit;
}

History::History(std::size_t maxEdits, std::size_t maxBytes)
    : m_maxEdits(maxEdits), m_maxBytes(maxBytes) {}

Result<void> History::push(Segmentation& segmentation, Edit edit) {
  ARGAND_TRY(apply(segmentation, edit));
  record(std::move(edit));
  return {};
}

void History::record(Edit edit) {
  if (edit.empty()) {
    return;
  }
  m_edits.resize(m_done);
  m_edits.push_back(std::move(edit));
  std::size_t total = 0;
  std::size_t kept = 0;  // from the end; the last one always
  for (auto held = m_edits.rbegin(); held != m_edits.rend() && kept < m_maxEdits; ++held, ++kept) {
    total += held->bytes();
    if (kept > 0 && total > m_maxBytes) {
      break;
    }
  }
  kept = std::max<std::size_t>(kept, 1);
  m_edits.erase(m_edits.begin(), m_edits.end() - static_cast<std::ptrdiff_t>(kept));
  m_done = m_edits.size();
}

Result<void> History::undo(Segmentation& segmentation) {
  if (m_done == 0) {
    return fail(ErrorCode::Usage, "There is nothing to undo.");
  }
  ARGAND_TRY(apply(segmentation, inverse(m_edits[m_done - 1])));
  --m_done;
  return {};
}

Result<void> History::redo(Segmentation& segmentation) {
  if (m_done == m_edits.size()) {
    return fail(ErrorCode::Usage, "There is nothing to redo.");
  }
  ARGAND_TRY(apply(segmentation, m_edits[m_done]));
  ++m_done;
  return {};
}

const Edit* History::nextUndo() const {
  return m_done > 0 ? &m_edits[m_done - 1] : nullptr;
}

const Edit* History::nextRedo() const {
  return m_done < m_edits.size() ? &m_edits[m_done] : nullptr;
}

void History::clear() {
  m_edits.clear();
  m_done = 0;
}

}  // namespace argand::edit
