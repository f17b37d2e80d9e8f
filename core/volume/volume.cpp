// SPDX-License-Identifier: Apache-2.0
#include "core/volume/volume.h"

#include "core/base/assert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

namespace argand {

namespace {

constexpr std::size_t kBins = 65536;  // of the upper and of the lower 16 bits
constexpr double kTail = 0.001;       // outside the 0.1 and 99.9 percentiles

// Whole numbers of 32 bits in the order of the values, 16 bits wide for 16-bit types. A
// float's bits are ordered as sign and magnitude (IEEE 754).
template <typename T>
std::uint32_t keyOf(T value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(value) -
                                      static_cast<std::int32_t>(std::numeric_limits<T>::min()));
  } else {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  }
}

template <typename T>
double valueOf(std::uint32_t key) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<double>(static_cast<std::int64_t>(key) + std::numeric_limits<T>::min());
  } else {
    const std::uint32_t bits = (key & 0x80000000U) != 0 ? key & 0x7FFFFFFFU : ~key;
    return static_cast<double>(std::bit_cast<float>(bits));
  }
}

template <typename T>
bool isFinite(T value) {
  if constexpr (std::is_integral_v<T>) {
    return true;
  } else {
    return (std::bit_cast<std::uint32_t>(value) & 0x7F800000U) != 0x7F800000U;
  }
}

using Histogram = std::vector<std::int64_t>;

// The bin in which the `rank`-th of the values lies (from 0), which becomes its rank there.
std::uint32_t binOf(const Histogram& histogram, std::int64_t& rank) {
  std::uint32_t bin = 0;
  while (rank >= histogram[bin]) {
    rank -= histogram[bin];
    ++bin;
  }
  return bin;
}

// Counts the lower 16 bits of the keys whose upper ones are `upper`.
template <typename T>
Histogram lowerHistogram(std::span<const T> voxels, std::uint32_t upper) {
  Histogram histogram(kBins, 0);
  for (const T value : voxels) {
    if (const std::uint32_t key = keyOf(value); key >> 16U == upper && isFinite(value)) {
      ++histogram[key & 0xFFFFU];
    }
  }
  return histogram;
}

// The percentiles are values of voxels, found exactly: by the upper half of a float's
// bits, and then among the voxels that share it by the lower. A few voxels of 1e38 leave
// them as they are, which no histogram of equal bins over the whole range would.
template <typename T>
Volume::Range rangeOf(std::span<const T> voxels) {
  constexpr unsigned kShift = std::is_integral_v<T> ? 0U : 16U;
  Histogram histogram(kBins, 0);
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t most = 0;
  std::int64_t finite = 0;
  for (const T value : voxels) {
    if (isFinite(value)) {
      const std::uint32_t key = keyOf(value);
      least = std::min(least, key);
      most = std::max(most, key);
      ++histogram[key >> kShift];
      ++finite;
    }
  }
  if (finite == 0) {
    return {};
  }
  const auto tail = static_cast<std::int64_t>(kTail * static_cast<double>(finite));
  std::int64_t lowRank = tail;
  std::int64_t highRank = finite - 1 - tail;
  std::uint32_t low = binOf(histogram, lowRank);
  std::uint32_t high = binOf(histogram, highRank);
  if constexpr (kShift > 0) {
    const Histogram ofLow = lowerHistogram(voxels, low);
    const Histogram ofHigh = high == low ? ofLow : lowerHistogram(voxels, high);
    low = (low << kShift) | binOf(ofLow, lowRank);
    high = (high << kShift) | binOf(ofHigh, highRank);
  }
  return {valueOf<T>(least), valueOf<T>(most), valueOf<T>(low), valueOf<T>(high)};
}

// What `source` still says of the slices [begin, end) of k.
void cutSlices(std::optional<SourceSeries>& source,
               std::int64_t slices,
               std::int64_t begin,
               std::int64_t end) {
  if (source && static_cast<std::int64_t>(source->slices.size()) == slices) {
    source->slices = {source->slices.begin() + begin, source->slices.begin() + end};
  }
}

void reorderSlices(std::optional<SourceSeries>& source, const AxisOrder& order) {
  if (!source) {
    return;
  }
  if (order.source[2] != 2) {
    source->slices.clear();
  } else if (order.flipped[2]) {
    std::reverse(source->slices.begin(), source->slices.end());
  }
  AxisOrder alongSlices;
  alongSlices.flipped[2] = order.flipped[2];
  source->framesAreSlices = source->framesAreSlices && order == alongSlices;
}

template <typename T>
std::vector<T> croppedVoxels(std::span<const T> voxels, const Size3& size, const Box& box) {
  const Size3 extent = box.size();
  std::vector<T> result(static_cast<std::size_t>(extent.voxels()));
  T* to = result.data();
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
      const T* from = voxels.data() + (k * size.j + j) * size.i + box.begin.i;
      to = std::copy(from, from + extent.i, to);
    }
  }
  return result;
}

