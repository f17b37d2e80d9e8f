// SPDX-License-Identifier: Apache-2.0
// The engine's own kernels on CUDA devices. Activations are channels-last rows:
// (row, height, width, channel), channel fastest. Plain structs and C++17, because
// nvcc compiles them apart from the rest; every pointer is to device memory.
//
// A launcher only queues its work on `stream` of the current device. It returns
// cudaErrorInvalidValue where the arguments contradict each other, and otherwise
// what the launch says. No result depends on how rows are divided over calls.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace argand::engine::cuda {

// Arithmetic is in float, for Float64 in double.
enum class Scalar { Float32, Float64, BFloat16, Float16 };

struct Size {
  std::int64_t d = 1;
  std::int64_t h = 1;
  std::int64_t w = 1;
};

// Rows [begin, end) of a tensor, dense, wherever they are stored.
struct RowPiece {
  const void* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

enum class Activation { None, Leaky, Silu, Sigmoid };

// What happens to a value while it is read: gate * act(scale * x + shift). The
// tables have a value per channel, float or (for Float64) double; null: none.
struct Transform {
  const void* scale = nullptr;  // with `shift`
  const void* shift = nullptr;
  Activation activation = Activation::None;
  double slope = 0.0;            // of Leaky
  const void* slopes = nullptr;  // of Leaky, per channel, instead of `slope`
  const void* gate = nullptr;
};

constexpr int kMostPieces = 16;

// Rows [firstRow, firstRow + rowCount) of one tensor into a buffer that the next
// operation reads; rows that no piece has become zeros (padding along depth).
struct Gather {
  Scalar from = Scalar::Float32;  // as `to`, or Float32: the network's input
  Scalar to = Scalar::Float32;
  RowPiece pieces[kMostPieces];  // of `from`, apart from each other
  int pieceCount = 0;
  std::int64_t firstRow = 0;
  std::int64_t rowCount = 0;
  std::int64_t plane = 0;  // voxels in a row
  std::int64_t channels = 0;
  Transform transform;
  void* out = nullptr;         // at its first channel: a concat is as many calls
  std::int64_t outStride = 0;  // elements from voxel to voxel
  bool accumulate = false;     // adds to what is there: sums of several tensors
};

[[nodiscard]] cudaError_t gather(const Gather& args, cudaStream_t stream);

// Mean and sum of squared deviations per row and channel. A row is taken in
// pieces of fixed size, joined in a fixed order (Chan, Golub and LeVeque 1979).
struct Statistics {
  Scalar type = Scalar::Float32;
  const void* rows = nullptr;
  std::int64_t rowCount = 0;
  std::int64_t plane = 0;
  std::int64_t channels = 0;
  double* scratch = nullptr;  // statisticsScratch() elements
  double* moments = nullptr;  // (row, channel, 2)
};

[[nodiscard]] std::int64_t statisticsScratch(std::int64_t rowCount,
                                             std::int64_t plane,
                                             std::int64_t channels);
[[nodiscard]] cudaError_t statistics(const Statistics& args, cudaStream_t stream);

// Scale and shift per channel of an instance norm (as many groups as channels)
// or a group norm, from the moments of all rows of the volume in order.
struct NormTableArgs {
  Scalar type = Scalar::Float32;    // Float64: tables of double, else of float
  const double* moments = nullptr;  // (row, channel, 2)
  std::int64_t rows = 0;
  std::int64_t plane = 0;
  std::int64_t channels = 0;
  std::int64_t groups = 0;
  const double* gamma = nullptr;  // null: 1
  const double* beta = nullptr;   // null: 0
  double epsilon = 0.0;
  void* scale = nullptr;
  void* shift = nullptr;
};

[[nodiscard]] cudaError_t normTable(const NormTableArgs& args, cudaStream_t stream);

// The first class of the highest score.
struct Argmax {
  Scalar type = Scalar::Float32;
  const void* scores = nullptr;  // (voxel, class)
  std::int64_t voxels = 0;
  std::int64_t classes = 0;
  void* labels = nullptr;
  int labelBytes = 2;  // 1 or 2
};

[[nodiscard]] cudaError_t argmax(const Argmax& args, cudaStream_t stream);

// Where a voxel of the source's grid lies along one axis of the network's:
// `share` of the way from voxel `low` to the next.
struct Position {
  std::int32_t low = 0;
  float share = 0.0F;
};

// Labels of some of the source's voxels from rows of scores, (row, height, width,
// class), interpolated trilinearly. The sums are those of core/engine/run/labels.cpp,
// in the same order and without products and sums in one rounding.
struct ArgmaxResampled {
  Scalar type = Scalar::Float32;
  const void* rows = nullptr;    // from `firstRow` on
  const void* before = nullptr;  // row firstRow - 1; null where no voxel reads it
  std::int64_t firstRow = 0;
  std::int64_t height = 0;  // of the rows
  std::int64_t width = 0;
  std::int64_t classes = 0;
  const Position* depth = nullptr;  // of the source's voxels, by their index
  const Position* across = nullptr;
  const Position* along = nullptr;  // along the width
  Size voxels;                      // how many of them
  void* labels = nullptr;           // dense, (depth, height, width)
  int labelBytes = 2;
};

[[nodiscard]] cudaError_t argmaxResampled(const ArgmaxResampled& args, cudaStream_t stream);

// Rows of a tensor at hand, dense; `size` is that of the whole tensor.
struct RowsAtHand {
  const void* rows = nullptr;
  std::int64_t firstRow = 0;
  std::int64_t rowCount = 0;
  Size size;
};

// Output rows of a transposed convolution from the products of every input
// voxel with every tap: (row, height, width, tap, channel).
struct PlaceTaps {
  Scalar type = Scalar::Float32;
  RowsAtHand products;
  Size kernel;
  Size stride;
  Size padding;
  std::int64_t channels = 0;
  const void* bias = nullptr;  // of `type`, or null
  std::int64_t firstRow = 0;
  std::int64_t rowCount = 0;
  std::int64_t outHeight = 0;
  std::int64_t outWidth = 0;
  void* out = nullptr;
};

[[nodiscard]] cudaError_t placeTaps(const PlaceTaps& args, cudaStream_t stream);

// Output rows of a pooling; an average counts the padding, as PyTorch does.
struct Pool {
  Scalar type = Scalar::Float32;
  bool average = false;
  RowsAtHand in;
  Size kernel;
  Size stride;
  Size padding;
  std::int64_t channels = 0;
  std::int64_t firstRow = 0;
  std::int64_t rowCount = 0;
  std::int64_t outHeight = 0;
  std::int64_t outWidth = 0;
  void* out = nullptr;
};

[[nodiscard]] cudaError_t pool(const Pool& args, cudaStream_t stream);

// Output rows of an upsampling by a whole factor: trilinear with corners not
// aligned, or nearest.
struct Upsample {
  Scalar type = Scalar::Float32;
  bool trilinear = true;
  RowsAtHand in;
  Size factor;
  std::int64_t channels = 0;
  std::int64_t firstRow = 0;
  std::int64_t rowCount = 0;
  void* out = nullptr;
};

[[nodiscard]] cudaError_t upsample(const Upsample& args, cudaStream_t stream);

}  // namespace argand::engine::cuda
