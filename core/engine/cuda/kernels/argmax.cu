// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/kernels/device.h"

namespace argand::engine::cuda {

namespace {

// Keeps the first of the highest.
template <typename Real>
struct Best {
  Real score;
  std::int64_t index;

  __device__ void offer(Real candidate, std::int64_t at) {
    if (candidate > score) {
      score = candidate;
      index = at;
    }
  }
};

// A thread takes one voxel.
template <typename T, typename Label, int kCount>
__global__ void argmaxOfVoxels(Argmax args) {
  const std::int64_t voxel = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (voxel >= args.voxels) {
    return;
  }
  const T* const scores = static_cast<const T*>(args.scores) + voxel * args.classes;
  Best<Math<T>> best = {toMath(scores[0]), 0};
  for (std::int64_t c = 0; c < args.classes; c += kCount) {
    const Pack<T, kCount> pack = loadPack<kCount>(scores + c);
#pragma unroll
    for (int n = 0; n < kCount; ++n) {
      best.offer(toMath(pack.values[n]), c + n);
    }
  }
  static_cast<Label*>(args.labels)[voxel] = static_cast<Label>(best.index);
}

// The two neighbours of a position and what each weighs; the further one is the
// nearer one again where it weighs nothing, for it may not exist.
template <typename Real>
struct Between {
  std::int64_t low;
  std::int64_t high;
  Real here;
  Real there;

  __device__ explicit Between(const Position& position)
      : low(position.low),
        high(position.share > 0.0F ? position.low + 1 : position.low),
        here(Real(1) - static_cast<Real>(position.share)),
        there(static_cast<Real>(position.share)) {}
};

// A thread takes one of the source's voxels: along the width (grid x), the
// height (grid y) and the depth (grid z).
template <typename T, typename Label, int kCount>
__global__ void argmaxOfSource(ArgmaxResampled args) {
  using Real = Math<T>;
  const std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (w >= args.widths) {
    return;
  }
  const std::int64_t h = blockIdx.y;
  const std::int64_t d = args.begin + blockIdx.z;
  const Between<Real> depth(args.depth[d]);
  const Between<Real> height(args.height[h]);
  const Between<Real> along(args.along[w]);
  const T* const rows[2] = {static_cast<const T*>(args.low),
                            static_cast<const T*>(depth.there > Real(0) ? args.high : args.low)};
  const std::int64_t line = args.width * args.classes;
  const T* corners[8];
  Real weights[8];
  for (int n = 0; n < 8; ++n) {
    const std::int64_t atHeight = (n & 2) != 0 ? height.high : height.low;
    const std::int64_t atWidth = (n & 1) != 0 ? along.high : along.low;
    corners[n] = rows[n >> 2] + atHeight * line + atWidth * args.classes;
    weights[n] = ((n & 4) != 0 ? depth.there : depth.here) *
                 ((n & 2) != 0 ? height.there : height.here) *
                 ((n & 1) != 0 ? along.there : along.here);
  }
  Best<Real> best = {Real(0), -1};
  for (std::int64_t c = 0; c < args.classes; c += kCount) {
    Real sums[kCount] = {};
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const Pack<T, kCount> pack = loadPack<kCount>(corners[n] + c);
#pragma unroll
      for (int k = 0; k < kCount; ++k) {
        sums[k] += weights[n] * toMath(pack.values[k]);
      }
    }
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      if (best.index < 0) {
        best = {sums[k], 0};
      } else {
        best.offer(sums[k], c + k);
      }
    }
  }
  static_cast<Label*>(args.labels)[d * args.stride.d + h * args.stride.h + w * args.stride.w] =
      static_cast<Label>(best.index);
}

template <typename T, typename Label>
cudaError_t start(const Argmax& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(divideUp(args.voxels, kThreads)));
  return packs<T>(args.scores, args.classes)
             ? launch(argmaxOfVoxels<T, Label, kWidest<T>>, grid, dim3(kThreads), stream, args)
             : launch(argmaxOfVoxels<T, Label, 1>, grid, dim3(kThreads), stream, args);
}

template <typename T, typename Label>
cudaError_t start(const ArgmaxResampled& args, cudaStream_t stream) {
  const dim3 block(128);
  const dim3 grid(static_cast<unsigned>(divideUp(args.widths, block.x)),
                  static_cast<unsigned>(args.heights),
                  static_cast<unsigned>(args.end - args.begin));
  return packs<T>(args.low, args.classes) && packs<T>(args.high, args.classes)
             ? launch(argmaxOfSource<T, Label, kWidest<T>>, grid, block, stream, args)
             : launch(argmaxOfSource<T, Label, 1>, grid, block, stream, args);
}

template <typename Args>
cudaError_t startWith(const Args& args, cudaStream_t stream) {
  if (args.classes <= 0 || (args.labelBytes != 1 && args.labelBytes != 2) ||
      args.classes > (std::int64_t{1} << (8 * args.labelBytes))) {
    return cudaErrorInvalidValue;
  }
  return withType(args.type, [&](auto type) {
    using T = decltype(type);
    return args.labelBytes == 1 ? start<T, std::uint8_t>(args, stream)
                                : start<T, std::uint16_t>(args, stream);
  });
}

}  // namespace

cudaError_t argmax(const Argmax& args, cudaStream_t stream) {
  return args.voxels == 0 ? cudaSuccess : startWith(args, stream);
}

cudaError_t argmaxResampled(const ArgmaxResampled& args, cudaStream_t stream) {
  if (args.heights > kMostBlocks || args.end - args.begin > kMostBlocks) {
    return cudaErrorInvalidValue;
  }
  return args.end <= args.begin || args.heights * args.widths == 0 ? cudaSuccess
                                                                   : startWith(args, stream);
}

}  // namespace argand::engine::cuda
