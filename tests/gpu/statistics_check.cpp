// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/check.h"

namespace argand::gpu_check {
namespace {

using engine::cuda::normTable;
using engine::cuda::NormTableArgs;
using engine::cuda::Statistics;
using engine::cuda::statistics;
using engine::cuda::statisticsScratch;

// Moments of rows [begin, end) into their place in `moments`.
template <typename T>
void takeMoments(const DeviceArray<T>& rows,
                 std::int64_t begin,
                 std::int64_t end,
                 std::int64_t plane,
                 std::int64_t channels,
                 const DeviceArray<double>& moments) {
  const DeviceArray<double> scratch(
      static_cast<std::size_t>(statisticsScratch(end - begin, plane, channels)));
  Statistics args;
  args.type = Stored<T>::kScalar;
  args.rows = rows.data() + begin * plane * channels;
  args.rowCount = end - begin;
  args.plane = plane;
  args.channels = channels;
  args.scratch = scratch.data();
  args.moments = moments.data() + begin * channels * 2;
  must(statistics(args, nullptr));
}

struct Worst {
  double mean = 0.0;       // in standard deviations
  double deviation = 0.0;  // relative
  double scale = 0.0;      // of the norm's table, relative
  double differing = 0.0;  // bytes that depend on how the rows were divided
};

template <typename T>
void compare(std::int64_t plane, std::int64_t channels, double mean, Worst& worst) {
  constexpr std::int64_t kRows = 5;
  std::vector<T> values = randomValues<T>(kRows * plane * channels, 7, mean);
  values[0] = fromDouble<T>(mean + 60.0);  // an outlier where the kernel takes its shift
  const DeviceArray<T> rows(values);
  const DeviceArray<double> whole(static_cast<std::size_t>(kRows * channels * 2));
  const DeviceArray<double> divided(static_cast<std::size_t>(kRows * channels * 2));
  takeMoments(rows, 0, kRows, plane, channels, whole);
  takeMoments(rows, 0, 2, plane, channels, divided);
  takeMoments(rows, 2, 3, plane, channels, divided);
  takeMoments(rows, 3, kRows, plane, channels, divided);
  const std::vector<double> got = whole.values();
  const std::vector<double> again = divided.values();
  for (std::size_t n = 0; n < got.size(); ++n) {
    worst.differing += std::memcmp(&got[n], &again[n], sizeof(double)) == 0 ? 0 : 1;
  }
  std::vector<long double> sums(static_cast<std::size_t>(channels));
  std::vector<long double> squares(static_cast<std::size_t>(channels));
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t c = 0; c < channels; ++c) {
      long double sum = 0.0L;
      for (std::int64_t v = 0; v < plane; ++v) {
        sum += toDouble(values[static_cast<std::size_t>((row * plane + v) * channels + c)]);
      }
      const long double wantedMean = sum / static_cast<long double>(plane);
      long double wanted = 0.0L;
      for (std::int64_t v = 0; v < plane; ++v) {
        const long double x =
            toDouble(values[static_cast<std::size_t>((row * plane + v) * channels + c)]);
        wanted += (x - wantedMean) * (x - wantedMean);
        squares[static_cast<std::size_t>(c)] += x * x;
      }
      sums[static_cast<std::size_t>(c)] += sum;
      const auto at = static_cast<std::size_t>((row * channels + c) * 2);
      const double sigma = std::sqrt(std::max(1e-9, static_cast<double>(wanted) / plane));
      worst.mean =
          std::max(worst.mean, std::abs(got[at] - static_cast<double>(wantedMean)) / sigma);
      worst.deviation = std::max(worst.deviation,
                                 std::abs(got[at + 1] - static_cast<double>(wanted)) /
                                     std::max(1e-9, static_cast<double>(wanted)));
    }
  }
  // The table of an instance norm and of a group norm over the same rows.
  using Real = typename Stored<T>::Real;
  const std::vector<double> gamma = randomValues<double>(channels, 8);
  const std::vector<double> beta = randomValues<double>(channels, 9);
  const DeviceArray<double> gammaTable(gamma);
  const DeviceArray<double> betaTable(beta);
  for (const std::int64_t groups : {channels, channels % 4 == 0 ? channels / 4 : std::int64_t{1}}) {
    const DeviceArray<Real> scale(static_cast<std::size_t>(channels));
    const DeviceArray<Real> shift(static_cast<std::size_t>(channels));
    NormTableArgs args;
    args.type = Stored<T>::kScalar;
    args.moments = whole.data();
    args.rows = kRows;
    args.plane = plane;
    args.channels = channels;
    args.groups = groups;
    args.gamma = gammaTable.data();
    args.beta = betaTable.data();
    args.epsilon = 1e-5;
    args.scale = scale.data();
    args.shift = shift.data();
    must(normTable(args, nullptr));
    const std::vector<Real> gotScale = scale.values();
    const std::vector<Real> gotShift = shift.values();
    const std::int64_t perGroup = channels / groups;
    for (std::int64_t c = 0; c < channels; ++c) {
      long double sum = 0.0L;
      long double square = 0.0L;
      for (std::int64_t n = c / perGroup * perGroup; n < (c / perGroup + 1) * perGroup; ++n) {
        sum += sums[static_cast<std::size_t>(n)];
        square += squares[static_cast<std::size_t>(n)];
      }
      const auto count = static_cast<long double>(kRows * plane * perGroup);
      const long double variance = square / count - sum / count * (sum / count);
      const auto k = static_cast<std::size_t>(c);
      const auto wantedScale =
          static_cast<double>(gamma[k] / std::sqrt(variance + static_cast<long double>(1e-5)));
      const double wantedShift = beta[k] - static_cast<double>(sum / count) * wantedScale;
      worst.scale = std::max({worst.scale,
                              errorOf(toDouble(gotScale[k]), wantedScale),
                              errorOf(toDouble(gotShift[k]), wantedShift)});
    }
  }
}

