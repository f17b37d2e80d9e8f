// SPDX-License-Identifier: Apache-2.0
#include "core/train/loss.h"

#include "core/base/assert.h"
#include "core/engine/training/inner_graph.h"
#include "core/engine/training/slab_ops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace argand::train {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;

// The voxels of a slab that count, those behind `size` being padding.
struct Counted {
  std::int64_t rows = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
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

// Calls body(row, probabilities, label, log of the label's probability, offset
// of the voxel's scores) for every voxel that counts; rows in parallel.
template <typename T, typename Body>
void forVoxels(const at::Tensor& x,
               const at::Tensor& labels,
               const Counted& counted,
               const Body& body) {
  const std::int64_t classes = x.size(1);
  const T* const scores = x.const_data_ptr<T>();
  const auto* const of = labels.const_data_ptr<std::int16_t>();
  at::parallel_for(0, counted.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> probability(static_cast<std::size_t>(classes));
    for (std::int64_t k = begin; k < end; ++k) {
      for (std::int64_t j = 0; j < counted.height; ++j) {
        for (std::int64_t i = 0; i < counted.width; ++i) {
          const std::int64_t offset = ((k * x.size(3) + j) * x.size(4) + i) * classes;
          const T* const s = scores + offset;
          const T highest = *std::max_element(s, s + classes);
          T sum = 0;
          for (std::int64_t c = 0; c < classes; ++c) {
            probability[static_cast<std::size_t>(c)] = std::exp(s[c] - highest);
            sum += probability[static_cast<std::size_t>(c)];
          }
          for (T& p : probability) {
            p /= sum;
          }
          const auto label =
              static_cast<LabelValue>(of[(k * counted.height + j) * counted.width + i]);
          body(k, probability.data(), label, s[label] - highest - std::log(sum), offset);
        }
      }
    }
  });
}

// The sums of SlabSums by Torch's operations, for devices that are not the processor.
at::Tensor sumsByTorch(const at::Tensor& scores, const at::Tensor& labels, bool focal) {
  const at::Tensor counted =
      scores.narrow(2, 0, labels.size(0)).narrow(3, 0, labels.size(1)).narrow(4, 0, labels.size(2));
  const at::Tensor logs = at::log_softmax(counted, 1);
  const at::Tensor own =
      labels.view({1, 1, labels.size(0), labels.size(1), labels.size(2)})
          .eq(at::arange(scores.size(1), labels.options()).view({1, scores.size(1), 1, 1, 1}));
  const at::Tensor probabilities = logs.exp();
  const at::Tensor ofOwn = probabilities * own;
  at::Tensor region = logs * own;
  if (focal) {
    const at::Tensor miss = 1.0 - ofOwn.sum(1, true);
    region = region * miss * miss;
  }
  const auto perClass = [](const at::Tensor& x) {
    constexpr std::int64_t kAllButClasses[] = {0, 2, 3, 4};
    return x.sum(kAllButClasses, false, at::kDouble);
  };
  return at::cat({perClass(ofOwn),
                  perClass(probabilities),
                  perClass(own),
                  -region.sum(at::kDouble).view({1})});
}

