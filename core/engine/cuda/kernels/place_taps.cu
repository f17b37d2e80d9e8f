// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/kernels/device.h"

namespace argand::engine::cuda {

namespace {

// The input that reaches an output through a tap along one axis, or -1.
__device__ inline std::int64_t inputOf(std::int64_t output,
                                       std::int64_t tap,
                                       std::int64_t stride,
                                       std::int64_t padding,
                                       std::int64_t inputs) {
  const std::int64_t scaled = output + padding - tap;
  if (scaled < 0 || scaled % stride != 0 || scaled / stride >= inputs) {
    return -1;
  }
  return scaled / stride;
}

// A thread takes some channels of one output voxel, a block voxels of one line.
template <typename T, int kCount>
__global__ void placeTapsOfLine(PlaceTaps args) {
  using Real = Math<T>;
  const std::int64_t w = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (w >= args.outWidth) {
    return;
  }
  const std::int64_t h = blockIdx.y;
  const std::int64_t d = args.firstRow + blockIdx.z;
  const Size& in = args.products.size;
  const std::int64_t perVoxel = args.kernel.d * args.kernel.h * args.kernel.w * args.channels;
  const T* const products = static_cast<const T*>(args.products.rows);
  T* const out = static_cast<T*>(args.out) +
                 ((blockIdx.z * args.outHeight + h) * args.outWidth + w) * args.channels;
  for (std::int64_t c = static_cast<std::int64_t>(threadIdx.x) * kCount; c < args.channels;
       c += static_cast<std::int64_t>(blockDim.x) * kCount) {
    Real sums[kCount] = {};
    if (args.bias != nullptr) {
      for (int n = 0; n < kCount; ++n) {
        sums[n] = toMath(static_cast<const T*>(args.bias)[c + n]);
      }
    }
    for (std::int64_t kw = 0; kw < args.kernel.w; ++kw) {
      const std::int64_t iw = inputOf(w, kw, args.stride.w, args.padding.w, in.w);
      for (std::int64_t kd = 0; iw >= 0 && kd < args.kernel.d; ++kd) {
        const std::int64_t id = inputOf(d, kd, args.stride.d, args.padding.d, in.d);
        for (std::int64_t kh = 0; id >= 0 && kh < args.kernel.h; ++kh) {
          const std::int64_t ih = inputOf(h, kh, args.stride.h, args.padding.h, in.h);
          if (ih < 0) {
            continue;
          }
          const std::int64_t voxel = ((id - args.products.firstRow) * in.h + ih) * in.w + iw;
          const std::int64_t tap = (kd * args.kernel.h + kh) * args.kernel.w + kw;
          const Pack<T, kCount> pack =
              loadPack<kCount>(products + voxel * perVoxel + tap * args.channels + c);
#pragma unroll
          for (int n = 0; n < kCount; ++n) {
            sums[n] += toMath(pack.values[n]);
          }
        }
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

// The input rows that an output row may read: all must be at hand.
bool atHand(const PlaceTaps& args) {
  const RowsAtHand& rows = args.products;
  for (std::int64_t d = args.firstRow; d < args.firstRow + args.rowCount; ++d) {
    for (std::int64_t k = 0; k < args.kernel.d; ++k) {
      const std::int64_t scaled = d + args.padding.d - k;
      const bool reads =
          scaled >= 0 && scaled % args.stride.d == 0 && scaled / args.stride.d < rows.size.d;
      const std::int64_t row = scaled / args.stride.d;
      if (reads && (row < rows.firstRow || row >= rows.firstRow + rows.rowCount)) {
        return false;
      }
    }
  }
  return true;
}

template <typename T, int kCount>
cudaError_t start(const PlaceTaps& args, cudaStream_t stream) {
  return launchLines(placeTapsOfLine<T, kCount>,
                     args.channels / kCount,
                     args.outWidth,
                     args.outHeight,
                     args.rowCount,
                     stream,
                     args);
}

}  // namespace

cudaError_t placeTaps(const PlaceTaps& args, cudaStream_t stream) {
  if (args.rowCount < 0 || args.stride.d <= 0 || args.stride.h <= 0 || args.stride.w <= 0 ||
      !atHand(args)) {
    return cudaErrorInvalidValue;
  }
  return withType(args.type, [&](auto type) {
    using T = decltype(type);
    return packs<T>(args.products.rows, args.channels) && packs<T>(args.out, args.channels)
               ? start<T, kWidest<T>>(args, stream)
               : start<T, 1>(args, stream);
  });
}

}  // namespace argand::engine::cuda
