// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/check.h"

namespace argand::gpu_check {
namespace {

using engine::cuda::Activation;
using engine::cuda::Gather;
using engine::cuda::gather;

struct Case {
  std::int64_t channels = 0;
  std::int64_t plane = 0;
  Activation activation = Activation::None;
  bool scales = false;
  bool slopes = false;  // per channel
  bool gates = false;
  bool accumulates = false;
};

double activated(double x, Activation activation, double slope) {
  switch (activation) {
    case Activation::Leaky:
      return x > 0.0 ? x : x * slope;
    case Activation::Silu:
      return x / (1.0 + std::exp(-x));
    case Activation::Sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    default:
      return x;
  }
}

// Rows -2 to 12 of a tensor of 10 rows in three pieces that lie apart, into the
// middle of a concat; of type `From`, stored as `T`.
template <typename From, typename T>
double worstError(const Case& c) {
  using Real = typename Stored<T>::Real;
  constexpr std::int64_t kRows = 10;
  constexpr std::int64_t kFirst = -2;
  constexpr std::int64_t kCount = 15;
  constexpr std::int64_t kBefore = 8;  // channels of the concat before and after
  constexpr double kSlope = 0.05;
  const std::int64_t row = c.plane * c.channels;
  const std::vector<From> source = randomValues<From>(kRows * row, 1);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    return std::vector<From>(source.begin() + begin * row, source.begin() + end * row);
  };
  const DeviceArray<From> first(part(0, 3));
  const DeviceArray<From> second(part(3, 8));
  const DeviceArray<From> third(part(8, kRows));
  const std::vector<Real> scale = randomValues<Real>(c.channels, 2);
  const std::vector<Real> shift = randomValues<Real>(c.channels, 3);
  const std::vector<Real> slopes = randomValues<Real>(c.channels, 4);
  const std::vector<Real> gate = randomValues<Real>(c.channels, 5);
  const DeviceArray<Real> scaleTable(scale);
  const DeviceArray<Real> shiftTable(shift);
  const DeviceArray<Real> slopeTable(slopes);
  const DeviceArray<Real> gateTable(gate);
  const std::int64_t stride = c.channels + 2 * kBefore;
  const std::vector<T> before = randomValues<T>(kCount * c.plane * stride, 6);
  const DeviceArray<T> out(before);

  Gather args;
  args.from = Stored<From>::kScalar;
  args.to = Stored<T>::kScalar;
  args.pieces[0] = {third.data(), 8, kRows};
  args.pieces[1] = {first.data(), 0, 3};
  args.pieces[2] = {second.data(), 3, 8};
  args.pieceCount = 3;
  args.firstRow = kFirst;
  args.rowCount = kCount;
  args.plane = c.plane;
  args.channels = c.channels;
  args.transform.scale = c.scales ? scaleTable.data() : nullptr;
  args.transform.shift = c.scales ? shiftTable.data() : nullptr;
  args.transform.activation = c.activation;
  args.transform.slope = kSlope;
  args.transform.slopes = c.slopes ? slopeTable.data() : nullptr;
  args.transform.gate = c.gates ? gateTable.data() : nullptr;
  args.out = out.data() + kBefore;
  args.outStride = stride;
  args.accumulate = c.accumulates;
  must(gather(args, nullptr));

  const std::vector<T> got = out.values();
  double worst = 0.0;
  for (std::int64_t n = 0; n < kCount * c.plane * stride; ++n) {
    const auto at = static_cast<std::size_t>(n);
    const std::int64_t channel = n % stride - kBefore;
    const std::int64_t sourceRow = n / stride / c.plane + kFirst;
    double wanted = toDouble(before[at]);
    if (channel >= 0 && channel < c.channels) {
      const auto k = static_cast<std::size_t>(channel);
      double x = 0.0;
      if (sourceRow >= 0 && sourceRow < kRows) {
        const std::int64_t voxel = sourceRow * c.plane + n / stride % c.plane;
        x = toDouble(source[static_cast<std::size_t>(voxel * c.channels + channel)]);
        x = c.scales ? x * scale[k] + shift[k] : x;
        x = activated(x, c.activation, c.slopes ? slopes[k] : kSlope);
        x = c.gates ? x * gate[k] : x;
      }
      wanted = c.accumulates ? wanted + x : x;
    }
    worst = std::max(worst, errorOf(toDouble(got[at]), wanted));
  }
  return worst;
}

// A chunk of a large network's layer through norm and activation.
template <typename T>
double speed() {
  constexpr std::int64_t kPlane = 320 * 256;
  constexpr std::int64_t kChannels = 32;
  constexpr std::int64_t kRows = 16;
  if (kOnHost) {
    return 0.0;
  }
  using Real = typename Stored<T>::Real;
  const DeviceArray<T> in(randomValues<T>(kRows * kPlane * kChannels, 1));
  const DeviceArray<T> out(static_cast<std::size_t>(kRows * kPlane * kChannels));
  const DeviceArray<Real> table(randomValues<Real>(kChannels, 2));
  Gather args;
  args.from = Stored<T>::kScalar;
  args.to = Stored<T>::kScalar;
  args.pieces[0] = {in.data(), 0, kRows};
  args.pieceCount = 1;
  args.rowCount = kRows;
  args.plane = kPlane;
  args.channels = kChannels;
  args.transform.scale = table.data();
  args.transform.shift = table.data();
  args.transform.activation = Activation::Leaky;
  args.out = out.data();
  args.outStride = kChannels;
  return gigabytesPerSecond(2.0 * kRows * kPlane * kChannels * sizeof(T),
                            [&] { return gather(args, nullptr); });
}

template <typename T>
void checkType(Figures& figures) {
  const Case cases[] = {
      {1, 7 * 5, Activation::None},
      {3, 7 * 5, Activation::Leaky, true},
      {16, 31 * 9, Activation::Leaky, true},
      {40, 13 * 5, Activation::Leaky, true, true},
      {32, 65, Activation::Silu, true, false, true},
      {24, 65, Activation::Sigmoid, false, false, true},
      {320, 6, Activation::Leaky, true},
      {16, 31 * 9, Activation::Leaky, true, false, false, true},
      {5, 31, Activation::None, false, false, false, true},
  };
  double worst = 0.0;
  for (const Case& c : cases) {
    worst = std::max(worst, worstError<T, T>(c));
  }
  figures.add(fmt::format("gather {}: norm, activation, gate, concat, sum", Stored<T>::kName),
              worst,
              Stored<T>::kLimit,
              speed<T>());
  figures.add(fmt::format("gather {} from an fp32 input", Stored<T>::kName),
              std::max(worstError<float, T>({1, 40, Activation::None}),
                       worstError<float, T>({4, 33, Activation::Leaky, true})),
              Stored<T>::kLimit);
}

}  // namespace

void checkGather(Figures& figures) {
  checkType<float>(figures);
  checkType<double>(figures);
  checkType<__nv_bfloat16>(figures);
  checkType<__half>(figures);
}

}  // namespace argand::gpu_check