// Per class probability on its own voxels, on all voxels, and voxels; then the
// region's loss. Keeps the scores alone: backward computes the rest anew.
struct SlabSums : torch::autograd::Function<SlabSums> {
  static Variable forward(AutogradContext* context,
                          const Variable& scores,
                          const at::Tensor& labels,
                          bool focal) {
    const at::Tensor x = scores.contiguous(kLast);
    context->save_for_backward({x, labels});
    context->saved_data["focal"] = focal;
    if (!engine::onProcessor()) {
      return sumsByTorch(x, labels, focal);
    }
    const Counted counted{labels.size(0), labels.size(1), labels.size(2)};
    const std::int64_t classes = x.size(1);
    at::Tensor rows = at::zeros({counted.rows, 3 * classes + 1}, at::kDouble);
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      auto* const all = rows.mutable_data_ptr<double>();
      forVoxels<T>(x,
                   labels,
                   counted,
                   [&](std::int64_t k, const T* p, LabelValue label, T logOfLabel, std::int64_t) {
                     double* const sums = all + k * (3 * classes + 1);
                     sums[label] += p[label];
                     for (std::int64_t c = 0; c < classes; ++c) {
                       sums[classes + c] += p[c];
                     }
                     sums[2 * classes + label] += 1.0;
                     const double miss = 1.0 - p[label];
                     sums[3 * classes] -= (focal ? miss * miss : 1.0) * logOfLabel;
                   });
    });
    return rows.sum(0);
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& labels = saved[1];
    const bool focal = context->saved_data["focal"].toBool();
    if (!engine::onProcessor()) {
      const c10::AutoGradMode records(true);
      engine::autograd::Start start;
      std::vector<torch::autograd::Edge> ends{engine::autograd::endOf(
          sumsByTorch(start.cut(x.detach().set_requires_grad(true)), labels, focal))};
      engine::autograd::runBackward(ends, gradients);
      return {start.take(), Variable(), Variable()};
    }
    const Counted counted{labels.size(0), labels.size(1), labels.size(2)};
    const std::int64_t classes = x.size(1);
    at::Tensor toScores = at::empty_like(x);
    std::memset(toScores.mutable_data_ptr(), 0, toScores.nbytes());
    const at::Tensor toSums = gradients[0].contiguous();
    const double* const to = toSums.const_data_ptr<double>();
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      T* const out = toScores.mutable_data_ptr<T>();
      forVoxels<T>(
          x,
          labels,
          counted,
          [&](std::int64_t, const T* p, LabelValue label, T logOfLabel, std::int64_t offset) {
            double mean = to[label] * p[label];
            for (std::int64_t c = 0; c < classes; ++c) {
              mean += to[classes + c] * p[c];
            }
            const double miss = 1.0 - p[label];
            const double toLog =
                to[3 * classes] * (focal ? 2.0 * miss * p[label] * logOfLabel - miss * miss : -1.0);
            for (std::int64_t c = 0; c < classes; ++c) {
              const double own = c == label ? 1.0 : 0.0;
              const double toProbability = to[classes + c] + own * to[label];
              out[offset + c] =
                  static_cast<T>(p[c] * (toProbability - mean) + toLog * (own - p[c]));
            }
          });
    });
    return {toScores, Variable(), Variable()};
  }
};

// The labels of some rows; 16 bits as they are.
at::Tensor labelRows(const std::vector<LabelValue>& labels,
                     const Size3& size,
                     std::int64_t begin,
                     std::int64_t end) {
  static_assert(sizeof(LabelValue) == sizeof(std::int16_t));
  at::Tensor rows = at::empty({end - begin, size.j, size.i}, at::kShort);
  std::memcpy(rows.mutable_data_ptr(), labels.data() + begin * size.i * size.j, rows.nbytes());
  return rows;
}

}  // namespace

at::Tensor segmentationLoss(const engine::SlabScores& scores,
                            const std::vector<LabelValue>& labels,
                            const Size3& size,
                            RegionLoss kind) {
  const std::int64_t classes = scores.scores.front().size(1);
  std::vector<int> devices;
  std::vector<engine::Tensors> slabs;
  std::vector<engine::RowRange> rows;
  for (std::size_t n = 0; n < scores.scores.size(); ++n) {
    ARGAND_ASSERT(scores.scores[n].size(0) == 1);
    const engine::RowRange counted = engine::clamped(scores.rows[n], size.k);
    if (counted.count() > 0) {
      devices.push_back(scores.devices[n]);
      slabs.push_back({scores.scores[n]});
      rows.push_back(counted);
    }
  }
  const engine::Tensors sums = engine::autograd::eachSlab(
      scores.team,
      devices,
      slabs,
      {},
      [&](std::size_t n, const engine::Tensors& slab, const engine::Tensors&) -> at::Tensor {
        return SlabSums::apply(
            slab[0],
            labelRows(labels, size, rows[n].begin, rows[n].end).to(slab[0].device()),
            kind == RegionLoss::Focal);
      });
  at::Tensor total = sums[0];
  for (std::size_t n = 1; n < sums.size(); ++n) {
    total = total + sums[n].to(total.device());
  }
  const at::Tensor both = total.narrow(0, 0, classes);
  const at::Tensor predicted = total.narrow(0, classes, classes);
  const at::Tensor truth = total.narrow(0, 2 * classes, classes).detach();
  const at::Tensor dice = 2.0 * both / (predicted + truth).clamp_min(1e-6);
  at::Tensor present = (truth > 0.5).to(at::kDouble);
  present.narrow(0, 0, 1).zero_();
  const at::Tensor missing = (present * (1.0 - dice)).sum() / present.sum().clamp_min(1.0);
  return missing + total[3 * classes] / static_cast<double>(size.voxels());
}

}  // namespace argand::train
