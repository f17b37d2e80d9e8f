// SPDX-License-Identifier: Apache-2.0
#include "core/edit/paint.h"
#include "core/edit/tools.h"

namespace argand::edit {

Result<Edit> threshold(const Segmentation& segmentation,
                       StructureId structure,
                       const Volume& image,
                       const Box& within,
                       double lower,
                       double upper,
                       bool replace) {
  ARGAND_TRY(checkChangeable(segmentation, structure));
  ARGAND_TRY(checkImageFits(segmentation, image));
  if (!(lower <= upper)) {
    return fail(ErrorCode::Usage,
                fmt::format("The range from {} to {} holds no value.", lower, upper));
  }
  Segmentation changed = segmentation;
  Structure painter = *segmentation.find(structure);
  std::set<StructureId> touched;
  if (replace) {
    changed.layer(painter.layer).erase(painter.label);
  }
  const Box box = intersection(within, segmentation.geometry().box());
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    const Box slice{{box.begin.i, box.begin.j, k}, {box.end.i, box.end.j, k + 1}};
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(slice.size().voxels()), 1);
    keepWithin(mask, slice, image, lower, upper);
    paint(changed, structure, slice, mask, false, touched);
  }
  if (segmentation.layer(painter.layer).differingBoxes(changed.layer(painter.layer)).empty()) {
    return Edit{};
  }
  touched.insert(structure);
  markEdited(changed, touched);
  painter = *changed.find(structure);
  painter.origin = Origin::SemiAutomatic;  // the person chose the range, the program the voxels
  changed.update(painter);
  return difference(segmentation, changed, fmt::format("Threshold {}", painter.name));
}

}  // namespace argand::edit
