// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/autograd_ops.h"

#include "core/base/assert.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/run/kernels/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/native/ConvUtils.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
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

  static variable_list backward(AutogradContext* context, variable_list gradients) {
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

// Where each part of one value goes; `from` and `wanted` by slab.
struct Exchange : torch::autograd::Function<Exchange> {
  static variable_list forward(AutogradContext* context,
                               at::TensorList slabs,
                               const std::vector<std::int64_t>& from,
                               const std::vector<std::int64_t>& wanted) {
    const std::int64_t depth = from.back();
    context->set_materialize_grads(false);
    context->saved_data["from"] = from;
    context->saved_data["wanted"] = wanted;
    context->saved_data["sizes"] = slabs[0].sizes().vec();
    variable_list pieces;
    for (std::size_t n = 0; n < wanted.size(); n += 2) {
      const RowRange rows{wanted[n], wanted[n + 1]};
      std::vector<at::Tensor> parts;
      const auto zeros = [&](std::int64_t count) {
        std::vector<std::int64_t> sizes = slabs[0].sizes().vec();
        sizes[2] = count;
        if (count > 0) {
          parts.push_back(at::empty(sizes, slabs[0].options(), kLast).zero_());
        }
      };
      zeros(std::min<std::int64_t>(0, rows.end) - std::min<std::int64_t>(0, rows.begin));
      for (std::size_t m = 0; m < slabs.size(); ++m) {
        const std::int64_t begin = std::max(rows.begin, from[2 * m]);
        const std::int64_t end = std::min(rows.end, from[2 * m + 1]);
        if (begin < end) {
          parts.push_back(slabs[m].narrow(2, begin - from[2 * m], end - begin));
        }
      }
      zeros(std::max(depth, rows.end) - std::max(depth, rows.begin));
      const bool whole = parts.size() == 1 && std::any_of(slabs.begin(), slabs.end(), [&](auto& s) {
                           return s.is_alias_of(parts[0]) && s.size(2) == rows.count();
                         });
      pieces.push_back(whole ? parts[0] : at::cat(parts, 2).contiguous(kLast));
    }
    return pieces;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::vector<std::int64_t> from = context->saved_data["from"].toIntVector();
    const std::vector<std::int64_t> wanted = context->saved_data["wanted"].toIntVector();
    std::vector<std::int64_t> sizes = context->saved_data["sizes"].toIntVector();
    variable_list toSlabs;
    for (std::size_t m = 0; m < from.size() / 2; ++m) {
      sizes[2] = from[2 * m + 1] - from[2 * m];
      at::Tensor sum;
      for (std::size_t n = 0; n < gradients.size(); ++n) {
        const std::int64_t begin = std::max(wanted[2 * n], from[2 * m]);
        const std::int64_t end = std::min(wanted[2 * n + 1], from[2 * m + 1]);
        if (begin >= end || !gradients[n].defined()) {
          continue;
        }
        if (!sum.defined()) {
          sum = at::empty(sizes, gradients[n].options(), kLast).zero_();
        }
        sum.narrow(2, begin - from[2 * m], end - begin)
            .add_(gradients[n].narrow(2, begin - wanted[2 * n], end - begin));
      }
      toSlabs.push_back(sum);
    }
    toSlabs.resize(toSlabs.size() + 2);
    return toSlabs;
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

  static variable_list backward(AutogradContext* context, variable_list gradients) {
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
  if (input.scalar_type() == at::kFloat) {
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
  if (op.kernel == op.stride && op.padding == Extent{0, 0, 0} &&
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

at::Tensor moments(const at::Tensor& input) {
  return Moments::apply(input);
}

at::Tensor scaled(const at::Tensor& input,
                  const at::Tensor& scale,
                  const at::Tensor& shift,
                  double slope) {
  return Scaled::apply(input, scale, shift, slope);
}

std::vector<at::Tensor> gathered(const std::vector<at::Tensor>& slabs,
                                 const std::vector<RowRange>& rows,
                                 const std::vector<RowRange>& wanted) {
  std::vector<at::Tensor> result(wanted.size());
  std::vector<at::Tensor> given;
  std::vector<std::int64_t> from;
  std::vector<std::int64_t> to;
  bool copies = false;
  for (std::size_t m = 0; m < slabs.size(); ++m) {
    if (rows[m].count() > 0) {
      given.push_back(slabs[m]);
      from.insert(from.end(), {rows[m].begin, rows[m].end});
    }
  }
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    if (wanted[n].count() > 0) {
      const auto same = std::find(rows.begin(), rows.end(), wanted[n]);
      copies = copies || same == rows.end();
      result[n] =
          same == rows.end() ? at::Tensor() : slabs[static_cast<std::size_t>(same - rows.begin())];
      to.insert(to.end(), {wanted[n].begin, wanted[n].end});
    }
  }
  if (copies) {
    const variable_list pieces = Exchange::apply(at::TensorList(given), from, to);
    auto piece = pieces.begin();
    for (std::size_t n = 0; n < wanted.size(); ++n) {
      if (wanted[n].count() > 0) {
        result[n] = *piece++;
      }
    }
  }
  return result;
}

at::Tensor concatenated(const std::vector<at::Tensor>& parts) {
  return Concatenation::apply(at::TensorList(parts));
}

}  // namespace argand::engine::autograd
