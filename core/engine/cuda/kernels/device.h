// SPDX-License-Identifier: Apache-2.0
// Internal to the kernels: numbers, packs of channels, and how a kernel is started.
#pragma once

#include "core/engine/cuda/kernels/kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace argand::engine::cuda {

// What a stored type is computed in.
template <typename T>
struct MathOf {
  using Type = float;
};

template <>
struct MathOf<double> {
  using Type = double;
};

template <typename T>
using Math = typename MathOf<T>::Type;

__device__ inline float toMath(float x) {
  return x;
}

__device__ inline double toMath(double x) {
  return x;
}

__device__ inline float toMath(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

__device__ inline float toMath(__half x) {
  return __half2float(x);
}

template <typename T>
__device__ inline T toStored(Math<T> x) {
  return x;
}

template <>
__device__ inline __nv_bfloat16 toStored<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

template <>
__device__ inline __half toStored<__half>(float x) {
  return __float2half_rn(x);
}

// Neighbouring channels of a voxel, loaded and stored at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T values[kCount];
};

template <int kCount, typename T>
__device__ inline Pack<T, kCount> loadPack(const T* from) {
  return *reinterpret_cast<const Pack<T, kCount>*>(from);
}

template <int kCount, typename T>
__device__ inline void storePack(T* to, const Pack<T, kCount>& pack) {
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}

// Channels in 16 bytes.
template <typename T>
constexpr int kWidest = static_cast<int>(16 / sizeof(T));

// Whether every voxel begins at a multiple of 16 bytes.
template <typename T>
bool packs(const void* pointer, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 && stride % kWidest<T> == 0;
}

constexpr unsigned kThreads = 256;

// Threads of a block: neighbouring packs of channels first, which lie together in
// memory, then voxels. The number of voxels is a power of two.
inline dim3 blockFor(std::int64_t packsOfChannels) {
  const auto x = static_cast<unsigned>(packsOfChannels < 32 ? packsOfChannels : 32);
  unsigned y = 1;
  while (2 * y * x <= kThreads) {
    y *= 2;
  }
  return {x, y, 1};
}

constexpr std::int64_t divideUp(std::int64_t count, std::int64_t by) {
  return (count + by - 1) / by;
}

// Calls body(T()) with the type that `scalar` names.
template <typename Body>
cudaError_t withType(Scalar scalar, const Body& body) {
  switch (scalar) {
    case Scalar::Float32:
      return body(float());
    case Scalar::Float64:
      return body(double());
    case Scalar::BFloat16:
      return body(__nv_bfloat16());
    case Scalar::Float16:
      return body(__half());
  }
  return cudaErrorInvalidValue;
}

// The largest grid along its second and third axis.
constexpr std::int64_t kMostBlocks = 65535;

// A test that runs the kernels on the processor brings a launch() of its own.
#ifndef ARGAND_CUDA_ON_HOST
template <typename Args>
cudaError_t launch(
    void (*kernel)(Args), const dim3& grid, const dim3& block, cudaStream_t stream, Args args) {
  kernel<<<grid, block, 0, stream>>>(args);
  return cudaGetLastError();
}
#endif

// The grid of a kernel whose blocks take voxels of one line (x), a line (y) and a row (z).
template <typename Args>
cudaError_t launchLines(void (*kernel)(Args),
                        std::int64_t packsOfChannels,
                        std::int64_t width,
                        std::int64_t height,
                        std::int64_t rows,
                        cudaStream_t stream,
                        Args args) {
  if (width * height * rows * packsOfChannels == 0) {
    return cudaSuccess;
  }
  if (height > kMostBlocks || rows > kMostBlocks) {
    return cudaErrorInvalidValue;
  }
  const dim3 block = blockFor(packsOfChannels);
  const dim3 grid(static_cast<unsigned>(divideUp(width, block.y)),
                  static_cast<unsigned>(height),
                  static_cast<unsigned>(rows));
  return launch(kernel, grid, block, stream, args);
}

}  // namespace argand::engine::cuda
