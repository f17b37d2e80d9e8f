// SPDX-License-Identifier: Apache-2.0
// Internal to the differentiable forward: brings Torch in.
#pragma once

#include "core/engine/graph/graph.h"
#include "core/engine/graph/program.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

// Operations on slabs that need no more than their inputs' rows, each with the
// gradient that the undivided one has.
namespace argand::engine {

// A node's value in slabs along depth, one per device; some may have no rows.
// What a global pool gives has one row and lies whole on one device.
struct Slabs {
  std::vector<RowRange> rows;
  std::vector<at::Tensor> values;  // undefined where there are no rows
};

[[nodiscard]] inline std::int64_t depthOf(const Slabs& slabs) {
  return slabs.rows.back().end;
}

// Slabs of a value with `depth` rows cut where `from` is cut.
[[nodiscard]] std::vector<RowRange> cutAs(const Slabs& from, std::int64_t depth);

struct SlabCall {
  const Node& node;
  NodeId id = 0;
  std::vector<const Slabs*> inputs;
  std::vector<RowRange> rows;                             // of the output, per device
  std::function<at::Tensor(std::string_view)> parameter;  // by suffix; undefined where absent
  bool training = false;
  // What is dropped depends on the seed, the sample of the batch and the place alone.
  std::uint64_t seed = 0;
  std::int64_t firstSample = 0;
};

// Pools, upsampling, PReLU, SiLU, sigmoid, dropout, linear, scale, softmax,
// argmax (without gradient).
[[nodiscard]] Slabs computed(const SlabCall& call);

[[nodiscard]] Slabs transposedConvolution(const SlabCall& call, const TransposedConvOp& op);

// Mean and biased variance per sample and group of channels over all slabs,
// repeated for each channel: (samples, channels), in double.
[[nodiscard]] std::pair<at::Tensor, at::Tensor> groupStatistics(const Slabs& from,
                                                                std::int64_t groups);

}  // namespace argand::engine
