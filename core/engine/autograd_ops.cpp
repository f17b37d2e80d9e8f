// SPDX-License-Identifier: Apache-2.0
#include "core/engine/autograd_ops.h"

#include "core/base/assert.h"
#include "core/engine/kernels.h"
#include "core/engine/step_bytes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/native/ConvUtils.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <numeric>
#include <type_traits>

namespace argand::engine::autograd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;

// One sample's voxels in channels-last memory, divided into pieces that do not
// depend on the number of threads.
struct Pieces {
  explicit Pieces(const at::Tensor& x)
      : samples(x.size(0)),
        channels(x.size(1)),
        voxels(x.size(2) * x.size(3) * x.size(4)),
        perSample((voxels + kMomentVoxels - 1) / kMomentVoxels) {}

  [[nodiscard]] std::int64_t count() const { return samples * perSample; }

  [[nodiscard]] std::int64_t sample(std::int64_t n) const { return n / perSample; }

  [[nodiscard]] std::int64_t size(std::int64_t n) const {
    return std::min(kMomentVoxels, voxels - n % perSample * kMomentVoxels);
  }

  [[nodiscard]] std::int64_t offset(std::int64_t n) const {
    return (sample(n) * voxels + n % perSample * kMomentVoxels) * channels;
  }

  std::int64_t samples;
  std::int64_t channels;
  std::int64_t voxels;
  std::int64_t perSample;
};

template <typename Body>
void dispatch(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) {
    body(float{});
  } else {
    ARGAND_ASSERT(x.scalar_type() == at::kDouble);
    body(double{});
  }
}

template <typename Body>
void forPieces(const Pieces& pieces, const Body& body) {
  at::parallel_for(0, pieces.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      body(n);
    }
  });
}

at::Tensor momentsOf(const at::Tensor& x) {
  const Pieces pieces(x);
  at::Tensor parts = at::empty({pieces.count(), pieces.channels, 2}, at::kDouble);
  at::Tensor joined = at::empty({pieces.samples, pieces.channels, 2}, at::kDouble);
  auto* const to = parts.mutable_data_ptr<double>();
  dispatch(x, [&](auto zero) {
    using T = decltype(zero);
    const T* from = x.const_data_ptr<T>();
    forPieces(pieces, [&](std::int64_t n) {
      kernels::statistics(
          from + pieces.offset(n), pieces.size(n), pieces.channels, to + n * pieces.channels * 2);
    });
  });
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 0; n < pieces.perSample; ++n) {
    sizes.push_back(pieces.size(n));
  }
  for (std::int64_t sample = 0; sample < pieces.samples; ++sample) {
    kernels::joinMoments(to + sample * pieces.perSample * pieces.channels * 2,
                         sizes.data(),
                         pieces.perSample,
                         pieces.channels,
                         joined.mutable_data_ptr<double>() + sample * pieces.channels * 2);
  }
  return joined;
}

at::Tensor scaledValue(const at::Tensor& x,
                       const at::Tensor& scale,
                       const at::Tensor& shift,
                       double slope) {
  const Pieces pieces(x);
  at::Tensor y = at::empty_like(x);
  dispatch(x, [&](auto zero) {
    using T = decltype(zero);
    const at::Tensor typedScale = scale.to(x.scalar_type()).contiguous();
    const at::Tensor typedShift = shift.to(x.scalar_type()).contiguous();
    const T* from = x.const_data_ptr<T>();
    T* to = y.mutable_data_ptr<T>();
    forPieces(pieces, [&](std::int64_t n) {
      kernels::Transform<T> transform;
      transform.scale = typedScale.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      transform.shift = typedShift.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      transform.activates = slope != 1.0;
      transform.slope = static_cast<T>(slope);
      kernels::transformVoxels(from + pieces.offset(n),
                               pieces.size(n),
                               pieces.channels,
                               to + pieces.offset(n),
                               pieces.channels,
                               transform);
    });
  });
  return y;
}

struct Moments : torch::autograd::Function<Moments> {
  static Variable forward(AutogradContext* context, const Variable& input) {
    const at::Tensor x = input.contiguous(kLast);
    at::Tensor joined = momentsOf(x);
    context->save_for_backward({x, joined});
    return joined;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    // d mean / dx = 1 / n, d deviations / dx = 2 (x - mean).
    const double voxels = static_cast<double>(x.size(2) * x.size(3) * x.size(4));
    const at::Tensor scale = gradients[0].select(2, 1) * 2.0;
    const at::Tensor shift = gradients[0].select(2, 0) / voxels - scale * saved[1].select(2, 0);
    return {scaledValue(x, scale, shift, 1.0)};
  }
};

