// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/costs.h"
#include "core/engine/plan/schedule.h"

#include <cstdint>
#include <vector>

// What the steps of a program hold in memory, to the byte as the executor
// allocates it.
namespace argand::engine {

// Bytes that the arena takes for an allocation: whole cache lines and the line in
// front that says whose it is.
[[nodiscard]] std::int64_t blockBytes(std::int64_t bytes);

// True for what the engine's own kernels compute: every fp64 convolution, and
// those with one input channel, which oneDNN does at a tenth of its speed.
[[nodiscard]] bool runsDirectly(const Step& step, const Graph& graph, DType dtype);

// The type that a step computes in, whatever its activations are stored as:
// bf16 only for convolutions, where the processor multiplies it, and not for the
// scores that labels are chosen by.
[[nodiscard]] DType computeType(const Step& step, const Graph& graph, DType dtype);

// True where the processor multiplies bf16 (AVX512-BF16 or AMX).
[[nodiscard]] bool processorHasBFloat16();

// Statistics of a norm: mean and squared deviations per row and channel, each
// joined from pieces of so many voxels.
inline constexpr std::int64_t kStatisticsBytes = 2 * sizeof(double);
inline constexpr std::int64_t kMomentVoxels = 4096;

// What oneDNN takes beside its copy of the weights, at most, in the
// convolutions measured.
inline constexpr std::int64_t kOneDnnReserve = 64 << 10;

// Pieces of one row.
[[nodiscard]] std::int64_t momentPieces(const Extent& size);

// A stored chunk of `rows` rows.
[[nodiscard]] std::int64_t pieceBytes(const Shape& output, std::int64_t rows, DType dtype);

// The statistics of a slab of `rows` rows; 0 where no norm needs them.
[[nodiscard]] std::int64_t momentBytes(const Step& step, const Shape& output, std::int64_t rows);

// What a task takes beside what is stored, while it runs: chunk in, chunk out,
// what oneDNN takes.
[[nodiscard]] std::int64_t scratchBytes(const Task& task,
                                        const Program& program,
                                        const Graph& graph,
                                        const std::vector<Shape>& shapes,
                                        DType dtype);

// Bytes of a step's weights as its kernel wants them, and of the scales and
// shifts of the norms that it reads through; for as long as the executor lives.
[[nodiscard]] std::int64_t stepParameterBytes(const Step& step, const Graph& graph, DType dtype);

// Bytes of stored tensors that the computation of `rows` reads, halo included,
// wherever they lie.
[[nodiscard]] std::int64_t readBytes(const Step& step,
                                     const Graph& graph,
                                     const std::vector<Shape>& shapes,
                                     const RowRange& rows,
                                     DType dtype);

}  // namespace argand::engine
