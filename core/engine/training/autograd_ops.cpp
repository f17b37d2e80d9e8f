// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/autograd_ops.h"

#include "core/engine/training/placement.h"

#include <ATen/ATen.h>
#include <ATen/native/ConvUtils.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <optional>

namespace argand::engine::autograd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;

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

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
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

// Output voxels of the taps of one input row, (height, width, tap d, tap h, tap
// w, channel), in the order of the product.
at::Tensor tapsOfRow(const at::Tensor& output,
                     std::int64_t sample,
                     std::int64_t row,
                     const Extent& k) {
  const std::int64_t height = output.size(3) / k.h;
  const std::int64_t width = output.size(4) / k.w;
  return output[sample]
      .narrow(1, row * k.d, k.d)
      .permute({2, 3, 1, 0})  // height, width, depth, channel
      .reshape({height, k.h, width, k.w, k.d, output.size(1)})
      .permute({0, 2, 4, 1, 3, 5});
}

// Kernels that tile the output.
struct TiledTransposed : torch::autograd::Function<TiledTransposed> {
  // (in, taps * out), taps as tapsOfRow has them.
  static at::Tensor matrixOf(const at::Tensor& weight) {
    return weight.permute({0, 2, 3, 4, 1}).reshape({weight.size(0), -1});
  }

  // (voxels, in) of one input row.
  static at::Tensor rowOf(const at::Tensor& x, std::int64_t sample, std::int64_t row) {
    return x[sample].select(1, row).permute({1, 2, 0}).reshape({-1, x.size(1)});
  }

  static Variable forward(AutogradContext* context,
                          const Variable& input,
                          const Variable& weight,
                          const std::optional<Variable>& bias) {
    const at::Tensor x = input.contiguous(kLast);
    const Extent k{weight.size(2), weight.size(3), weight.size(4)};
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    const at::Tensor matrix = matrixOf(weight);
    at::Tensor y =
        at::empty({x.size(0), weight.size(1), x.size(2) * k.d, x.size(3) * k.h, x.size(4) * k.w},
                  x.options(),
                  kLast);
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      for (std::int64_t row = 0; row < x.size(2); ++row) {
        at::Tensor taps = at::mm(rowOf(x, n, row), matrix)
                              .view({x.size(3), x.size(4), k.d, k.h, k.w, weight.size(1)});
        if (bias) {
          taps.add_(*bias);
        }
        tapsOfRow(y, n, row, k).copy_(taps);
      }
    }
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const Extent k{weight.size(2), weight.size(3), weight.size(4)};
    const at::Tensor gradient = gradients[0].contiguous(kLast);
    const at::Tensor matrix = matrixOf(weight);
    at::Tensor toMatrix = at::zeros_like(matrix);
    at::Tensor toBias = at::zeros({weight.size(1)}, weight.options());
    at::Tensor toInput = at::empty_like(x);
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      for (std::int64_t row = 0; row < x.size(2); ++row) {
        const at::Tensor taps =
            tapsOfRow(gradient, n, row, k).reshape({x.size(3) * x.size(4), matrix.size(1)});
        rowOf(toInput, n, row).copy_(at::mm(taps, matrix.t()));
        toMatrix.addmm_(rowOf(x, n, row).t(), taps);
        toBias.add_(taps.sum(0).view({-1, weight.size(1)}).sum(0));
      }
    }
    const at::Tensor toWeight =
        toMatrix.view({weight.size(0), k.d, k.h, k.w, weight.size(1)}).permute({0, 4, 1, 2, 3});
    return {
        toInput, toWeight.contiguous(), context->saved_data["bias"].toBool() ? toBias : Variable()};
  }
};

struct Concatenation : torch::autograd::Function<Concatenation> {
  static Variable forward(AutogradContext* context, at::TensorList parts) {
    std::vector<std::int64_t> channels;
    for (const at::Tensor& part : parts) {
      channels.push_back(part.size(1));
    }
    context->saved_data["channels"] = channels;
    return at::cat(parts, 1);
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    variable_list toParts;
    std::int64_t at = 0;
    for (const std::int64_t channels : context->saved_data["channels"].toIntVector()) {
      toParts.push_back(gradients[0].narrow(1, at, channels).clone(kLast));
      at += channels;
    }
    return toParts;
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
  if (input.scalar_type() == at::kFloat && onProcessor()) {
    return OneDnnConvolution::apply(input, weight, given, padding, stride, dilation, op.groups);
  }
  return at::conv3d(input, weight, given, stride, padding, dilation, op.groups);
}

at::Tensor transposedConvolution(const at::Tensor& input,
                                 const at::Tensor& weight,
                                 const at::Tensor& bias,
                                 const TransposedConvOp& op,
                                 std::int64_t outputPaddingD) {
  const std::optional<at::Tensor> given = bias.defined() ? std::optional(bias) : std::nullopt;
  if (onProcessor() && op.kernel == op.stride && op.padding == Extent{0, 0, 0} &&
      op.outputPadding == Extent{0, 0, 0} && outputPaddingD == 0) {
    return TiledTransposed::apply(input, weight, given);
  }
  return at::conv_transpose3d(input,
                              weight,
                              given,
                              {op.stride.d, op.stride.h, op.stride.w},
                              {0, op.padding.h, op.padding.w},
                              {outputPaddingD, op.outputPadding.h, op.outputPadding.w})
      .contiguous(kLast);
}

at::Tensor concatenated(const std::vector<at::Tensor>& parts) {
  return Concatenation::apply(at::TensorList(parts));
}

}  // namespace argand::engine::autograd
