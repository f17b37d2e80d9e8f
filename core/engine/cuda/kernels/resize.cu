// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/kernels/device.h"

namespace argand::engine::cuda {

namespace {

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// The part of a pooling's window that lies inside, along one axis.
__host__ __device__ inline Range windowOf(std::int64_t output,
                                          std::int64_t kernel,
                                          std::int64_t stride,
                                          std::int64_t padding,
                                          std::int64_t inputs) {
  const std::int64_t begin = output * stride - padding;
  const std::int64_t end = begin + kernel;
  return {begin < 0 ? 0 : begin, end > inputs ? inputs : end};
}

// A thread takes some channels of one output voxel, a block voxels of one line.
template <typename T, int kCount>
__global__ void poolLine(Pool args) {
  using Real = Math<T>;
  const std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (w >= args.outWidth) {
    return;
  }
  const std::int64_t h = blockIdx.y;
  const std::int64_t d = args.firstRow + blockIdx.z;
  const Size& in = args.in.size;
  const Range depth = windowOf(d, args.kernel.d, args.stride.d, args.padding.d, in.d);
  const Range height = windowOf(h, args.kernel.h, args.stride.h, args.padding.h, in.h);
  const Range width = windowOf(w, args.kernel.w, args.stride.w, args.padding.w, in.w);
  const T* const rows = static_cast<const T*>(args.in.rows);
  const auto window = static_cast<Real>(args.kernel.d * args.kernel.h * args.kernel.w);
  T* const out = static_cast<T*>(args.out) +
                 ((blockIdx.z * args.outHeight + h) * args.outWidth + w) * args.channels;
  for (std::int64_t c = static_cast<std::int64_t>(threadIdx.x) * kCount; c < args.channels;
       c += static_cast<std::int64_t>(blockDim.x) * kCount) {
    Real results[kCount] = {};
    bool first = true;
    for (std::int64_t id = depth.begin; id < depth.end; ++id) {
      for (std::int64_t ih = height.begin; ih < height.end; ++ih) {
        for (std::int64_t iw = width.begin; iw < width.end; ++iw) {
          const std::int64_t voxel = ((id - args.in.firstRow) * in.h + ih) * in.w + iw;
          const Pack<T, kCount> pack = loadPack<kCount>(rows + voxel * args.channels + c);
#pragma unroll
          for (int n = 0; n < kCount; ++n) {
            const Real x = toMath(pack.values[n]);
            if (args.average) {
              results[n] += x;
            } else if (first || x > results[n] || x != x) {  // what is no number stays one
              results[n] = x;
            }
          }
          first = false;
        }
      }
    }
    Pack<T, kCount> result;
#pragma unroll
    for (int n = 0; n < kCount; ++n) {
      result.values[n] = toStored<T>(args.average ? results[n] / window : results[n]);
    }
    storePack(out + c, result);
  }
}

// Where an output lies along one axis of the input (PyTorch's align_corners=False).
template <typename Real>
struct Source {
  std::int64_t low;
  std::int64_t high;
  Real there;

