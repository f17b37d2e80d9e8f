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

// Where a voxel lies between two neighbours, and what each weighs.
template <typename Real>
struct Between {
  std::int64_t low;
  Real here;
  Real there;

  __device__ explicit Between(const Position& position)
      : low(position.low),
        here(Real(1) - static_cast<Real>(position.share)),
        there(static_cast<Real>(position.share)) {}
};

// Adds `factor` times what is at `line` and one line further, as `height` says.
template <typename T, int kCount>
__device__ void addLines(Math<T> (&sums)[kCount],
                         const T* line,
                         std::int64_t lineElements,
                         const Between<Math<T>>& height,
                         Math<T> factor) {
  const Math<T> here = height.here * factor;
  const Pack<T, kCount> pack = loadPack<kCount>(line);
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    sums[k] += here * toMath(pack.values[k]);
  }
  if (height.there > Math<T>(0)) {
    const Math<T> there = height.there * factor;
    const Pack<T, kCount> next = loadPack<kCount>(line + lineElements);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      sums[k] += there * toMath(next.values[k]);
    }
  }
}

// A thread takes one of the source's voxels: along the width (grid x), the
// height (grid y) and the depth (grid z).
template <typename T, typename Label, int kCount>
__global__ void argmaxOfSource(ArgmaxResampled args) {
  using Real = Math<T>;
  const std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (w >= args.voxels.w) {
    return;
  }
  const std::int64_t h = blockIdx.y;
  const std::int64_t d = blockIdx.z;
  const Between<Real> depth(args.depth[d]);
  const Between<Real> height(args.across[h]);
  const Between<Real> along(args.along[w]);
  const std::int64_t line = args.width * args.classes;
  const std::int64_t voxel = height.low * line + along.low * args.classes;
  const T* const rows = static_cast<const T*>(args.rows) + voxel;
  const std::int64_t row = depth.low - args.firstRow;
  const T* const low =
      row < 0 ? static_cast<const T*>(args.before) + voxel : rows + row * args.height * line;
  const T* const high = rows + (row + 1) * args.height * line;
  Best<Real> best = {Real(0), -1};
  for (std::int64_t c = 0; c < args.classes; c += kCount) {
    Real sums[2][kCount] = {};
    for (int n = 0; n < (along.there > Real(0) ? 2 : 1); ++n) {
      const std::int64_t at = n * args.classes + c;
      addLines<T, kCount>(sums[n], low + at, line, height, depth.here);
      if (depth.there > Real(0)) {
        addLines<T, kCount>(sums[n], high + at, line, height, depth.there);
      }
    }
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const Real score =
          along.there > Real(0) ? along.here * sums[0][k] + along.there * sums[1][k] : sums[0][k];
      if (best.index < 0) {
        best = {score, 0};
      } else {
        best.offer(score, c + k);
      }
    }
  }
  static_cast<Label*>(args.labels)[(d * args.voxels.h + h) * args.voxels.w + w] =
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
  const dim3 grid(static_cast<unsigned>(divideUp(args.voxels.w, block.x)),
                  static_cast<unsigned>(args.voxels.h),
                  static_cast<unsigned>(args.voxels.d));
  return packs<T>(args.rows, args.classes) && packs<T>(args.before, args.classes)
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
  const Size& voxels = args.voxels;
  if (voxels.h > kMostBlocks || voxels.d > kMostBlocks) {
    return cudaErrorInvalidValue;
  }
  return voxels.d * voxels.h * voxels.w == 0 ? cudaSuccess : startWith(args, stream);
}

}  // namespace argand::engine::cuda
