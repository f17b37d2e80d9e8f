// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"
#include "core/engine/graph/safetensors.h"

#include <filesystem>
#include <string>

namespace argand::models {

// A foreign network in Argand's words.
struct ImportedNetwork {
  std::string network;  // for buildNetwork; what a model card names
  engine::Graph graph;
  engine::TensorFile weights;  // by this graph's names
};

// A MeshNet of brainchop: `weights` in safetensors (its model.pth) under the
// names of a PyTorch Sequential, `description` its model.json. The network
// wants the axes in this order: the first index of a NIfTI in LIA order is
// depth, the last one width; values from 0 (minimum) to 1 (maximum).
//
// Fails with InputRefused, naming what is missing or not supported.
[[nodiscard]] Result<ImportedNetwork> importMeshnet(const std::filesystem::path& weights,
                                                    const std::filesystem::path& description);

}  // namespace argand::models
