// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/graph/program.h"
#include "core/engine/training/slab_ops.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

// Operations on slabs that need no more than their inputs' rows, each with the
// gradient that the undivided one has.
namespace argand::engine {

// Slabs of a value with `depth` rows cut where `from` is cut.
[[nodiscard]] std::vector<RowRange> cutAs(const Slabs& from, std::int64_t depth);

struct SlabCall {
  const Node& node;
  NodeId id = 0;
  TeamPtr team;
  std::vector<Slabs> inputs;
  std::vector<RowRange> rows;                             // of the output, per device
  std::function<at::Tensor(std::string_view)> parameter;  // by suffix; undefined where absent
  bool training = false;
  // What is dropped depends on the seed, the sample of the batch and the place alone.
  std::uint64_t seed = 0;
  std::int64_t firstSample = 0;
};

// Everything but norms.
[[nodiscard]] Slabs computed(const SlabCall& call);

}  // namespace argand::engine