template <typename T>
std::vector<T> reorderedVoxels(std::span<const T> voxels,
                               const Size3& size,
                               const AxisOrder& order) {
  const std::array<std::int64_t, 3> strides{1, size.i, size.i * size.j};
  std::int64_t first = 0;
  std::array<std::int64_t, 3> step{};
  Size3 to;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto source = static_cast<std::size_t>(order.source[axis]);
    const std::int64_t side = size[order.source[axis]];
    to[static_cast<int>(axis)] = side;
    first += order.flipped[axis] ? (side - 1) * strides[source] : 0;
    step[axis] = order.flipped[axis] ? -strides[source] : strides[source];
  }
  std::vector<T> result(voxels.size());
  T* out = result.data();
  for (std::int64_t k = 0; k < to.k; ++k) {
    for (std::int64_t j = 0; j < to.j; ++j) {
      std::int64_t at = first + k * step[2] + j * step[1];
      for (std::int64_t i = 0; i < to.i; ++i, at += step[0]) {
        *out++ = voxels[static_cast<std::size_t>(at)];
      }
    }
  }
  return result;
}

}  // namespace

struct Volume::Lazy {
  std::once_flag once;
  Range range;
};

std::string_view toString(Modality modality) {
  switch (modality) {
    case Modality::Unknown:
      return "unknown";
    case Modality::Ct:
      return "CT";
    case Modality::Mr:
      return "MR";
    case Modality::Pet:
      return "PT";
    case Modality::Other:
      return "OT";
  }
  return "unknown";
}

Modality modalityFromCode(std::string_view dicomCode) {
  if (dicomCode == "CT") {
    return Modality::Ct;
  }
  if (dicomCode == "MR") {
    return Modality::Mr;
  }
  if (dicomCode == "PT") {
    return Modality::Pet;
  }
  return dicomCode.empty() || dicomCode == "unknown" ? Modality::Unknown : Modality::Other;
}

Volume::Volume(Geometry geometry, Buffer voxels)
    : m_geometry(std::move(geometry)),
      m_voxels(std::move(voxels)),
      m_lazy(std::make_shared<Lazy>()) {}

Result<Volume> Volume::create(Geometry geometry, Buffer voxels) {
  ARGAND_TRY(geometry.check());
  const bool present = std::visit([](const auto& held) { return held != nullptr; }, voxels);
  ARGAND_ASSERT(present);
  const auto count = std::visit([](const auto& held) { return held->size(); }, voxels);
  if (static_cast<std::int64_t>(count) != geometry.size.voxels()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The image holds {} voxels where its size of {} x {} x {} needs {}.",
                            count,
                            geometry.size.i,
                            geometry.size.j,
                            geometry.size.k,
                            geometry.size.voxels()));
  }
  return Volume(std::move(geometry), std::move(voxels));
}

double Volume::at(const Index3& index) const {
  ARGAND_ASSERT(m_geometry.box().contains(index));
  const Size3& size = m_geometry.size;
  const auto offset = static_cast<std::size_t>((index.k * size.j + index.j) * size.i + index.i);
  return visit([&](auto voxels) { return static_cast<double>(voxels[offset]); });
}

std::int64_t Volume::bytes() const {
  return visit([](auto voxels) { return static_cast<std::int64_t>(voxels.size_bytes()); });
}

const Volume::Range& Volume::range() const {
  std::call_once(m_lazy->once,
                 [&] { m_lazy->range = visit([](auto voxels) { return rangeOf(voxels); }); });
  return m_lazy->range;
}

WindowLevel Volume::defaultWindow() const {
  if (!windows.empty()) {
    return windows.front();
  }
  if (modality == Modality::Ct) {
    return {400.0, 40.0, {}};
  }
  const Range& values = range();
  const double width = values.high - values.low;
  return {width > 0.0 ? width : 1.0, (values.low + values.high) / 2.0, {}};
}

Volume cropped(const Volume& volume, const Box& box) {
  auto made = volume.visit([&](auto voxels) {
    return Volume::create(cropped(volume.geometry(), box),
                          croppedVoxels(voxels, volume.geometry().size, box));
  });
  ARGAND_ASSERT(made.has_value());
  Volume result = std::move(*made);
  result.modality = volume.modality;
  result.description = volume.description;
  result.unit = volume.unit;
  result.windows = volume.windows;
  result.backgroundValue = volume.backgroundValue;
  result.source = volume.source;
  cutSlices(result.source, volume.geometry().size.k, box.begin.k, box.end.k);
  return result;
}

Volume reordered(const Volume& volume, const AxisOrder& order) {
  if (order.identity()) {
    return volume;
  }
  auto made = volume.visit([&](auto voxels) {
    return Volume::create(reordered(volume.geometry(), order),
                          reorderedVoxels(voxels, volume.geometry().size, order));
  });
  ARGAND_ASSERT(made.has_value());
  Volume result = std::move(*made);
  result.modality = volume.modality;
  result.description = volume.description;
  result.unit = volume.unit;
  result.windows = volume.windows;
  result.backgroundValue = volume.backgroundValue;
  result.source = volume.source;
  reorderSlices(result.source, order);
  return result;
}

}  // namespace argand
