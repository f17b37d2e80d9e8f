// SPDX-License-Identifier: Apache-2.0
#include "core/train/training_case.h"

#include "core/io/image_file.h"
#include "core/volume/resample.h"

#include <algorithm>
#include <memory>

namespace argand::train {

Result<TrainingCase> loadCase(const Case& pair,
                              const infer::ModelCard& card,
                              const engine::Extent& alignment,
                              const std::stop_token& stop) {
  ARGAND_ASSIGN(io::ImageFile image, io::readImage(pair.image));
  ARGAND_ASSIGN(io::LabelFile labels, io::readLabels(pair.labels));
  TrainingCase result;
  result.id = pair.id;
  const Geometry& source = image.volume.geometry();
  ARGAND_ASSIGN(result.grid, infer::networkGrid(source, source.box(), card, alignment));
  infer::NetworkGrid bare = result.grid;
  bare.padded = {bare.size.k, bare.size.j, bare.size.i};
  ARGAND_ASSIGN(result.image,
                infer::networkInput(
                    {std::make_shared<const Volume>(std::move(image.volume))}, bare, card, stop));
  ARGAND_ASSIGN(LabelMap seen, resampledLabels(labels.labels, result.grid.geometry, stop));
  result.labels = std::move(seen.voxels);
  result.source = std::move(labels.labels.voxels);
  return result;
}

std::vector<float> padded(const std::vector<float>& image,
                          const Size3& size,
                          const engine::Extent& extent) {
  std::vector<float> result(static_cast<std::size_t>(extent.voxels()), 0.0F);
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      const auto row = image.begin() + (k * size.j + j) * size.i;
      std::copy(row, row + size.i, result.begin() + (k * extent.h + j) * extent.w);
    }
  }
  return result;
}

}  // namespace argand::train
