// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/norm_ops.h"

#include "core/base/assert.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/run/kernels/kernels.h"
#include "core/engine/training/inner_graph.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <tuple>
#include <variant>

namespace argand::engine::autograd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::edge_list;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;
constexpr std::int64_t kVoxelAxes[] = {2, 3, 4};

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

// By sample and channel, so that it applies to every voxel of x.
at::Tensor perVoxel(const at::Tensor& table, const at::Tensor& x) {
  return table.to(x.options()).view({x.size(0), x.size(1), 1, 1, 1});
}

at::Tensor momentsOf(const at::Tensor& x) {
  if (!onProcessor()) {
    const auto [variance, mean] = at::var_mean(x, kVoxelAxes, false);
    const auto voxels = static_cast<double>(x.size(2) * x.size(3) * x.size(4));
    return at::stack({mean.to(at::kDouble), variance.to(at::kDouble) * voxels}, 2);
  }
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
  if (!onProcessor()) {
    at::Tensor y = at::addcmul(perVoxel(shift, x), x, perVoxel(scale, x)).contiguous(kLast);
    return slope == 1.0 ? y : at::leaky_relu_(y, slope);
  }
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

// Of its input, and of scale and shift by sample and channel.
std::tuple<at::Tensor, at::Tensor, at::Tensor> scaledGradient(const at::Tensor& x,
                                                              const at::Tensor& gradient,
                                                              const at::Tensor& scale,
                                                              const at::Tensor& shift,
                                                              double slope) {
  if (!onProcessor()) {
    at::Tensor behind = gradient;
    if (slope != 1.0) {
      const at::Tensor y = at::addcmul(perVoxel(shift, x), x, perVoxel(scale, x));
      behind = at::where(y < 0.0, gradient * slope, gradient);
    }
    return {(behind * perVoxel(scale, x)).contiguous(kLast),
            (behind * x).sum(kVoxelAxes, false, at::kDouble),
            behind.sum(kVoxelAxes, false, at::kDouble)};
  }
  const Pieces pieces(x);
  at::Tensor toInput = at::empty_like(x);
  at::Tensor sums = at::empty({pieces.count(), 2, pieces.channels}, at::kDouble);
  dispatch(x, [&](auto zero) {
    using T = decltype(zero);
    const at::Tensor typedScale = scale.to(x.scalar_type()).contiguous();
    const at::Tensor typedShift = shift.to(x.scalar_type()).contiguous();
    forPieces(pieces, [&](std::int64_t n) {
      kernels::Transform<T> transform;
      transform.scale = typedScale.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      transform.shift = typedShift.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      transform.activates = true;
      transform.slope = static_cast<T>(slope);
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
  return {toInput, perSample.select(1, 0), perSample.select(1, 1)};
}

// The gradient of momentsOf as a scale of x and a shift: d mean / dx = 1 / n,
// d deviations / dx = 2 (x - mean).
std::pair<at::Tensor, at::Tensor> momentsGradient(const at::Tensor& x,
                                                  const at::Tensor& moments,
                                                  const at::Tensor& gradient) {
  const double voxels = static_cast<double>(x.size(2) * x.size(3) * x.size(4));
  const at::Tensor scale = gradient.select(2, 1) * 2.0;
  return {scale, gradient.select(2, 0) / voxels - scale * moments.select(2, 0)};
}

// to += x * scale + shift, a piece at a time while it is in cache.
void addScaled(const at::Tensor& x,
               const at::Tensor& scale,
               const at::Tensor& shift,
               at::Tensor& to) {
  if (!onProcessor()) {
    to.addcmul_(x, perVoxel(scale, x)).add_(perVoxel(shift, x));
    return;
  }
  const Pieces pieces(x);
  dispatch(x, [&](auto zero) {
    using T = decltype(zero);
    const at::Tensor typedScale = scale.to(x.scalar_type()).contiguous();
    const at::Tensor typedShift = shift.to(x.scalar_type()).contiguous();
    const T* from = x.const_data_ptr<T>();
    T* sum = to.mutable_data_ptr<T>();
    forPieces(pieces, [&](std::int64_t n) {
      kernels::Transform<T> transform;
      transform.scale = typedScale.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      transform.shift = typedShift.const_data_ptr<T>() + pieces.sample(n) * pieces.channels;
      constexpr std::int64_t kAtOnce = 256;
      std::vector<T> scratch(static_cast<std::size_t>(kAtOnce * pieces.channels));
      for (std::int64_t voxel = 0; voxel < pieces.size(n); voxel += kAtOnce) {
        const std::int64_t count = std::min(kAtOnce, pieces.size(n) - voxel);
        const std::int64_t offset = pieces.offset(n) + voxel * pieces.channels;
        kernels::transformVoxels(
            from + offset, count, pieces.channels, scratch.data(), pieces.channels, transform);
        kernels::addTo(scratch.data(), count * pieces.channels, sum + offset);
      }
    });
  });
}

struct Moments : torch::autograd::Function<Moments> {
  static Variable forward(AutogradContext* context, const Variable& input) {
    const at::Tensor x = input.contiguous(kLast);
    at::Tensor joined = momentsOf(x);
    context->save_for_backward({x, joined});
    return joined;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto [scale, shift] = momentsGradient(saved[0], saved[1], gradients[0]);
    return {scaledValue(saved[0], scale, shift, 1.0)};
  }
};

// Moments of parts, joined in their order: mean and biased variance.
struct Statistics {
  at::Tensor mean;
  at::Tensor variance;
};

struct Part {
  at::Tensor mean;
  at::Tensor deviations;
  double voxels = 0.0;
};

Statistics joinedParts(const std::vector<Part>& parts) {
  double total = 0.0;
  at::Tensor sum;
  for (const Part& part : parts) {
    total += part.voxels;
    const at::Tensor own = part.mean * part.voxels;
    sum = sum.defined() ? sum + own : own;
  }
  const at::Tensor mean = sum / total;
  at::Tensor squares;
  for (const Part& part : parts) {
    const at::Tensor difference = part.mean - mean;
    const at::Tensor own = part.deviations + difference * difference * part.voxels;
    squares = squares.defined() ? squares + own : own;
  }
  return {mean, squares / total};
}

// Of every slab's moments, (samples, channels, 2) over `voxels` each, what a norm
// takes: by sample and channel, or by channel alone, as (samples or 1, channels).
Statistics statisticsOf(const Op& op, const Tensors& moments, const std::vector<double>& voxels) {
  const auto* const group = std::get_if<GroupNormOp>(&op);
  const std::int64_t samples = moments[0].size(0);
  const std::int64_t channels = moments[0].size(1);
  std::vector<Part> parts;
  for (std::size_t n = 0; n < moments.size(); ++n) {
    if (std::holds_alternative<BatchNormOp>(op)) {
      for (std::int64_t m = 0; m < samples; ++m) {
        const at::Tensor one = moments[n].narrow(0, m, 1);
        parts.push_back({one.select(2, 0), one.select(2, 1), voxels[n]});
      }
    } else if (group != nullptr) {
      const at::Tensor grouped =
          moments[n].reshape({samples, group->groups, channels / group->groups, 2});
      for (std::int64_t m = 0; m < grouped.size(2); ++m) {
        parts.push_back(
            {grouped.select(2, m).select(2, 0), grouped.select(2, m).select(2, 1), voxels[n]});
      }
    } else {
      parts.push_back({moments[n].select(2, 0), moments[n].select(2, 1), voxels[n]});
    }
  }
  Statistics all = joinedParts(parts);
  if (group != nullptr) {
    const auto repeated = [&](const at::Tensor& x) {
      return x.unsqueeze(2)
          .expand({samples, group->groups, channels / group->groups})
          .reshape({samples, channels});
    };
    all = {repeated(all.mean), repeated(all.variance)};
  }
  return all;
}

double epsilonOf(const Op& op) {
  if (const auto* instance = std::get_if<InstanceNormOp>(&op)) {
    return instance->epsilon;
  }
  if (const auto* group = std::get_if<GroupNormOp>(&op)) {
    return group->epsilon;
  }
  return std::get<BatchNormOp>(op).epsilon;
}

struct NormWork : torch::CustomClassHolder {
  TeamPtr team;
  std::vector<int> devices;
  const Op* op = nullptr;  // during forward
  const NormParameters* parameters = nullptr;
  BatchMoments* seen = nullptr;
  bool records = false;
  double slope = 1.0;
  // What forward leaves: a graph from moments and parameters to scale and shift.
  Tensors moments;
  at::Tensor scale;
  at::Tensor shift;
  edge_list ends;
  std::vector<Start> toMoments;
  std::vector<Start> toParameters;

  // Where what concerns all slabs is computed.
  [[nodiscard]] const c10::Device& home() const { return team->where(devices.front()); }

  // (samples, channels) each, in double.
  void join(const Tensors& slabs) {
    const c10::AutoGradMode mode(records);
    std::int64_t samples = slabs[0].size(0);
    Statistics all;
    if (parameters->runningMean.defined()) {
      all = {parameters->runningMean.to(home(), at::kDouble).unsqueeze(0),
             parameters->runningVariance.to(home(), at::kDouble).unsqueeze(0)};
    } else {
      Tensors begun;
      std::vector<double> voxels;
      for (std::size_t n = 0; n < slabs.size(); ++n) {
        const at::Tensor own = moments[n].variable_data().set_requires_grad(records);
        begun.push_back(toMoments.emplace_back().cut(own).to(home()));
        voxels.push_back(static_cast<double>(slabs[n][0][0].numel()));
      }
      all = statisticsOf(*op, begun, voxels);
      if (seen != nullptr) {
        double count = 0.0;
        for (const double one : voxels) {
          count += one * static_cast<double>(samples);
        }
        *seen = {count, all.mean.detach().squeeze(0), all.variance.detach().squeeze(0)};
      }
    }
    const auto begin = [&](const at::Tensor& parameter) {
      return toParameters.emplace_back().cut(parameter).to(home(), at::kDouble);
    };
    at::Tensor joinedScale = at::rsqrt(all.variance + epsilonOf(*op));
    if (parameters->weight.defined()) {
      joinedScale = joinedScale * begin(parameters->weight);
    }
    at::Tensor joinedShift = -all.mean * joinedScale;
    if (parameters->bias.defined()) {
      joinedShift = joinedShift + begin(parameters->bias);
    }
    joinedScale = joinedScale.expand({samples, -1});
    joinedShift = joinedShift.expand({samples, -1});
    ends = {endOf(joinedScale), endOf(joinedShift)};
    scale = joinedScale.detach();
    shift = joinedShift.detach();
  }
};

struct Normed : torch::autograd::Function<Normed> {
  // `all`: the slabs, then weight and bias where there are any.
  static variable_list forward(AutogradContext* context,
                               at::TensorList all,
                               const c10::intrusive_ptr<NormWork>& what) {
    context->set_materialize_grads(false);
    context->saved_data["what"] = c10::IValue::make_capsule(what);
    const std::size_t count = what->devices.size();
    Tensors slabs(count);
    what->moments.resize(count);
    what->team->each(what->devices, [&](std::size_t n) {
      slabs[n] = all[n].contiguous(kLast);
      if (!what->parameters->runningMean.defined()) {
        what->moments[n] = momentsOf(slabs[n]);
      }
    });
    what->join(slabs);
    variable_list made(count);
    what->team->each(what->devices, [&](std::size_t n) {
      made[n] = scaledValue(slabs[n], what->scale, what->shift, what->slope);
    });
    context->save_for_backward(std::move(slabs));
    return made;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<NormWork>(context->saved_data["what"].toCapsule());
    const variable_list slabs = context->get_saved_variables();
    const std::size_t count = slabs.size();
    variable_list toInputs(count);
    Tensors toScale(count);
    Tensors toShift(count);
    what->team->each(what->devices, [&](std::size_t n) {
      const at::Tensor gradient = gradients[n].defined()
                                      ? std::exchange(gradients[n], {}).contiguous(kLast)
                                      : at::zeros_like(slabs[n]);
      std::tie(toInputs[n], toScale[n], toShift[n]) =
          scaledGradient(slabs[n], gradient, what->scale, what->shift, what->slope);
    });
    Tensors sums(2);
    for (std::size_t n = 0; n < count; ++n) {
      addTo(sums[0], std::exchange(toScale[n], {}).to(what->home()));
      addTo(sums[1], std::exchange(toShift[n], {}).to(what->home()));
    }
    runBackward(what->ends, sums);
    if (!what->toMoments.empty()) {
      what->team->each(what->devices, [&](std::size_t n) {
        const auto [scale, shift] =
            momentsGradient(slabs[n], what->moments[n], what->toMoments[n].take());
        addScaled(slabs[n], scale, shift, toInputs[n]);
      });
    }
    for (Start& start : what->toParameters) {
      toInputs.push_back(start.take());
    }
    toInputs.emplace_back();
    return toInputs;
  }
};

}  // namespace

at::Tensor moments(const at::Tensor& slab) {
  return Moments::apply(slab);
}

Slabs normed(const TeamPtr& team,
             const Slabs& from,
             const Op& op,
             const NormParameters& parameters,
             double slope,
             BatchMoments* seen) {
  auto what = c10::make_intrusive<NormWork>();
  what->team = team;
  what->devices = devicesWith(from.rows);
  what->op = &op;
  what->parameters = &parameters;
  what->seen = seen;
  what->records = c10::GradMode::is_enabled();
  what->slope = slope;
  Tensors all;
  for (const int n : what->devices) {
    all.push_back(from.values[static_cast<std::size_t>(n)]);
  }
  for (const at::Tensor& parameter : {parameters.weight, parameters.bias}) {
    if (parameter.defined()) {
      all.push_back(parameter);
    }
  }
  const variable_list made = Normed::apply(at::TensorList(all), what);
  Slabs to = from;
  for (std::size_t n = 0; n < made.size(); ++n) {
    to.values[static_cast<std::size_t>(what->devices[n])] = made[n];
  }
  return to;
}

}  // namespace argand::engine::autograd
