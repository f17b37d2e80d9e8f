// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/costs.h"
#include "core/engine/plan/devices.h"
#include "core/engine/plan/schedule.h"

#include <cstdint>
#include <vector>

// What the steps of a program hold in memory, to the byte as the executor
// allocates it.
namespace argand::engine {

// Bytes that an allocation takes. The arena gives whole cache lines and the line in
// front that says whose it is; CUDA's allocator gives multiples of 512 bytes (a line is
// added here too: its code is tested in the arena).
[[nodiscard]] std::int64_t blockBytes(std::int64_t bytes, DeviceKind kind = DeviceKind::Cpu);

// What computes a convolution or a transposed one.
enum class ConvKernel {
  Direct,    // our own: every fp64 one, and those with one input channel, which oneDNN does at
             // a tenth of its speed
  Winograd,  // our own, on processors with vectors of 512 bits
  Library,   // oneDNN, cuDNN
};

[[nodiscard]] ConvKernel convKernelOf(const Step& step,
                                      const Graph& graph,
                                      const std::vector<Shape>& shapes,
                                      DType dtype,
                                      const DeviceSpec& device);

// Whether its rounding may depend on the rows that are computed with them on some
// device: then it is done in whole chunks everywhere.
[[nodiscard]] bool roundsByChunk(const Step& step, const Graph& graph, DType dtype);

// The type that a step computes in, whatever its activations are stored as:
// bf16 only for convolutions of the library, where the processor multiplies it, and
// not for the scores that labels are chosen by.
[[nodiscard]] DType computeType(const Step& step,
                                const Graph& graph,
                                const std::vector<Shape>& shapes,
                                DType dtype,
                                const DeviceSpec& device);

// True where the processor multiplies bf16 (AVX512-BF16 or AMX).
[[nodiscard]] bool processorHasBFloat16();

// True where it multiplies whole matrices of it (AMX).
[[nodiscard]] bool processorMultipliesMatrices();

// True where a cache line is one vector (AVX-512).
[[nodiscard]] bool processorHasLineVectors();

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
[[nodiscard]] std::int64_t pieceBytes(const Shape& output,
                                      std::int64_t rows,
                                      DType dtype,
                                      DeviceKind kind);

// The statistics of a slab of `rows` rows; 0 where no norm needs them.
[[nodiscard]] std::int64_t momentBytes(const Step& step,
                                       const Shape& output,
                                       std::int64_t rows,
                                       DeviceKind kind);

// What a task of the processor takes beside what is stored, while it runs: chunk in,
// chunk out, what oneDNN takes. Of any device: taskBytes (task_bytes.h).
[[nodiscard]] std::int64_t scratchBytes(const Task& task,
                                        const Program& program,
                                        const Graph& graph,
                                        const std::vector<Shape>& shapes,
                                        DType dtype,
                                        const DeviceSpec& device);

// Bytes of a step's weights as its kernel wants them, and of the scales and
// shifts of the norms that it reads through; for as long as the executor lives.
[[nodiscard]] std::int64_t stepParameterBytes(const Step& step,
                                              const Graph& graph,
                                              const std::vector<Shape>& shapes,
                                              DType dtype,
                                              const DeviceSpec& device);

// Bytes of stored tensors that the computation of `rows` reads, halo included,
// wherever they lie.
[[nodiscard]] std::int64_t readBytes(const Step& step,
                                     const Graph& graph,
                                     const std::vector<Shape>& shapes,
                                     const RowRange& rows,
                                     DType dtype);

}  // namespace argand::engine
