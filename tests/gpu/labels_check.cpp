// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/check.h"

namespace argand::gpu_check {
namespace {

using engine::cuda::Argmax;
using engine::cuda::argmax;
using engine::cuda::ArgmaxResampled;
using engine::cuda::argmaxResampled;
using engine::cuda::Position;

// Small whole numbers, so that ties are many and exact in every type.
template <typename T>
std::vector<T> wholeNumbers(std::int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_int_distribution<int> uniform(-3, 3);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) {
    value = fromDouble<T>(uniform(engine));
  }
  return values;
}

template <typename T, typename Label>
double differing(std::int64_t classes) {
  constexpr std::int64_t kVoxels = 700;
  const std::vector<T> scores = wholeNumbers<T>(kVoxels * classes, 1);
  const DeviceArray<T> rows(scores);
  const DeviceArray<Label> labels(static_cast<std::size_t>(kVoxels));
  Argmax args;
  args.type = Stored<T>::kScalar;
  args.scores = rows.data();
  args.voxels = kVoxels;
  args.classes = classes;
  args.labels = labels.data();
  args.labelBytes = sizeof(Label);
  must(argmax(args, nullptr));
  const std::vector<Label> got = labels.values();
  double count = 0.0;
  for (std::int64_t v = 0; v < kVoxels; ++v) {
    const T* const first = &scores[static_cast<std::size_t>(v * classes)];
    const auto highest = std::max_element(
        first, first + classes, [](const T& a, const T& b) { return toDouble(a) < toDouble(b); });
    count += got[static_cast<std::size_t>(v)] == static_cast<Label>(highest - first) ? 0 : 1;
  }
  return count;
}

// Positions of `count` voxels of the source spread over `voxels` of the network's.
std::vector<Position> spread(std::int64_t count, std::int64_t voxels) {
  std::vector<Position> positions;
  for (std::int64_t n = 0; n < count; ++n) {
    const double at = static_cast<double>(n) * static_cast<double>(voxels - 1) /
                      static_cast<double>(std::max<std::int64_t>(1, count - 1));
    const double low = std::floor(at);
    positions.push_back({static_cast<std::int32_t>(low), static_cast<float>(at - low)});
  }
  return positions;
}

struct Resampled {
  double loss = 0.0;     // by how much the chosen class falls short of the highest score
  double missing = 0.0;  // voxels without a label
};

// Rows of scores, the first of which lies apart, and source voxels between them.
template <typename T, typename Label>
Resampled compareResampled(std::int64_t classes, bool normal) {
  constexpr std::int64_t kRows = 3;
  constexpr std::int64_t kHeight = 6;
  constexpr std::int64_t kWidth = 9;
  constexpr std::int64_t kDepths = 7;  // of the source
  constexpr std::int64_t kHeights = 11;
  constexpr std::int64_t kWidths = 150;
  constexpr std::int64_t kFirstRow = 4;  // of those that lie together
  const std::int64_t row = kHeight * kWidth * classes;
  const std::vector<T> scores =
      normal ? randomValues<T>(kRows * row, 2) : wholeNumbers<T>(kRows * row, 2);
  const DeviceArray<T> before(std::vector<T>(scores.begin(), scores.begin() + row));
  const DeviceArray<T> rows(std::vector<T>(scores.begin() + row, scores.end()));
  std::vector<Position> depth = spread(kDepths, kRows);
  for (Position& position : depth) {
    position.low += kFirstRow - 1;
  }
  const std::vector<Position> height = spread(kHeights, kHeight);
  const std::vector<Position> along = spread(kWidths, kWidth);
  const DeviceArray<Position> depthTable(depth);
  const DeviceArray<Position> heightTable(height);
  const DeviceArray<Position> alongTable(along);
  const std::vector<Label> none(static_cast<std::size_t>(kDepths * kHeights * kWidths),
                                static_cast<Label>(~Label{0}));
  const DeviceArray<Label> labels(none);
  ArgmaxResampled args;
  args.type = Stored<T>::kScalar;
  args.rows = rows.data();
  args.before = before.data();
  args.firstRow = kFirstRow;
  args.height = kHeight;
  args.width = kWidth;
  args.classes = classes;
  args.depth = depthTable.data();
  args.across = heightTable.data();
  args.along = alongTable.data();
  args.voxels = {kDepths, kHeights, kWidths};
  args.labels = labels.data();
  args.labelBytes = sizeof(Label);
  must(argmaxResampled(args, nullptr));
  const std::vector<Label> got = labels.values();
  Resampled worst;
  for (std::int64_t n = 0; n < kDepths * kHeights * kWidths; ++n) {
    const std::int64_t w = n % kWidths;
    const std::int64_t h = n / kWidths % kHeights;
    const std::int64_t d = n / kWidths / kHeights;
    const Label label = got[static_cast<std::size_t>(n)];
    if (label >= classes) {
      worst.missing += 1;
      continue;
    }
    const auto at = [&](std::int64_t dd, std::int64_t hh, std::int64_t ww, std::int64_t c) {
      const std::int64_t voxel =
          (std::min(dd, kRows - 1) * kHeight + std::min(hh, kHeight - 1)) * kWidth +
          std::min(ww, kWidth - 1);
      return toDouble(scores[static_cast<std::size_t>(voxel * classes + c)]);
    };
    const Position& pd = depth[static_cast<std::size_t>(d)];
    const Position& ph = height[static_cast<std::size_t>(h)];
    const Position& pw = along[static_cast<std::size_t>(w)];
    std::vector<double> sums;
    for (std::int64_t c = 0; c < classes; ++c) {
      const auto line = [&](std::int64_t dd, std::int64_t hh) {
        return at(dd, hh, pw.low, c) * (1.0 - pw.share) + at(dd, hh, pw.low + 1, c) * pw.share;
      };
      const auto plane = [&](std::int64_t dd) {
        return line(dd, ph.low) * (1.0 - ph.share) + line(dd, ph.low + 1) * ph.share;
      };
      const std::int64_t low = pd.low - (kFirstRow - 1);
      sums.push_back(plane(low) * (1.0 - pd.share) + plane(low + 1) * pd.share);
    }
    const double highest = *std::max_element(sums.begin(), sums.end());
    worst.loss = std::max(worst.loss, highest - sums[label]);
  }
  return worst;
}

template <typename T>
double speed() {
  constexpr std::int64_t kHeight = 320;
  constexpr std::int64_t kWidth = 256;
  constexpr std::int64_t kClasses = 25;
  constexpr std::int64_t kDepths = 16;
  if (kOnHost) {
    return 0.0;
  }
  const std::int64_t row = kHeight * kWidth * kClasses;
  const DeviceArray<T> rows(randomValues<T>(2 * row, 1));
  const DeviceArray<Position> depth(std::vector<Position>(kDepths, Position{0, 0.4F}));
  const DeviceArray<Position> height(spread(512, kHeight));
  const DeviceArray<Position> along(spread(512, kWidth));
  const DeviceArray<std::uint16_t> labels(static_cast<std::size_t>(kDepths * 512 * 512));
  ArgmaxResampled args;
  args.type = Stored<T>::kScalar;
  args.rows = rows.data();
  args.height = kHeight;
  args.width = kWidth;
  args.classes = kClasses;
  args.depth = depth.data();
  args.across = height.data();
  args.along = along.data();
  args.voxels = {kDepths, 512, 512};
  args.labels = labels.data();
  return gigabytesPerSecond(2.0 * static_cast<double>(row) * sizeof(T) + 2.0 * kDepths * 512 * 512,
                            [&] { return argmaxResampled(args, nullptr); });
}

template <typename T>
void checkType(Figures& figures) {
  double wrong = 0.0;
  for (const std::int64_t classes : {1, 2, 3, 8, 25, 40}) {
    wrong += differing<T, std::uint8_t>(classes);
    wrong += differing<T, std::uint16_t>(classes);
  }
  wrong += differing<T, std::uint16_t>(300);
  const std::string name = Stored<T>::kName;
  figures.add("argmax " + name + ": labels that differ, ties included", wrong, 0.0);
  Resampled worst;
  for (const std::int64_t classes : {2, 3, 25, 40}) {
    for (const bool normal : {true, false}) {
      const Resampled narrow = compareResampled<T, std::uint8_t>(classes, normal);
      const Resampled wide = compareResampled<T, std::uint16_t>(classes, normal);
      worst.loss = std::max({worst.loss, narrow.loss, wide.loss});
      worst.missing += narrow.missing + wide.missing;
    }
  }
  figures.add(
      "argmax resampled " + name + ": score lost by the label", worst.loss, 1e-6, speed<T>());
  figures.add("argmax resampled " + name + ": labels missing", worst.missing, 0.0);
}

}  // namespace

void checkLabels(Figures& figures) {
  checkType<float>(figures);
  checkType<double>(figures);
  checkType<__nv_bfloat16>(figures);
  checkType<__half>(figures);
}

}  // namespace argand::gpu_check
