// SPDX-License-Identifier: Apache-2.0
#include "core/edit/tools.h"

#include <algorithm>

namespace argand::edit {

namespace {

// The structure that a result of the same name by the same model takes the place of.
const Structure* sameOrgan(const Segmentation& segmentation, const Structure& incoming) {
  const auto& structures = segmentation.structures();
  const auto found = std::find_if(structures.begin(), structures.end(), [&](const Structure& held) {
    return held.name == incoming.name && held.model == incoming.model;
  });
  return found == structures.end() ? nullptr : &*found;
}

bool overlaps(const LabelLayer& layer, const Box& box, const std::vector<std::uint8_t>& mask) {
  const auto values = layer.read(box);
  for (std::size_t n = 0; n < mask.size(); ++n) {
    if (mask[n] != 0 && values[n] != 0) {
      return true;
    }
  }
  return false;
}

// The box of every value of a layer, in one pass: a result has a hundred structures.
std::vector<Box> boundsOfAll(const LabelLayer& layer) {
  std::vector<Box> bounds(std::size_t{1} << 16U);
  const Size3& size = layer.size();
  std::vector<LabelValue> slice(static_cast<std::size_t>(size.i * size.j));
  for (std::int64_t k = 0; k < size.k; ++k) {
    layer.read({{0, 0, k}, {size.i, size.j, k + 1}}, slice);
    const LabelValue* row = slice.data();
    for (std::int64_t j = 0; j < size.j; ++j, row += size.i) {
      for (std::int64_t i = 0; i < size.i;) {
        const LabelValue value = row[i];
        const std::int64_t begin = i;
        while (i < size.i && row[i] == value) {
          ++i;
        }
        if (value != 0) {
          bounds[value] = united(bounds[value], {{begin, j, k}, {i, j + 1, k + 1}});
        }
      }
    }
  }
  return bounds;
}

// The first layer, from `preferred` on, in which the mask takes no voxel from another structure.
int freeLayer(const Segmentation& segmentation,
              int preferred,
              const Box& box,
              const std::vector<std::uint8_t>& mask) {
  const int layers = segmentation.layerCount();
  for (int n = 0; n < layers; ++n) {
    const int layer = (preferred + n) % layers;
    if (box.empty() || !overlaps(segmentation.layer(layer), box, mask)) {
      return layer;
    }
  }
  return layers;
}

// Brings one structure of the result, whose voxels lie in `box`, into `merged`, in the place of
// `old` where there is one.
void place(Segmentation& merged,
           const Segmentation& result,
           const Structure& incoming,
           const Structure* old,
           const Box& box) {
  const auto mask = box.empty() ? std::vector<std::uint8_t>{} : result.mask(incoming.id, box);
  const int preferred = old != nullptr ? old->layer : std::min(incoming.layer, merged.layerCount());
  Structure placed = incoming;
  placed.layer = freeLayer(merged, preferred, box, mask);
  if (old != nullptr) {
    placed.id = old->id;
    placed.visible = old->visible;
    placed.color = old->color;
    const bool stays = placed.layer == old->layer;
    placed.label = stays ? old->label : merged.freeLabel(placed.layer);
    merged.update(placed);
  } else {
    if (merged.findByLabel(placed.layer, placed.label) != nullptr) {
      placed.label = merged.freeLabel(placed.layer);
    }
    placed.id = merged.add(placed);
  }
  if (!box.empty()) {
    merged.assign(placed.id, box, mask);
  }
}

}  // namespace

Result<MergePlan> mergeResult(const Segmentation& segmentation,
                              const Segmentation& result,
                              const std::vector<std::string>& overwrite) {
  if (!sameGrid(segmentation.geometry(), result.geometry())) {
    return fail(ErrorCode::InputRefused,
                "The result does not lie on the grid of the structures; bring it to their grid "
                "first.");
  }
  MergePlan plan;
  Segmentation merged = segmentation;
  std::vector<const Structure*> taken;  // structures of `result`
  for (const Structure& incoming : result.structures()) {
    const Structure* old = sameOrgan(segmentation, incoming);
    const bool asked =
        std::find(overwrite.begin(), overwrite.end(), incoming.name) != overwrite.end();
    const bool theirs =
        old != nullptr && (old->edited || old->locked || old->review == ReviewState::Completed);
    if (theirs && !asked) {
      plan.kept.push_back(old->name);
      continue;
    }
    taken.push_back(&incoming);
    if (old != nullptr) {  // its old voxels are in nobody's way
      merged.layer(old->layer).erase(old->label);
    }
  }
  std::vector<std::vector<Box>> bounds;  // per layer and value
  for (int n = 0; n < result.layerCount(); ++n) {
    bounds.push_back(boundsOfAll(result.layer(n)));
  }
  for (const Structure* incoming : taken) {
    const Box& box = bounds[static_cast<std::size_t>(incoming->layer)][incoming->label];
    place(merged, result, *incoming, sameOrgan(segmentation, *incoming), box);
  }
  const std::string model = taken.empty() ? std::string{} : taken.front()->model;
  plan.edit = difference(
      segmentation, merged, model.empty() ? "Segment" : fmt::format("Segment with {}", model));
  return plan;
}

}  // namespace argand::edit
