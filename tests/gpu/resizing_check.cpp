// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/check.h"

#include <array>

namespace argand::gpu_check {
namespace {

using engine::cuda::PlaceTaps;
using engine::cuda::placeTaps;
using engine::cuda::Pool;
using engine::cuda::pool;
using engine::cuda::Size;
using engine::cuda::Upsample;
using engine::cuda::upsample;

using Triple = std::array<std::int64_t, 3>;

Size sizeOf(const Triple& triple) {
  return {triple[0], triple[1], triple[2]};
}

std::int64_t volume(const Triple& triple) {
  return triple[0] * triple[1] * triple[2];
}

// Calls body(d, h, w, index) for every voxel, index counting up.
template <typename Body>
void forEach(const Triple& size, const Body& body) {
  std::int64_t index = 0;
  for (std::int64_t d = 0; d < size[0]; ++d) {
    for (std::int64_t h = 0; h < size[1]; ++h) {
      for (std::int64_t w = 0; w < size[2]; ++w) {
        body(Triple{d, h, w}, index++);
      }
    }
  }
}

// Input rows [begin, end) as the kernels get them: those alone are on the device.
template <typename T>
DeviceArray<T> rowsOf(const std::vector<T>& values,
                      std::int64_t row,
                      std::int64_t begin,
                      std::int64_t end) {
  return DeviceArray<T>(std::vector<T>(values.begin() + begin * row, values.begin() + end * row));
}

template <typename T>
double worstOf(const std::vector<double>& wanted, std::int64_t offset, const std::vector<T>& got) {
  double worst = 0.0;
  for (std::size_t n = 0; n < got.size(); ++n) {
    worst =
        std::max(worst, errorOf(toDouble(got[n]), wanted[n + static_cast<std::size_t>(offset)]));
  }
  return worst;
}

struct TapsCase {
  std::int64_t channels;
  Triple kernel;
  Triple stride;
  Triple padding;
  Triple outputPadding;
};

template <typename T>
double tapsError(const TapsCase& c) {
  const Triple in{5, 4, 3};
  Triple out{};
  for (std::size_t a = 0; a < 3; ++a) {
    out[a] = (in[a] - 1) * c.stride[a] - 2 * c.padding[a] + c.kernel[a] + c.outputPadding[a];
  }
  const std::int64_t taps = volume(c.kernel);
  const std::vector<T> products = randomValues<T>(volume(in) * taps * c.channels, 1);
  const std::vector<T> bias = randomValues<T>(c.channels, 2);
  // Scattered from the inputs, where the kernel gathers for the outputs.
  std::vector<double> wanted(static_cast<std::size_t>(volume(out) * c.channels));
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    wanted[n] = toDouble(bias[n % static_cast<std::size_t>(c.channels)]);
  }
  forEach(in, [&](const Triple& from, std::int64_t voxel) {
    forEach(c.kernel, [&](const Triple& tap, std::int64_t tapIndex) {
      Triple to{};
      bool inside = true;
      for (std::size_t a = 0; a < 3; ++a) {
        to[a] = from[a] * c.stride[a] - c.padding[a] + tap[a];
        inside = inside && to[a] >= 0 && to[a] < out[a];
      }
      for (std::int64_t k = 0; inside && k < c.channels; ++k) {
        const std::int64_t at = ((to[0] * out[1] + to[1]) * out[2] + to[2]) * c.channels + k;
        wanted[static_cast<std::size_t>(at)] += toDouble(
            products[static_cast<std::size_t>((voxel * taps + tapIndex) * c.channels + k)]);
      }
    });
  });
  // Output rows from the middle on need input rows from the middle on, and no others.
  const std::int64_t first = out[0] / 2;
  const std::int64_t reach = first + c.padding[0] - c.kernel[0] + 1;
  const std::int64_t from = std::max<std::int64_t>(0, (reach + c.stride[0] - 1) / c.stride[0]);
  const std::int64_t outRow = out[1] * out[2] * c.channels;
  const DeviceArray<T> rows = rowsOf(products, in[1] * in[2] * taps * c.channels, from, in[0]);
  const DeviceArray<T> biases(bias);
  const DeviceArray<T> result(static_cast<std::size_t>((out[0] - first) * outRow));
  PlaceTaps args;
  args.type = Stored<T>::kScalar;
  args.products = {rows.data(), from, in[0] - from, sizeOf(in)};
  args.kernel = sizeOf(c.kernel);
  args.stride = sizeOf(c.stride);
  args.padding = sizeOf(c.padding);
  args.channels = c.channels;
  args.bias = biases.data();
  args.firstRow = first;
  args.rowCount = out[0] - first;
  args.outHeight = out[1];
  args.outWidth = out[2];
  args.out = result.data();
  must(placeTaps(args, nullptr));
  const double error = worstOf(wanted, first * outRow, result.values());
  args.products.firstRow = in[0];  // rows that are not at hand are refused
  args.products.rowCount = 0;
  return placeTaps(args, nullptr) == cudaErrorInvalidValue ? error : INFINITY;
}

struct PoolCase {
  std::int64_t channels;
  bool average;
  Triple kernel;
  Triple stride;
  Triple padding;
};

template <typename T>
double poolError(const PoolCase& c) {
  const Triple in{9, 7, 8};
  Triple out{};
  for (std::size_t a = 0; a < 3; ++a) {
    out[a] = (in[a] + 2 * c.padding[a] - c.kernel[a]) / c.stride[a] + 1;
  }
  const std::vector<T> values = randomValues<T>(volume(in) * c.channels, 3, -2.0);
  std::vector<double> wanted(static_cast<std::size_t>(volume(out) * c.channels));
  forEach(out, [&](const Triple& to, std::int64_t voxel) {
    for (std::int64_t k = 0; k < c.channels; ++k) {
      double sum = 0.0;
      double highest = -INFINITY;
      forEach(c.kernel, [&](const Triple& tap, std::int64_t) {
        Triple from{};
        bool inside = true;
        for (std::size_t a = 0; a < 3; ++a) {
          from[a] = to[a] * c.stride[a] - c.padding[a] + tap[a];
          inside = inside && from[a] >= 0 && from[a] < in[a];
        }
        if (inside) {
          const std::int64_t at = (from[0] * in[1] + from[1]) * in[2] + from[2];
          const double x = toDouble(values[static_cast<std::size_t>(at * c.channels + k)]);
          sum += x;
          highest = std::max(highest, x);
        }
      });
      wanted[static_cast<std::size_t>(voxel * c.channels + k)] =
          c.average ? sum / static_cast<double>(volume(c.kernel)) : highest;
    }
  });
  const std::int64_t first = 1;
  const std::int64_t from = std::max<std::int64_t>(0, first * c.stride[0] - c.padding[0]);
  const std::int64_t outRow = out[1] * out[2] * c.channels;
  const DeviceArray<T> rows = rowsOf(values, in[1] * in[2] * c.channels, from, in[0]);
  const DeviceArray<T> result(static_cast<std::size_t>((out[0] - first) * outRow));
  Pool args;
  args.type = Stored<T>::kScalar;
  args.average = c.average;
  args.in = {rows.data(), from, in[0] - from, sizeOf(in)};
  args.kernel = sizeOf(c.kernel);
  args.stride = sizeOf(c.stride);
  args.padding = sizeOf(c.padding);
  args.channels = c.channels;
  args.firstRow = first;
  args.rowCount = out[0] - first;
  args.outHeight = out[1];
  args.outWidth = out[2];
  args.out = result.data();
  must(pool(args, nullptr));
  const double error = worstOf(wanted, first * outRow, result.values());
  args.in.rowCount -= 3;
  return pool(args, nullptr) == cudaErrorInvalidValue ? error : INFINITY;
}

template <typename T>
double upsampleError(std::int64_t channels, bool trilinear, const Triple& factor) {
  const Triple in{5, 3, 4};
  const Triple out{in[0] * factor[0], in[1] * factor[1], in[2] * factor[2]};
  const std::vector<T> values = randomValues<T>(volume(in) * channels, 4);
  // What an output takes along one axis: weights of the inputs.
  const auto weightOf = [&](std::size_t axis, std::int64_t output, std::int64_t input) {
    if (!trilinear) {
      return output / factor[axis] == input ? 1.0 : 0.0;
    }
    const double at =
        std::clamp((static_cast<double>(output) + 0.5) / static_cast<double>(factor[axis]) - 0.5,
                   0.0,
                   static_cast<double>(in[axis] - 1));
    return std::max(0.0, 1.0 - std::abs(at - static_cast<double>(input)));
  };
  std::vector<double> wanted(static_cast<std::size_t>(volume(out) * channels));
  forEach(out, [&](const Triple& to, std::int64_t voxel) {
    forEach(in, [&](const Triple& from, std::int64_t at) {
      const double weight =
          weightOf(0, to[0], from[0]) * weightOf(1, to[1], from[1]) * weightOf(2, to[2], from[2]);
      for (std::int64_t k = 0; k < channels; ++k) {
        wanted[static_cast<std::size_t>(voxel * channels + k)] +=
            weight * toDouble(values[static_cast<std::size_t>(at * channels + k)]);
      }
    });
  });
  const std::int64_t first = factor[0];  // from the second input row on
  const std::int64_t from = trilinear && factor[0] > 1 ? 0 : 1;
  const std::int64_t outRow = out[1] * out[2] * channels;
  const DeviceArray<T> rows = rowsOf(values, in[1] * in[2] * channels, from, in[0]);
  const DeviceArray<T> result(static_cast<std::size_t>((out[0] - first) * outRow));
  Upsample args;
  args.type = Stored<T>::kScalar;
  args.trilinear = trilinear;
  args.in = {rows.data(), from, in[0] - from, sizeOf(in)};
  args.factor = sizeOf(factor);
  args.channels = channels;
  args.firstRow = first;
  args.rowCount = out[0] - first;
  args.out = result.data();
  must(upsample(args, nullptr));
  const double error = worstOf(wanted, first * outRow, result.values());
  args.in.rowCount -= 1;
  return upsample(args, nullptr) == cudaErrorInvalidValue ? error : INFINITY;
}

// The last up-convolution of LAMP's U-Net.
template <typename T>
double tapsSpeed() {
  constexpr std::int64_t kChannels = 32;
  const Triple in{8, 160, 128};
  if (kOnHost) {
    return 0.0;
  }
  const std::int64_t elements = volume(in) * 8 * kChannels;
  const DeviceArray<T> products(randomValues<T>(elements, 1));
  const DeviceArray<T> out(static_cast<std::size_t>(elements));
  PlaceTaps args;
  args.type = Stored<T>::kScalar;
  args.products = {products.data(), 0, in[0], sizeOf(in)};
  args.kernel = {2, 2, 2};
  args.stride = {2, 2, 2};
  args.padding = {0, 0, 0};
  args.channels = kChannels;
  args.rowCount = 2 * in[0];
  args.outHeight = 2 * in[1];
  args.outWidth = 2 * in[2];
  args.out = out.data();
  return gigabytesPerSecond(2.0 * static_cast<double>(elements) * sizeof(T),
                            [&] { return placeTaps(args, nullptr); });
}

template <typename T>
void checkType(Figures& figures) {
  const std::string name = Stored<T>::kName;
  const double limit = Stored<T>::kLimit;
  const TapsCase taps[] = {
      {16, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {0, 0, 0}},
      {3, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {0, 0, 0}},
      {8, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}},
      {5, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}},
      {264, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {0, 0, 0}},
  };
  double worst = 0.0;
  for (const TapsCase& c : taps) {
    worst = std::max(worst, tapsError<T>(c));
  }
  figures.add("taps of a transposed convolution " + name, worst, limit, tapsSpeed<T>());
  const PoolCase pools[] = {
      {16, false, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}},
      {3, false, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}},
      {16, true, {3, 3, 3}, {1, 2, 2}, {1, 1, 1}},
      {5, true, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}},
  };
  worst = 0.0;
  for (const PoolCase& c : pools) {
    worst = std::max(worst, poolError<T>(c));
  }
  figures.add("pooling " + name + ": maximum and average", worst, limit);
  worst = 0.0;
  for (const bool trilinear : {true, false}) {
    worst = std::max({worst,
                      upsampleError<T>(16, trilinear, {2, 2, 2}),
                      upsampleError<T>(3, trilinear, {3, 2, 1}),
                      upsampleError<T>(8, trilinear, {1, 2, 4})});
  }
  figures.add("upsampling " + name + ": trilinear and nearest", worst, limit);
}

}  // namespace

void checkResizing(Figures& figures) {
  checkType<float>(figures);
  checkType<double>(figures);
  checkType<__nv_bfloat16>(figures);
  checkType<__half>(figures);
}

}  // namespace argand::gpu_check
