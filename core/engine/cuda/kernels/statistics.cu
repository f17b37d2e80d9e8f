// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/kernels/device.h"
#include "core/engine/cuda/kernels/moment_pieces.h"

namespace argand::engine::cuda {

namespace {

// Values that a thread holds at once. Their mean is taken first and then their
// squared deviations from it, so that float is enough; all else is in double.
constexpr int kHeld = 8;

struct Moments {
  double count;
  double mean;
  double deviation;
};

__device__ inline Moments joined(const Moments& a, const Moments& b) {
  if (a.count == 0.0) {
    return b;
  }
  if (b.count == 0.0) {
    return a;
  }
  const double count = a.count + b.count;
  const double difference = b.mean - a.mean;
  const double share = b.count / count;
  return {count,
          a.mean + difference * share,
          a.deviation + b.deviation + difference * difference * (a.count * share)};
}

// Joins those of a power of two of threads, `stride` entries apart from each
// other, into the first.
__device__ inline void joinAll(
    Moments* shared, unsigned at, unsigned lane, unsigned lanes, unsigned stride) {
  for (unsigned half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) {
      shared[at] = joined(shared[at], shared[at + half * stride]);
    }
  }
  __syncthreads();
}

// Sums of a thread's values less `shift`, and of their squares.
struct Sums {
  double sum;
  double squares;
};

template <typename Real>
__device__ void addHeld(const Real* values, int count, Sums& sums) {
  Real sum = 0;
  for (int k = 0; k < kHeld; ++k) {
    sum += k < count ? values[k] : Real(0);
  }
  const Real mean = sum / static_cast<Real>(count);
  Real deviation = 0;
  for (int k = 0; k < kHeld; ++k) {
    const Real difference = k < count ? values[k] - mean : Real(0);
    deviation += difference * difference;
  }
  const auto exact = static_cast<double>(sum);
  sums.sum += exact;
  const double square = exact * exact;
  sums.squares +=
      static_cast<double>(deviation) + (count == kHeld ? square * (1.0 / kHeld) : square / count);
}

// A block takes one piece (grid x) of a row (grid y) and 32 packs of channels (grid z).
template <typename T, int kCount>
__global__ void momentsOfPieces(Statistics args) {
  using Real = Math<T>;
  __shared__ Sums shared[kThreads * kCount];
  const std::int64_t channel =
      (static_cast<std::int64_t>(blockIdx.z) * blockDim.x + threadIdx.x) * kCount;
  const std::int64_t begin = blockIdx.x * kMomentPieceVoxels;
  const std::int64_t end =
      begin + kMomentPieceVoxels < args.plane ? begin + kMomentPieceVoxels : args.plane;
  const bool works = channel < args.channels;
  const T* const row =
      static_cast<const T*>(args.rows) + blockIdx.y * args.plane * args.channels + channel;
  Real shift[kCount] = {};
  Sums sums[kCount] = {};
  if (works) {
    const Pack<T, kCount> first = loadPack<kCount>(row + begin * args.channels);
    for (int n = 0; n < kCount; ++n) {
      shift[n] = toMath(first.values[n]);
    }
    for (std::int64_t voxel = begin + threadIdx.y; voxel < end; voxel += kHeld * blockDim.y) {
      Real held[kCount][kHeld];
      int count = 0;
#pragma unroll
      for (int k = 0; k < kHeld; ++k) {
        const std::int64_t at = voxel + k * static_cast<std::int64_t>(blockDim.y);
        const bool inside = at < end;
        count += inside ? 1 : 0;
        const Pack<T, kCount> pack = loadPack<kCount>(row + (inside ? at : begin) * args.channels);
#pragma unroll
        for (int n = 0; n < kCount; ++n) {
          held[n][k] = toMath(pack.values[n]) - shift[n];
        }
      }
#pragma unroll
      for (int n = 0; n < kCount; ++n) {
        addHeld(held[n], count, sums[n]);
      }
    }
  }
  const unsigned at = threadIdx.y * blockDim.x + threadIdx.x;
  for (int n = 0; n < kCount; ++n) {
    shared[at * kCount + n] = sums[n];
  }
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      for (int n = 0; n < kCount; ++n) {
        Sums& mine = shared[at * kCount + n];
        const Sums& other = shared[(at + half * blockDim.x) * kCount + n];
        mine.sum += other.sum;
        mine.squares += other.squares;
      }
    }
  }
  if (!works || threadIdx.y != 0) {
    return;
  }
  const auto voxels = static_cast<double>(end - begin);
  double* const moments =
      args.scratch +
      ((static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * args.channels + channel) *
          2;
  for (int n = 0; n < kCount; ++n) {
    const Sums& total = shared[at * kCount + n];
    const double deviation = total.squares - total.sum * total.sum / voxels;
    moments[2 * n] = static_cast<double>(shift[n]) + total.sum / voxels;
    moments[2 * n + 1] = deviation < 0.0 ? 0.0 : deviation;
  }
}

