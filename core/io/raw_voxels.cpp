// SPDX-License-Identifier: Apache-2.0
#include "core/io/raw_voxels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace argand::io {

namespace {

template <typename T>
T loaded(const std::byte* from, bool otherByteOrder) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), from, sizeof(T));
  if (otherByteOrder) {
    std::reverse(bytes.begin(), bytes.end());
  }
  return std::bit_cast<T>(bytes);
}

// Calls `visit` with each stored value in turn.
template <typename Source, typename Visit>
void forEach(const RawVoxels& raw, Visit&& visit) {
  const std::size_t count = raw.bytes.size() / sizeof(Source);
  const std::byte* from = raw.bytes.data();
  if (raw.otherByteOrder) {
    for (std::size_t n = 0; n < count; ++n, from += sizeof(Source)) {
      visit(loaded<Source>(from, true));
    }
    return;
  }
  for (std::size_t n = 0; n < count; ++n, from += sizeof(Source)) {
    visit(loaded<Source>(from, false));
  }
}

template <typename T, typename Source, typename Convert>
std::vector<T> converted(const RawVoxels& raw, Convert convert) {
  std::vector<T> voxels(raw.bytes.size() / sizeof(Source));
  T* to = voxels.data();
  forEach<Source>(raw, [&](Source stored) { *to++ = convert(stored); });
  return voxels;
}

template <typename T>
Volume::Buffer shared(std::vector<T> voxels) {
  return std::make_shared<const std::vector<T>>(std::move(voxels));
}

// Whole numbers stay whole under a whole slope and intercept.
bool keepsIntegers(const RawVoxels& raw) {
  constexpr double kLargest = 1 << 24;
  return raw.slope == std::trunc(raw.slope) && raw.intercept == std::trunc(raw.intercept) &&
         std::abs(raw.slope) <= kLargest && std::abs(raw.intercept) <= kLargest;
}

template <typename Source>
Result<Volume::Buffer> integersFrom(const RawVoxels& raw, const std::string& file) {
  Source smallest = std::numeric_limits<Source>::max();
  Source largest = std::numeric_limits<Source>::lowest();
  forEach<Source>(raw, [&](Source stored) {
    smallest = std::min(smallest, stored);
    largest = std::max(largest, stored);
  });
  // Long double holds every 64 bit integer exactly.
  const auto exact = [&](Source stored) {
    return static_cast<long double>(stored) * static_cast<long double>(raw.slope) +
           static_cast<long double>(raw.intercept);
  };
  const long double least = std::min(exact(smallest), exact(largest));
  const long double most = std::max(exact(smallest), exact(largest));
  // Where the results are known to have 16 bits, 64 are enough for all between.
  const auto slope = static_cast<std::int64_t>(raw.slope);
  const auto intercept = static_cast<std::int64_t>(raw.intercept);
  const auto small = [&](Source stored) {
    return static_cast<std::int64_t>(stored) * slope + intercept;
  };
  const bool storedUnsigned16 = std::is_same_v<Source, std::uint16_t> && least >= 0;
  if (least >= -32768 && most <= 32767 && !storedUnsigned16) {
    return shared(converted<std::int16_t, Source>(
        raw, [&](Source stored) { return static_cast<std::int16_t>(small(stored)); }));
  }
  if (least >= 0 && most <= 65535) {
    return shared(converted<std::uint16_t, Source>(
        raw, [&](Source stored) { return static_cast<std::uint16_t>(small(stored)); }));
  }
  bool exactInFloat = true;
  forEach<Source>(raw, [&](Source stored) {
    const long double value = exact(stored);
    exactInFloat = exactInFloat && static_cast<long double>(static_cast<float>(value)) == value;
  });
  if (exactInFloat) {
    return shared(converted<float, Source>(
        raw, [&](Source stored) { return static_cast<float>(exact(stored)); }));
  }
  return fail(
      ErrorCode::InputRefused,
      fmt::format("{} holds {} values from {} to {}, which neither 16 bit integers nor single "
                  "precision hold without loss.",
                  file,
                  toString(raw.type),
                  static_cast<double>(least),
                  static_cast<double>(most)));
}

