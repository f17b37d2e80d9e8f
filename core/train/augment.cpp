// SPDX-License-Identifier: Apache-2.0
#include "core/train/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace argand::train {

namespace {

// The ranges of LAMP's recipe (Zhu et al., MICCAI 2020), its shear halved.
constexpr double kRotation = 15.0 * std::numbers::pi / 180.0;
constexpr double kShear = 5.0 * std::numbers::pi / 180.0;
constexpr double kScale = 0.2;
constexpr double kUnevenScale = 0.05;  // of each axis, on top
constexpr double kShift = 0.05;        // of the field

Affine rotation(int axis, double angle) {
  const int a = (axis + 1) % 3;
  const int b = (axis + 2) % 3;
  Affine result;
  const auto at = [&](int row, int column) -> double& {
    return result.linear[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
  };
  at(a, a) = std::cos(angle);
  at(a, b) = -std::sin(angle);
  at(b, a) = std::sin(angle);
  at(b, b) = std::cos(angle);
  return result;
}

Affine scaling(const Vec3& factors) {
  Affine result;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    result.linear[axis][axis] = factors[static_cast<int>(axis)];
  }
  return result;
}

Affine shear(CounterRandom& random) {
  Affine result;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = row + 1; column < 3; ++column) {
      result.linear[row][column] = std::tan(random.uniform(-kShear, kShear));
    }
  }
  return result;
}

// Clamped neighbours along an axis and the share of the upper one.
struct Between {
  std::int64_t low = 0;
  std::int64_t high = 0;
  float share = 0.0F;
};

Between between(double at, std::int64_t size) {
  const double clamped = std::clamp(at, 0.0, static_cast<double>(size - 1));
  const auto low = static_cast<std::int64_t>(clamped);
  return {low, std::min(low + 1, size - 1), static_cast<float>(clamped - static_cast<double>(low))};
}

float linear(const float* image, const Size3& size, const Vec3& at) {
  const Between i = between(at.x, size.i);
  const Between j = between(at.y, size.j);
  const Between k = between(at.z, size.k);
  const auto along = [&](std::int64_t slice, std::int64_t row) {
    const float* line = image + (slice * size.j + row) * size.i;
    return line[i.low] + i.share * (line[i.high] - line[i.low]);
  };
  const auto across = [&](std::int64_t slice) {
    const float low = along(slice, j.low);
    return low + j.share * (along(slice, j.high) - low);
  };
  const float low = across(k.low);
  return low + k.share * (across(k.high) - low);
}

LabelValue nearest(const LabelValue* labels, const Size3& size, const Vec3& at) {
  const auto i = static_cast<std::int64_t>(std::floor(at.x + 0.5));
  const auto j = static_cast<std::int64_t>(std::floor(at.y + 0.5));
  const auto k = static_cast<std::int64_t>(std::floor(at.z + 0.5));
  const bool inside = i >= 0 && j >= 0 && k >= 0 && i < size.i && j < size.j && k < size.k;
  return inside ? labels[(k * size.j + j) * size.i + i] : LabelValue{0};
}

}  // namespace

Affine randomAffine(const Size3& size,
                    const Vec3& spacingMm,
                    std::optional<int> mirrorAxis,
                    CounterRandom& random) {
  // In millimetres about the middle of the field, then in voxels.
  Affine linearPart;
  for (int axis = 0; axis < 3; ++axis) {
    linearPart = linearPart * rotation(axis, random.uniform(-kRotation, kRotation));
  }
  linearPart = linearPart * shear(random);
  const double scale = random.uniform(-kScale, kScale);
  Vec3 factors;
  Vec3 shift;
  for (int axis = 0; axis < 3; ++axis) {
    factors[axis] = std::exp(scale + random.uniform(-kUnevenScale, kUnevenScale));
    shift[axis] = random.uniform(-kShift, kShift) * static_cast<double>(size[axis]);
  }
  if (mirrorAxis && random.chance(0.5)) {
    factors[*mirrorAxis] = -factors[*mirrorAxis];
  }
  linearPart = linearPart * scaling(factors);
  const Vec3 perMm{1.0 / spacingMm.x, 1.0 / spacingMm.y, 1.0 / spacingMm.z};
  Affine result = scaling(perMm) * linearPart * scaling(spacingMm);
  const Vec3 middle{static_cast<double>(size.i - 1) / 2.0,
                    static_cast<double>(size.j - 1) / 2.0,
                    static_cast<double>(size.k - 1) / 2.0};
  result.offset = middle + shift - result.applyLinear(middle);
  return result;
}

Sample transformed(const std::vector<float>& image,
                   const std::vector<LabelValue>& labels,
                   const Size3& size,
                   const Affine& sourceFromResult) {
  Sample sample{size, std::vector<float>(image.size()), std::vector<LabelValue>(labels.size())};
  const Vec3 step = sourceFromResult.column(0);
  std::size_t n = 0;
  for (std::int64_t k = 0; k < size.k; ++k) {
    for (std::int64_t j = 0; j < size.j; ++j) {
      const Vec3 start =
          sourceFromResult.apply({0.0, static_cast<double>(j), static_cast<double>(k)});
      for (std::int64_t i = 0; i < size.i; ++i, ++n) {
        const auto along = static_cast<double>(i);
        const Vec3 at{start.x + along * step.x, start.y + along * step.y, start.z + along * step.z};
        sample.image[n] = linear(image.data(), size, at);
        sample.labels[n] = nearest(labels.data(), size, at);
      }
    }
  }
  return sample;
}

void changeIntensities(std::vector<float>& image, CounterRandom& random) {
  const auto gain = static_cast<float>(random.uniform(0.8, 1.25));
  const auto offset = static_cast<float>(0.15 * random.normal());
  const bool bends = random.chance(0.4);
  const double gamma = std::exp(random.uniform(-0.4, 0.4));
  const bool noisy = random.chance(0.5);
  const double deviation = random.uniform(0.0, 0.15);
  const auto [lowest, highest] = std::minmax_element(image.begin(), image.end());
  const float low = *lowest;
  const float range = *highest - low;
  for (float& voxel : image) {
    if (bends && range > 0.0F) {
      voxel = low + range * static_cast<float>(std::pow((voxel - low) / range, gamma));
    }
    voxel = voxel * gain + offset;
    if (noisy) {
      voxel += static_cast<float>(deviation * random.normal());
    }
  }
}

}  // namespace argand::train
