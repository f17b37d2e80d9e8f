// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/kernels/device.h"

#include <type_traits>

namespace argand::engine::cuda {

namespace {

// Loads that a thread has under way at once; memory is what this kernel waits for.
constexpr int kInFlight = 4;

__device__ inline float exponential(float x) {
  return expf(x);
}

__device__ inline double exponential(double x) {
  return exp(x);
}

// The tables of a thread's channels, in registers.
template <typename Real, int kCount>
struct Tables {
  Real scale[kCount];
  Real shift[kCount];
  Real slope[kCount];
  Real gate[kCount];
};

template <typename Real>
__device__ Real entry(const void* table, std::int64_t channel, Real otherwise) {
  return table == nullptr ? otherwise : static_cast<const Real*>(table)[channel];
}

template <typename Real>
__device__ Real activated(Real x, Activation activation, Real slope) {
  switch (activation) {
    case Activation::Leaky:
      return x > Real(0) ? x : x * slope;
    case Activation::Silu:
      return x / (Real(1) + exponential(-x));
    case Activation::Sigmoid:
      return Real(1) / (Real(1) + exponential(-x));
    default:
      return x;
  }
}

template <typename Real, int kCount>
__device__ Real
transformed(Real x, int n, const Transform& transform, const Tables<Real, kCount>& tables) {
  if (transform.scale != nullptr) {
    x = x * tables.scale[n] + tables.shift[n];
  }
  x = activated(x, transform.activation, tables.slope[n]);
  return transform.gate == nullptr ? x : x * tables.gate[n];
}

// A block takes voxels of one row (grid y) and 32 packs of channels (grid z).
template <typename From, typename To, int kCount>
__global__ void gatherRows(Gather args) {
  using Real = Math<To>;
  const std::int64_t channel =
      (static_cast<std::int64_t>(blockIdx.z) * blockDim.x + threadIdx.x) * kCount;
  if (channel >= args.channels) {
    return;
  }
  const std::int64_t row = args.firstRow + blockIdx.y;
  To* const out = static_cast<To*>(args.out) + blockIdx.y * args.plane * args.outStride + channel;
  const From* in = nullptr;
  for (int n = 0; n < args.pieceCount; ++n) {
    const RowPiece& piece = args.pieces[n];
    if (row >= piece.begin && row < piece.end) {
      in = static_cast<const From*>(piece.rows) + (row - piece.begin) * args.plane * args.channels +
           channel;
    }
  }
  if (in == nullptr && args.accumulate) {
    return;
  }
  Tables<Real, kCount> tables;
  for (int n = 0; n < kCount; ++n) {
    tables.scale[n] = entry(args.transform.scale, channel + n, Real(1));
    tables.shift[n] = entry(args.transform.shift, channel + n, Real(0));
    tables.slope[n] =
        entry(args.transform.slopes, channel + n, static_cast<Real>(args.transform.slope));
    tables.gate[n] = entry(args.transform.gate, channel + n, Real(1));
  }
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  std::int64_t voxel = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  for (; voxel < args.plane; voxel += kInFlight * step) {
    Pack<From, kCount> read[kInFlight] = {};
    Pack<To, kCount> there[kInFlight] = {};
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      const std::int64_t at = voxel + k * step;
      if (at < args.plane && in != nullptr) {
        read[k] = loadPack<kCount>(in + at * args.channels);
      }
      if (at < args.plane && args.accumulate) {
        there[k] = loadPack<kCount>(out + at * args.outStride);
      }
    }
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      const std::int64_t at = voxel + k * step;
      if (at >= args.plane) {
        break;
      }
      Pack<To, kCount> result = {};
      if (in != nullptr) {
#pragma unroll
        for (int n = 0; n < kCount; ++n) {
          const Real x = transformed<Real, kCount>(
              static_cast<Real>(toMath(read[k].values[n])), n, args.transform, tables);
          result.values[n] = toStored<To>(args.accumulate ? toMath(there[k].values[n]) + x : x);
        }
      }
      storePack(out + at * args.outStride, result);
    }
  }
}

template <typename From, typename To, int kCount>
cudaError_t start(const Gather& args, cudaStream_t stream) {
  const std::int64_t packsOfChannels = args.channels / kCount;
  const dim3 block = blockFor(packsOfChannels);
  const dim3 grid(static_cast<unsigned>(divideUp(args.plane, kInFlight * block.y)),
                  static_cast<unsigned>(args.rowCount),
                  static_cast<unsigned>(divideUp(packsOfChannels, block.x)));
  return launch(gatherRows<From, To, kCount>, grid, block, stream, args);
}

template <typename T>
bool packsEverywhere(const Gather& args) {
  bool all = packs<T>(args.out, args.outStride) && packs<T>(nullptr, args.channels);
  for (int n = 0; n < args.pieceCount; ++n) {
    all = all && packs<T>(args.pieces[n].rows, args.channels);
  }
  return all;
}

}  // namespace

cudaError_t gather(const Gather& args, cudaStream_t stream) {
  if (args.pieceCount < 0 || args.pieceCount > kMostPieces || args.rowCount > kMostBlocks ||
      args.outStride < args.channels ||
      (args.transform.scale == nullptr) != (args.transform.shift == nullptr)) {
    return cudaErrorInvalidValue;
  }
  if (args.rowCount <= 0 || args.plane == 0 || args.channels == 0) {
    return args.rowCount < 0 ? cudaErrorInvalidValue : cudaSuccess;
  }
  return withType(args.to, [&](auto type) {
    using To = decltype(type);
    if (args.from != args.to) {
      return args.from == Scalar::Float32 ? start<float, To, 1>(args, stream)
                                          : cudaErrorInvalidValue;
    }
    return packsEverywhere<To>(args) ? start<To, To, kWidest<To>>(args, stream)
                                     : start<To, To, 1>(args, stream);
  });
}

}  // namespace argand::engine::cuda