template <typename Source>
Volume::Buffer realsFrom(const RawVoxels& raw,
                         double background,
                         const std::string& file,
                         Warnings& warnings) {
  const bool scaled = raw.slope != 1.0 || raw.intercept != 0.0;
  std::int64_t repaired = 0;
  auto voxels = converted<float, Source>(raw, [&](Source stored) {
    const auto v =
        static_cast<float>(scaled ? static_cast<double>(stored) * raw.slope + raw.intercept
                                  : static_cast<double>(stored));
    if (!std::isfinite(v)) {
      ++repaired;
      return static_cast<float>(background);
    }
    return v;
  });
  if (repaired > 0) {
    warnings.push_back({WarningCode::ValueRepaired,
                        fmt::format("{}: {} voxels are not finite numbers; they are set to {}.",
                                    file,
                                    repaired,
                                    background)});
  }
  return shared(std::move(voxels));
}

}  // namespace

std::string_view toString(RawType type) {
  switch (type) {
    case RawType::Int8:
      return "int8";
    case RawType::UInt8:
      return "uint8";
    case RawType::Int16:
      return "int16";
    case RawType::UInt16:
      return "uint16";
    case RawType::Int32:
      return "int32";
    case RawType::UInt32:
      return "uint32";
    case RawType::Int64:
      return "int64";
    case RawType::UInt64:
      return "uint64";
    case RawType::Float32:
      return "float32";
    case RawType::Float64:
      break;
  }
  return "float64";
}

std::int64_t bytesOf(RawType type) {
  return withType(type, [](auto* source) { return static_cast<std::int64_t>(sizeof(*source)); });
}

Result<Volume::Buffer> bufferFrom(const RawVoxels& raw,
                                  double background,
                                  const std::string& file,
                                  Warnings& warnings) {
  return withType(raw.type, [&](auto* source) -> Result<Volume::Buffer> {
    using Source = std::remove_pointer_t<decltype(source)>;
    if constexpr (std::is_integral_v<Source>) {
      if (keepsIntegers(raw)) {
        return integersFrom<Source>(raw, file);
      }
    }
    return realsFrom<Source>(raw, background, file, warnings);
  });
}

Result<std::vector<LabelValue>> labelsFrom(const RawVoxels& raw,
                                           const Size3& size,
                                           const std::string& file) {
  constexpr double kTolerance = 1e-3;
  return withType(raw.type, [&](auto* source) -> Result<std::vector<LabelValue>> {
    using Source = std::remove_pointer_t<decltype(source)>;
    std::int64_t at = 0;
    std::int64_t offending = -1;
    double value = 0.0;
    const bool scaled = raw.slope != 1.0 || raw.intercept != 0.0;
    auto labels = converted<LabelValue, Source>(raw, [&](Source stored) -> LabelValue {
      if constexpr (std::is_integral_v<Source>) {
        if (!scaled && std::in_range<LabelValue>(stored)) {
          ++at;
          return static_cast<LabelValue>(stored);
        }
      }
      const double v = static_cast<double>(stored) * raw.slope + raw.intercept;
      const double whole = std::round(v);
      const bool label = std::abs(v - whole) <= kTolerance && whole >= 0.0 && whole <= 65535.0;
      if (!label && offending < 0) {
        offending = at;
        value = v;
      }
      ++at;
      return label ? static_cast<LabelValue>(whole) : LabelValue{0};
    });
    if (offending >= 0) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} is not a label map: voxel ({}, {}, {}) holds the value {}, and "
                              "labels are whole numbers from 0 to 65535.",
                              file,
                              offending % size.i,
                              offending / size.i % size.j,
                              offending / (size.i * size.j) % size.k,
                              value));
    }
    return labels;
  });
}

}  // namespace argand::io