constexpr unsigned kJoinChannels = 32;
constexpr unsigned kJoinLanes = 8;

// A block joins the pieces of a row (grid y) for 32 channels (grid x).
__global__ void joinPieces(Statistics args) {
  __shared__ Moments shared[kJoinChannels * kJoinLanes];
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * kJoinChannels + threadIdx.x;
  const std::int64_t pieces = (args.plane + kMomentPieceVoxels - 1) / kMomentPieceVoxels;
  Moments sum = {0.0, 0.0, 0.0};
  for (std::int64_t n = threadIdx.y; n < pieces && channel < args.channels; n += kJoinLanes) {
    const double* const piece =
        args.scratch + ((blockIdx.y * pieces + n) * args.channels + channel) * 2;
    const std::int64_t left = args.plane - n * kMomentPieceVoxels;
    const auto voxels = static_cast<double>(left < kMomentPieceVoxels ? left : kMomentPieceVoxels);
    sum = joined(sum, {voxels, piece[0], piece[1]});
  }
  const unsigned at = threadIdx.y * kJoinChannels + threadIdx.x;
  shared[at] = sum;
  joinAll(shared, at, threadIdx.y, kJoinLanes, kJoinChannels);
  if (threadIdx.y == 0 && channel < args.channels) {
    double* const moments = args.moments + (blockIdx.y * args.channels + channel) * 2;
    moments[0] = shared[at].mean;
    moments[1] = shared[at].deviation;
  }
}

// A block makes the table of one group of channels.
template <typename Real>
__global__ void tableOfGroup(NormTableArgs args) {
  __shared__ Moments shared[kThreads];
  const std::int64_t channels = args.channels / args.groups;
  const std::int64_t first = blockIdx.x * channels;
  Moments sum = {0.0, 0.0, 0.0};
  for (std::int64_t n = threadIdx.x; n < args.rows * channels; n += kThreads) {
    const double* const entry =
        args.moments + (n / channels * args.channels + first + n % channels) * 2;
    sum = joined(sum, {static_cast<double>(args.plane), entry[0], entry[1]});
  }
  shared[threadIdx.x] = sum;
  joinAll(shared, threadIdx.x, threadIdx.x, kThreads, 1);
  const Moments total = shared[0];
  const double inverse = 1.0 / sqrt(total.deviation / total.count + args.epsilon);
  for (std::int64_t c = first + threadIdx.x; c < first + channels; c += kThreads) {
    const double scale = (args.gamma == nullptr ? 1.0 : args.gamma[c]) * inverse;
    const double shift = (args.beta == nullptr ? 0.0 : args.beta[c]) - total.mean * scale;
    static_cast<Real*>(args.scale)[c] = static_cast<Real>(scale);
    static_cast<Real*>(args.shift)[c] = static_cast<Real>(shift);
  }
}

template <typename T, int kCount>
cudaError_t start(const Statistics& args, cudaStream_t stream) {
  const std::int64_t packsOfChannels = args.channels / kCount;
  const dim3 block = blockFor(packsOfChannels);
  const dim3 grid(static_cast<unsigned>(divideUp(args.plane, kMomentPieceVoxels)),
                  static_cast<unsigned>(args.rowCount),
                  static_cast<unsigned>(divideUp(packsOfChannels, block.x)));
  return launch(momentsOfPieces<T, kCount>, grid, block, stream, args);
}

}  // namespace

std::int64_t statisticsScratch(std::int64_t rowCount, std::int64_t plane, std::int64_t channels) {
  return rowCount * divideUp(plane, kMomentPieceVoxels) * channels * 2;
}

cudaError_t statistics(const Statistics& args, cudaStream_t stream) {
  if (args.rowCount < 0 || args.rowCount > kMostBlocks || args.plane <= 0 || args.channels <= 0) {
    return cudaErrorInvalidValue;
  }
  if (args.rowCount == 0) {
    return cudaSuccess;
  }
  const cudaError_t started = withType(args.type, [&](auto type) {
    using T = decltype(type);
    return packs<T>(args.rows, args.channels) ? start<T, kWidest<T>>(args, stream)
                                              : start<T, 1>(args, stream);
  });
  if (started != cudaSuccess) {
    return started;
  }
  const dim3 grid(static_cast<unsigned>(divideUp(args.channels, kJoinChannels)),
                  static_cast<unsigned>(args.rowCount));
  return launch(joinPieces, grid, dim3(kJoinChannels, kJoinLanes), stream, args);
}

cudaError_t normTable(const NormTableArgs& args, cudaStream_t stream) {
  if (args.groups <= 0 || args.channels <= 0 || args.channels % args.groups != 0 ||
      args.rows <= 0 || args.plane <= 0) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(static_cast<unsigned>(args.groups));
  return args.type == Scalar::Float64
             ? launch(tableOfGroup<double>, grid, dim3(kThreads), stream, args)
             : launch(tableOfGroup<float>, grid, dim3(kThreads), stream, args);
}

}  // namespace argand::engine::cuda