  __host__ __device__ Source(std::int64_t output,
                             std::int64_t factor,
                             std::int64_t inputs,
                             bool trilinear) {
    if (!trilinear) {
      low = output / factor;
      high = low;
      there = 0;
      return;
    }
    Real at = (static_cast<Real>(output) + Real(0.5)) / static_cast<Real>(factor) - Real(0.5);
    at = at < Real(0) ? Real(0) : at;
    low = static_cast<std::int64_t>(at);
    high = low + 1 < inputs ? low + 1 : low;
    there = at - static_cast<Real>(low);
  }
};

template <typename T, int kCount>
__global__ void upsampleLine(Upsample args) {
  using Real = Math<T>;
  const Size& in = args.in.size;
  const std::int64_t outWidth = in.w * args.factor.w;
  const std::int64_t outHeight = in.h * args.factor.h;
  const std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (w >= outWidth) {
    return;
  }
  const std::int64_t h = blockIdx.y;
  const Source<Real> depth(args.firstRow + blockIdx.z, args.factor.d, in.d, args.trilinear);
  const Source<Real> height(h, args.factor.h, in.h, args.trilinear);
  const Source<Real> width(w, args.factor.w, in.w, args.trilinear);
  const T* const rows = static_cast<const T*>(args.in.rows);
  T* const out =
      static_cast<T*>(args.out) + ((blockIdx.z * outHeight + h) * outWidth + w) * args.channels;
  for (std::int64_t c = static_cast<std::int64_t>(threadIdx.x) * kCount; c < args.channels;
       c += static_cast<std::int64_t>(blockDim.x) * kCount) {
    Real sums[kCount] = {};
#pragma unroll
    for (int corner = 0; corner < 8; ++corner) {
      const Real weight = ((corner & 4) != 0 ? depth.there : Real(1) - depth.there) *
                          ((corner & 2) != 0 ? height.there : Real(1) - height.there) *
                          ((corner & 1) != 0 ? width.there : Real(1) - width.there);
      if (weight == Real(0)) {
        continue;
      }
      const std::int64_t id = (corner & 4) != 0 ? depth.high : depth.low;
      const std::int64_t ih = (corner & 2) != 0 ? height.high : height.low;
      const std::int64_t iw = (corner & 1) != 0 ? width.high : width.low;
      const std::int64_t voxel = ((id - args.in.firstRow) * in.h + ih) * in.w + iw;
      const Pack<T, kCount> pack = loadPack<kCount>(rows + voxel * args.channels + c);
#pragma unroll
      for (int n = 0; n < kCount; ++n) {
        sums[n] += weight * toMath(pack.values[n]);
      }
    }
    Pack<T, kCount> result;
#pragma unroll
    for (int n = 0; n < kCount; ++n) {
      result.values[n] = toStored<T>(sums[n]);
    }
    storePack(out + c, result);
  }
}

bool has(const RowsAtHand& in, std::int64_t first, std::int64_t last) {
  return first >= in.firstRow && last < in.firstRow + in.rowCount && last < in.size.d;
}

template <typename T, int kCount>
cudaError_t start(const Pool& args, cudaStream_t stream) {
  return launchLines(poolLine<T, kCount>,
                     args.channels / kCount,
                     args.outWidth,
                     args.outHeight,
                     args.rowCount,
                     stream,
                     args);
}

template <typename T, int kCount>
cudaError_t start(const Upsample& args, cudaStream_t stream) {
  return launchLines(upsampleLine<T, kCount>,
                     args.channels / kCount,
                     args.in.size.w * args.factor.w,
                     args.in.size.h * args.factor.h,
                     args.rowCount,
                     stream,
                     args);
}

template <typename Args>
cudaError_t startWith(const Args& args, cudaStream_t stream) {
  return withType(args.type, [&](auto type) {
    using T = decltype(type);
    return packs<T>(args.in.rows, args.channels) && packs<T>(args.out, args.channels)
               ? start<T, kWidest<T>>(args, stream)
               : start<T, 1>(args, stream);
  });
}

}  // namespace

cudaError_t pool(const Pool& args, cudaStream_t stream) {
  if (args.rowCount <= 0) {
    return args.rowCount < 0 ? cudaErrorInvalidValue : cudaSuccess;
  }
  const std::int64_t last = args.firstRow + args.rowCount - 1;
  const Range reads = {
      windowOf(args.firstRow, args.kernel.d, args.stride.d, args.padding.d, args.in.size.d).begin,
      windowOf(last, args.kernel.d, args.stride.d, args.padding.d, args.in.size.d).end};
  return has(args.in, reads.begin, reads.end - 1) ? startWith(args, stream) : cudaErrorInvalidValue;
}

cudaError_t upsample(const Upsample& args, cudaStream_t stream) {
  if (args.rowCount <= 0) {
    return args.rowCount < 0 ? cudaErrorInvalidValue : cudaSuccess;
  }
  const std::int64_t last = args.firstRow + args.rowCount - 1;
  const Source<double> low(args.firstRow, args.factor.d, args.in.size.d, args.trilinear);
  const Source<double> high(last, args.factor.d, args.in.size.d, args.trilinear);
  return has(args.in, low.low, high.there > 0 ? high.high : high.low) ? startWith(args, stream)
                                                                      : cudaErrorInvalidValue;
}

}  // namespace argand::engine::cuda