template <typename T>
double speed() {
  constexpr std::int64_t kPlane = 320 * 256;
  constexpr std::int64_t kChannels = 32;
  constexpr std::int64_t kRows = 16;
  if (kOnHost) {
    return 0.0;
  }
  const DeviceArray<T> rows(randomValues<T>(kRows * kPlane * kChannels, 1));
  const DeviceArray<double> scratch(
      static_cast<std::size_t>(statisticsScratch(kRows, kPlane, kChannels)));
  const DeviceArray<double> moments(static_cast<std::size_t>(kRows * kChannels * 2));
  Statistics args;
  args.type = Stored<T>::kScalar;
  args.rows = rows.data();
  args.rowCount = kRows;
  args.plane = kPlane;
  args.channels = kChannels;
  args.scratch = scratch.data();
  args.moments = moments.data();
  return gigabytesPerSecond(1.0 * kRows * kPlane * kChannels * sizeof(T),
                            [&] { return statistics(args, nullptr); });
}

template <typename T>
void checkType(Figures& figures, double limit) {
  Worst worst;
  for (const double mean : {0.0, 100.0}) {
    compare<T>(1, 3, mean, worst);
    compare<T>(70, 1, mean, worst);
    compare<T>(1500, 5, mean, worst);
    compare<T>(2300, 16, mean, worst);
    compare<T>(40, 264, mean, worst);
  }
  const std::string name = Stored<T>::kName;
  figures.add("statistics " + name + ": mean, in standard deviations", worst.mean, limit);
  figures.add(
      "statistics " + name + ": sum of squared deviations", worst.deviation, limit, speed<T>());
  figures.add("statistics " + name + ": bits that depend on the division", worst.differing, 0.0);
  figures.add("norm table " + name + ": instance and group norm", worst.scale, limit);
}

}  // namespace

void checkStatistics(Figures& figures) {
  // Whatever is stored, statistics are as good as float allows.
  checkType<float>(figures, 2e-6);
  checkType<double>(figures, 1e-12);
  checkType<__nv_bfloat16>(figures, 2e-6);
  checkType<__half>(figures, 2e-6);
}

}  // namespace argand::gpu_check