struct Scaled : torch::autograd::Function<Scaled> {
  static Variable forward(AutogradContext* context,
                          const Variable& input,
                          const Variable& scale,
                          const Variable& shift,
                          double slope) {
    const at::Tensor x = input.contiguous(kLast);
    context->save_for_backward({x, scale, shift});
    context->saved_data["slope"] = slope;
    return scaledValue(x, scale, shift, slope);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor gradient = gradients[0].contiguous(kLast);
    const Pieces pieces(x);
    at::Tensor toInput = at::empty_like(x);
    at::Tensor sums = at::empty({pieces.count(), 2, pieces.channels}, at::kDouble);
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const at::Tensor scale = saved[1].to(x.scalar_type()).contiguous();
      const at::Tensor shift = saved[2].to(x.scalar_type()).contiguous();
      forPieces(pieces, [&](std::int64_t n) {
        kernels::Transform<T> transform;
        transform.scale = scale.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
        transform.shift = shift.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
        transform.activates = true;
        transform.slope = static_cast<T>(context->saved_data["slope"].toDouble());
        double* const both = sums.mutable_data_ptr<double>() + n * 2 * pieces.channels;
        kernels::transformGradient(x.const_data_ptr<T>() + pieces.offset(n),
                                   gradient.const_data_ptr<T>() + pieces.offset(n),
                                   pieces.size(n),
                                   pieces.channels,
                                   transform,
                                   toInput.mutable_data_ptr<T>() + pieces.offset(n),
                                   both,
                                   both + pieces.channels);
      });
    });
    const at::Tensor perSample =
        sums.view({pieces.samples, pieces.perSample, 2, pieces.channels}).sum(1);
    return {toInput, perSample.select(1, 0), perSample.select(1, 1), Variable()};
  }
};

struct OneDnnConvolution : torch::autograd::Function<OneDnnConvolution> {
  static Variable forward(AutogradContext* context,
                          const Variable& input,
                          const Variable& weight,
                          const std::optional<Variable>& bias,
                          const std::vector<std::int64_t>& padding,
                          const std::vector<std::int64_t>& stride,
                          const std::vector<std::int64_t>& dilation,
                          std::int64_t groups) {
    const at::Tensor x = input.contiguous(kLast);
    context->save_for_backward({x, weight});
    context->saved_data["padding"] = padding;
    context->saved_data["stride"] = stride;
    context->saved_data["dilation"] = dilation;
    context->saved_data["groups"] = groups;
    context->saved_data["bias"] = bias.has_value();
    return at::mkldnn_convolution(
               x, weight.contiguous(kLast), bias, padding, stride, dilation, groups)
        .contiguous(kLast);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    auto& data = context->saved_data;
    // at::convolution_backward would leave oneDNN for small inputs; the same
    // function for every instruction set is registered as this stub's default.
    const auto oneDnnBackward = decltype(at::native::mkldnn_convolution_backward_stub)::DEFAULT;
    auto [toInput, toWeight, toBias] = oneDnnBackward(
        saved[0],
        gradients[0].contiguous(kLast),
        saved[1].contiguous(kLast),
        data["padding"].toIntVector(),
        data["stride"].toIntVector(),
        data["dilation"].toIntVector(),
        data["groups"].toInt(),
        std::array<bool, 3>{
            context->needs_input_grad(0), context->needs_input_grad(1), data["bias"].toBool()});
    return {toInput, toWeight, toBias, Variable(), Variable(), Variable(), Variable()};
  }
};

}  // namespace

at::Tensor convolution(const at::Tensor& input,
                       const at::Tensor& weight,
                       const at::Tensor& bias,
                       const ConvOp& op,
                       std::int64_t paddingD) {
  const std::vector<std::int64_t> padding{paddingD, op.padding.h, op.padding.w};
  const std::vector<std::int64_t> stride{op.stride.d, op.stride.h, op.stride.w};
  const std::vector<std::int64_t> dilation{op.dilation.d, op.dilation.h, op.dilation.w};
  const std::optional<at::Tensor> given = bias.defined() ? std::optional(bias) : std::nullopt;
  if (input.scalar_type() == at::kFloat) {
    return OneDnnConvolution::apply(input, weight, given, padding, stride, dilation, op.groups);
  }
  return at::conv3d(input, weight, given, stride, padding, dilation, op.groups);
}

at::Tensor moments(const at::Tensor& input) {
  return Moments::apply(input);
}

at::Tensor scaled(const at::Tensor& input,
                  const at::Tensor& scale,
                  const at::Tensor& shift,
                  double slope) {
  return Scaled::apply(input, scale, shift, slope);
}

}  // namespace argand::engine::autograd
