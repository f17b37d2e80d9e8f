// SPDX-License-Identifier: Apache-2.0
// What the programs of tests/gpu share: memory of the device, numbers as they
// are stored, and how many devices there are. The same checks are
// compiled for the processor (ARGAND_CUDA_ON_HOST, host_cuda.h), where "device"
// memory is the processor's and nothing is timed.
#pragma once

#include "core/engine/cuda/kernels/kernels.h"
#include "tests/gpu/figures.h"

#include <fmt/format.h>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace argand::gpu_check {

using engine::cuda::Scalar;

inline void must(cudaError_t status) {
  if (status != cudaSuccess) {
#ifdef ARGAND_CUDA_ON_HOST
    throw std::runtime_error(fmt::format("CUDA error {}", static_cast<int>(status)));
#else
    throw std::runtime_error(cudaGetErrorString(status));
#endif
  }
}

// An array in the device's memory, filled from the host and read back. Freeing it
// waits for what is queued.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
#ifdef ARGAND_CUDA_ON_HOST
    std::copy(values.begin(), values.end(), m_data);
#else
    must(cudaMemcpy(m_data, values.data(), m_count * sizeof(T), cudaMemcpyHostToDevice));
#endif
  }

  // Every byte 0xA5, so that what a kernel leaves out is seen.
  explicit DeviceArray(std::size_t count) : m_count(count) {
#ifdef ARGAND_CUDA_ON_HOST
    m_data = static_cast<T*>(
        ::operator new(std::max<std::size_t>(1, count) * sizeof(T), std::align_val_t(256)));
    std::memset(static_cast<void*>(m_data), 0xA5, count * sizeof(T));
#else
    must(
        cudaMalloc(reinterpret_cast<void**>(&m_data), std::max<std::size_t>(1, count) * sizeof(T)));
    must(cudaMemset(m_data, 0xA5, count * sizeof(T)));
#endif
  }

  ~DeviceArray() {
#ifdef ARGAND_CUDA_ON_HOST
    ::operator delete(m_data, std::align_val_t(256));
#else
    cudaFree(m_data);
#endif
  }

  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  [[nodiscard]] T* data() const {
    return m_data;
  }

  // Waits for what is queued.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> read(m_count);
#ifdef ARGAND_CUDA_ON_HOST
    std::copy(m_data, m_data + m_count, read.begin());
#else
    must(cudaMemcpy(read.data(), m_data, m_count * sizeof(T), cudaMemcpyDeviceToHost));
#endif
    return read;
  }

 private:
  std::size_t m_count = 0;
  T* m_data = nullptr;
};

// `kLimit`: of the error of a value that is computed and then stored: half a unit
// in the last place of the narrow types, some units of float and double.
template <typename T>
struct Stored;

template <>
struct Stored<float> {
  static constexpr Scalar kScalar = Scalar::Float32;
  static constexpr const char* kName = "fp32";
  static constexpr double kLimit = 1e-6;
  using Real = float;
};

template <>
struct Stored<double> {
  static constexpr Scalar kScalar = Scalar::Float64;
  static constexpr const char* kName = "fp64";
  static constexpr double kLimit = 2e-15;
  using Real = double;
};

template <>
struct Stored<__nv_bfloat16> {
  static constexpr Scalar kScalar = Scalar::BFloat16;
  static constexpr const char* kName = "bf16";
  static constexpr double kLimit = 3.95e-3;
  using Real = float;
};

template <>
struct Stored<__half> {
  static constexpr Scalar kScalar = Scalar::Float16;
  static constexpr const char* kName = "fp16";
  static constexpr double kLimit = 4.95e-4;
  using Real = float;
};

inline double toDouble(float x) {
  return x;
}

inline double toDouble(double x) {
  return x;
}

inline double toDouble(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

inline double toDouble(__half x) {
  return __half2float(x);
}

template <typename T>
T fromDouble(double x) {
  return static_cast<T>(x);
}

template <>
inline __nv_bfloat16 fromDouble(double x) {
  return __float2bfloat16_rn(static_cast<float>(x));
}

template <>
inline __half fromDouble(double x) {
  return __float2half_rn(static_cast<float>(x));
}

// Normal numbers as a type stores them.
template <typename T>
std::vector<T> randomValues(std::int64_t count, unsigned seed, double mean = 0.0) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(mean, 1.0);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) {
    value = fromDouble<T>(normal(engine));
  }
  return values;
}

// |got - wanted| relative to the larger of |wanted| and 1; infinite for what is no number.
inline double errorOf(double got, double wanted) {
  const double error = std::abs(got - wanted) / std::max(1.0, std::abs(wanted));
  return std::isnan(error) ? INFINITY : error;
}

#ifdef ARGAND_CUDA_ON_HOST
constexpr bool kOnHost = true;
#else
constexpr bool kOnHost = false;
#endif

#ifndef ARGAND_CUDA_ON_HOST
// How many CUDA devices there are; says so where there are none and `what` is skipped.
inline int presentDevices(const char* what) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    fmt::print("SKIPPED: no CUDA device here ({}). {} compiled and not run.\n",
               status == cudaSuccess ? "none found" : cudaGetErrorString(status),
               what);
    return 0;
  }
  return count;
}
#endif

// Speed of a launch that moves `bytes`, the median of several; 0 on the processor.
inline double gigabytesPerSecond(double bytes, const std::function<cudaError_t()>& launch) {
#ifdef ARGAND_CUDA_ON_HOST
  (void)bytes;
  (void)launch;
  return 0.0;
#else
  cudaEvent_t begin{};
  cudaEvent_t end{};
  must(cudaEventCreate(&begin));
  must(cudaEventCreate(&end));
  std::vector<float> times(11);
  for (float& milliseconds : times) {
    must(cudaEventRecord(begin, nullptr));
    must(launch());
    must(cudaEventRecord(end, nullptr));
    must(cudaEventSynchronize(end));
    must(cudaEventElapsedTime(&milliseconds, begin, end));
  }
  must(cudaEventDestroy(begin));
  must(cudaEventDestroy(end));
  std::nth_element(times.begin(), times.begin() + 5, times.end());
  return bytes / (static_cast<double>(times[5]) * 1e6);
#endif
}

void checkGather(Figures& figures);
void checkStatistics(Figures& figures);
void checkLabels(Figures& figures);
void checkResizing(Figures& figures);

}  // namespace argand::gpu_check
