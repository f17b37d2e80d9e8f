// SPDX-License-Identifier: Apache-2.0
#include "core/io/raw_voxels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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

// Calls `visitor` with a null pointer to the C++ type of `type`.
template <typename Visitor>
auto withType(RawType type, Visitor&& visitor) {
  switch (type) {
    case RawType::Int8:
      return visitor(static_cast<std::int8_t*>(nullptr));
    case RawType::UInt8:
      return visitor(static_cast<std::uint8_t*>(nullptr));
    case RawType::Int16:
      return visitor(static_cast<std::int16_t*>(nullptr));
    case RawType::UInt16:
      return visitor(static_cast<std::uint16_t*>(nullptr));
    case RawType::Int32:
      return visitor(static_cast<std::int32_t*>(nullptr));
    case RawType::UInt32:
      return visitor(static_cast<std::uint32_t*>(nullptr));
    case RawType::Int64:
      return visitor(static_cast<std::int64_t*>(nullptr));
    case RawType::UInt64:
      return visitor(static_cast<std::uint64_t*>(nullptr));
    case RawType::Float32:
      return visitor(static_cast<float*>(nullptr));
    case RawType::Float64:
      break;
  }
  return visitor(static_cast<double*>(nullptr));
}

template <typename T, typename Source, typename Convert>
std::vector<T> converted(const RawVoxels& raw, Convert convert) {
  const std::size_t count = raw.bytes.size() / sizeof(Source);
  std::vector<T> voxels(count);
  for (std::size_t n = 0; n < count; ++n) {
    voxels[n] = convert(loaded<Source>(raw.bytes.data() + n * sizeof(Source), raw.otherByteOrder));
  }
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
  // Long double holds every 64 bit integer exactly.
  const auto value = [&](Source stored) {
    return static_cast<long double>(stored) * static_cast<long double>(raw.slope) +
           static_cast<long double>(raw.intercept);
  };
  long double least = 0;
  long double most = 0;
  bool first = true;
  bool exactInFloat = true;
  const std::size_t count = raw.bytes.size() / sizeof(Source);
  for (std::size_t n = 0; n < count; ++n) {
    const auto v = value(loaded<Source>(raw.bytes.data() + n * sizeof(Source), raw.otherByteOrder));
    least = first ? v : std::min(least, v);
    most = first ? v : std::max(most, v);
    first = false;
    exactInFloat = exactInFloat && static_cast<long double>(static_cast<float>(v)) == v;
  }
  const bool storedUnsigned16 = std::is_same_v<Source, std::uint16_t> && least >= 0;
  if (least >= -32768 && most <= 32767 && !storedUnsigned16) {
    return shared(converted<std::int16_t, Source>(
        raw, [&](Source stored) { return static_cast<std::int16_t>(value(stored)); }));
  }
  if (least >= 0 && most <= 65535) {
    return shared(converted<std::uint16_t, Source>(
        raw, [&](Source stored) { return static_cast<std::uint16_t>(value(stored)); }));
  }
  if (exactInFloat) {
    return shared(converted<float, Source>(
        raw, [&](Source stored) { return static_cast<float>(value(stored)); }));
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

Result<std::vector<LabelValue>> labelsFrom(const RawVoxels& raw, const std::string& file) {
  return withType(raw.type, [&](auto* source) -> Result<std::vector<LabelValue>> {
    using Source = std::remove_pointer_t<decltype(source)>;
    std::optional<double> offending;
    auto labels = converted<LabelValue, Source>(raw, [&](Source stored) -> LabelValue {
      const double v = static_cast<double>(stored) * raw.slope + raw.intercept;
      if (!(v >= 0.0 && v <= 65535.0 && v == std::trunc(v))) {
        offending = offending.value_or(v);
        return 0;
      }
      return static_cast<LabelValue>(v);
    });
    if (offending) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} is not a label map: it holds the value {}, and labels are whole "
                              "numbers from 0 to 65535.",
                              file,
                              *offending));
    }
    return labels;
  });
}

}  // namespace argand::io
