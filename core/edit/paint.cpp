// SPDX-License-Identifier: Apache-2.0
#include "core/edit/paint.h"

#include "core/base/assert.h"

#include <vector>

namespace argand::edit {

Result<void> checkChangeable(const Segmentation& segmentation, StructureId structure) {
  const Structure* found = segmentation.find(structure);
  if (found == nullptr) {
    return fail(ErrorCode::Usage, "Choose a structure to change first.");
  }
  if (found->locked) {
    return fail(ErrorCode::Usage,
                fmt::format("'{}' is locked: unlock it to change it.", found->name));
  }
  return {};
}

Result<void> checkImageFits(const Segmentation& segmentation, const Volume& image) {
  if (!sameGrid(segmentation.geometry(), image.geometry())) {
    return fail(ErrorCode::InputRefused,
                "The image does not lie on the grid of the structures; bring them to its grid "
                "first.");
  }
  return {};
}

void keepWithin(
    std::span<std::uint8_t> mask, const Box& box, const Volume& image, double lower, double upper) {
  const Size3& size = image.geometry().size;
  const Size3 extent = box.size();
  ARGAND_ASSERT(static_cast<std::int64_t>(mask.size()) == extent.voxels());
  image.visit([&](auto voxels) {
    std::uint8_t* inside = mask.data();
    for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
      for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
        const auto* row = voxels.data() + (k * size.j + j) * size.i + box.begin.i;
        for (std::int64_t i = 0; i < extent.i; ++i, ++inside) {
          const auto value = static_cast<double>(row[i]);
          *inside = static_cast<std::uint8_t>(*inside != 0 && value >= lower && value <= upper);
        }
      }
    }
  });
}

Box paint(Segmentation& segmentation,
          StructureId structure,
          const Box& box,
          std::span<const std::uint8_t> mask,
          bool erase,
          std::set<StructureId>& touched) {
  if (box.empty()) {
    return {};
  }
  const Structure* painter = segmentation.find(structure);
  ARGAND_ASSERT(painter != nullptr && !painter->locked);
  // For each value, the structure that has it; no voxel is taken from a locked one.
  std::vector<const Structure*> holders(std::size_t{1} << 16U, nullptr);
  for (const Structure& other : segmentation.structures()) {
    if (other.layer == painter->layer) {
      holders[other.label] = &other;
    }
  }
  LabelLayer& layer = segmentation.layer(painter->layer);
  auto values = layer.read(box);
  ARGAND_ASSERT(mask.size() == values.size());
  Box changed;
  std::size_t n = 0;
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
      for (std::int64_t i = box.begin.i; i < box.end.i; ++i, ++n) {
        const bool own = values[n] == painter->label;
        const Structure* holder = holders[values[n]];
        if (mask[n] == 0 || own != erase || (holder != nullptr && holder->locked)) {
          continue;
        }
        if (holder != nullptr) {
          touched.insert(holder->id);
        }
        touched.insert(structure);
        values[n] = erase ? LabelValue{0} : painter->label;
        changed = united(changed, {{i, j, k}, {i + 1, j + 1, k + 1}});
      }
    }
  }
  layer.write(box, values);
  return changed;
}

void markEdited(Segmentation& segmentation, const std::set<StructureId>& structures) {
  for (const StructureId id : structures) {
    Structure structure = *segmentation.find(id);
    structure.edited = true;
    if (structure.origin == Origin::Automatic) {
      structure.origin = Origin::SemiAutomatic;
    }
    if (structure.review == ReviewState::Completed) {
      structure.review = ReviewState::InProgress;
    }
    segmentation.update(structure);
  }
}

}  // namespace argand::edit
