// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/graph/graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace argand::models {

// What nnU-Net's plain and residual-encoder U-Nets have in common (Isensee et
// al., Nature Methods 2021; Isensee et al., MICCAI 2024): stages of halving
// size, instance norm, leaky ReLU, transposed convolutions up whose kernel is
// the stage's stride, and a decoder of plain convolutions.
struct NnunetStages {
  std::int64_t inputChannels = 1;
  std::vector<std::int64_t> channels{16, 32, 64, 128};  // per stage
  std::int64_t classes = 2;
  std::vector<engine::Extent> kernels{};  // per stage; empty: 3x3x3
  std::vector<engine::Extent> strides{};  // per stage; empty: 1, then 2
  // Convolutions per stage of the decoder, from the deepest up; empty: 2, with
  // a residual encoder 1.
  std::vector<std::int64_t> decoderConvs{};
  bool bias = true;  // of the convolutions in front of a norm and the transposed ones
  bool affine = true;
  double epsilon = 1e-5;
  double slope = 0.01;
};

namespace nnunet {

// What is empty filled; fails, naming the option, where lengths or values do not suit.
[[nodiscard]] Result<NnunetStages> completed(NnunetStages stages, std::int64_t decoderConvs);

// Per-stage lists are of this length and from 1 to 64; empty becomes `fallback`.
[[nodiscard]] Result<std::vector<std::int64_t>> perStage(std::vector<std::int64_t> values,
                                                         std::size_t stages,
                                                         std::int64_t fallback,
                                                         std::string_view what);

// A convolution and its norm.
[[nodiscard]] engine::NodeId normed(engine::Graph& graph,
                                    const NnunetStages& stages,
                                    const std::string& conv,
                                    const std::string& norm,
                                    engine::NodeId x,
                                    const engine::ConvOp& op);

// "<name>.block<n>.conv", ".norm", ".act" for n = 1 to `count`; the first strided.
[[nodiscard]] engine::NodeId stacked(engine::Graph& graph,
                                     const NnunetStages& stages,
                                     const std::string& name,
                                     engine::NodeId x,
                                     std::size_t stage,
                                     const engine::Extent& stride,
                                     std::int64_t count);

[[nodiscard]] engine::ConvOp convolution(const NnunetStages& stages,
                                         std::size_t stage,
                                         const engine::Extent& stride);

// From the deepest skip up to the scores.
void decode(engine::Graph& graph,
            const NnunetStages& stages,
            const std::vector<engine::NodeId>& skips);

}  // namespace nnunet

}  // namespace argand::models
