// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/differentiable_ops.h"

#include "core/base/assert.h"
#include "core/engine/training/autograd_ops.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace argand::engine {

namespace {

template <typename Body>
Slabs perSlab(const SlabCall& call, const Body& body) {
  Slabs to;
  to.rows = call.rows;
  to.values.resize(call.rows.size());
  for (std::size_t n = 0; n < call.rows.size(); ++n) {
    if (call.rows[n].count() > 0) {
      to.values[n] = body(call.rows[n], n);
    }
  }
  return to;
}

// The rows of an input that each device's rows of the output need, within the volume.
template <typename RowsOf>
std::vector<at::Tensor> readOf(const SlabCall& call, std::size_t input, const RowsOf& rowsOf) {
  std::vector<RowRange> read(call.rows.size());
  for (std::size_t n = 0; n < call.rows.size(); ++n) {
    if (call.rows[n].count() > 0) {
      read[n] = rowsOf(call.rows[n]);
    }
  }
  const Slabs& from = *call.inputs[input];
  return autograd::gathered(from.values, from.rows, read);
}

template <typename Body>
Slabs pointwise(const SlabCall& call, const Body& body) {
  const auto inputs = readOf(call, 0, [](const RowRange& rows) { return rows; });
  return perSlab(
      call, [&](const RowRange& rows, std::size_t device) { return body(inputs[device], rows); });
}

Slabs compute(const SlabCall& call, const PoolOp& op) {
  const bool max = op.kind == PoolOp::Kind::Max;
  const double outside = max ? -std::numeric_limits<double>::infinity() : 0.0;
  const std::vector<std::int64_t> kernel{op.kernel.d, op.kernel.h, op.kernel.w};
  const std::vector<std::int64_t> stride{op.stride.d, op.stride.h, op.stride.w};
  const std::vector<std::int64_t> padding{0, op.padding.h, op.padding.w};
  const std::int64_t depth = depthOf(*call.inputs[0]);
  const auto inputs =
      readOf(call, 0, [&](const RowRange& rows) { return clamped(inputRows(op, rows), depth); });
  return perSlab(call, [&](const RowRange& rows, std::size_t device) {
    const RowRange read = inputRows(op, rows);
    const RowRange inside = clamped(read, depth);
    at::Tensor x = inputs[device];
    if (inside != read) {
      x = at::constant_pad_nd(
          x, {0, 0, 0, 0, inside.begin - read.begin, read.end - inside.end}, outside);
    }
    return max ? at::max_pool3d(x, kernel, stride, padding)
               : at::avg_pool3d(x, kernel, stride, padding);
  });
}

Slabs compute(const SlabCall& call, const UpsampleOp& op) {
  const std::int64_t depth = depthOf(*call.inputs[0]);
  const auto readRows = [&](const RowRange& rows) { return clamped(inputRows(op, rows), depth); };
  const auto inputs = readOf(call, 0, readRows);
  return perSlab(call, [&](const RowRange& rows, std::size_t device) {
    const RowRange read = readRows(rows);
    const at::Tensor& x = inputs[device];
    const std::vector<std::int64_t> size{
        x.size(2) * op.factor.d, x.size(3) * op.factor.h, x.size(4) * op.factor.w};
    // Beyond the rows read Torch repeats the last one, as it does at the
    // volume's ends; elsewhere those outputs are cut off.
    const at::Tensor out = op.kind == UpsampleOp::Kind::Trilinear
                               ? at::upsample_trilinear3d(x, size, false)
                               : at::upsample_nearest3d(x, size);
    return out.narrow(2, rows.begin - read.begin * op.factor.d, rows.count());
  });
}

Slabs compute(const SlabCall& call, const GlobalPoolOp&) {
  at::Tensor sum;
  double rows = 0.0;
  at::ScalarType type = at::kFloat;
  for (const at::Tensor& value : call.inputs[0]->values) {
    if (value.defined()) {
      const auto count = static_cast<double>(value.size(2));
      const at::Tensor part = autograd::moments(value).select(2, 0) * count;
      sum = sum.defined() ? sum + part : part;
      rows += count;
      type = value.scalar_type();
    }
  }
  const at::Tensor mean = (sum / rows).to(type).view({sum.size(0), sum.size(1), 1, 1, 1});
  return perSlab(call, [&](const RowRange&, std::size_t) { return mean; });
}

Slabs compute(const SlabCall& call, const LinearOp&) {
  const at::Tensor bias = call.parameter("bias");
  return pointwise(call, [&](const at::Tensor& x, const RowRange&) {
    const at::Tensor y = at::linear(x.flatten(1),
                                    call.parameter("weight"),
                                    bias.defined() ? std::optional(bias) : std::nullopt);
    return y.view({y.size(0), y.size(1), 1, 1, 1});
  });
}

Slabs compute(const SlabCall& call, const ScaleOp&) {
  const auto inputs = readOf(call, 0, [](const RowRange& rows) { return rows; });
  const auto gates = readOf(call, 1, [](const RowRange&) { return RowRange{0, 1}; });
  return perSlab(
      call, [&](const RowRange&, std::size_t device) { return inputs[device] * gates[device]; });
}

Slabs compute(const SlabCall& call, const PReluOp&) {
  const at::Tensor slopes = call.parameter("weight");
  return pointwise(call,
                   [&](const at::Tensor& x, const RowRange&) { return at::prelu(x, slopes); });
}

Slabs compute(const SlabCall& call, const SiluOp&) {
  return pointwise(call, [](const at::Tensor& x, const RowRange&) { return at::silu(x); });
}

Slabs compute(const SlabCall& call, const SigmoidOp&) {
  return pointwise(call, [](const at::Tensor& x, const RowRange&) { return at::sigmoid(x); });
}

Slabs compute(const SlabCall& call, const SoftmaxOp&) {
  return pointwise(call, [](const at::Tensor& x, const RowRange&) { return at::softmax(x, 1); });
}

Slabs compute(const SlabCall& call, const ArgmaxOp&) {
  return pointwise(call, [](const at::Tensor& x, const RowRange&) {
    return at::argmax(x.detach(), 1, true).to(x.scalar_type());
  });
}

// Neighbouring places must not give related streams (the finaliser of SplitMix64).
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// What is kept is drawn row by row and sample by sample, so that it depends neither on
// the slabs nor on the micro-batches.
Slabs compute(const SlabCall& call, const DropoutOp& op) {
  const double keep = 1.0 - op.probability;
  return pointwise(call, [&](const at::Tensor& x, const RowRange& rows) -> at::Tensor {
    if (!call.training || op.probability == 0.0) {
      return x;
    }
    at::Tensor factor = at::empty_like(x);
    const std::uint64_t node = mixed(call.seed + static_cast<std::uint64_t>(call.id));
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t n = 0; n < x.size(0); ++n) {
        const auto sample = static_cast<std::uint64_t>(call.firstSample + n);
        at::Generator generator = at::detail::createCPUGenerator(
            mixed(mixed(node + static_cast<std::uint64_t>(row)) + sample));
        const at::Tensor drawn =
            at::rand({1, x.size(1), 1, x.size(3), x.size(4)}, generator, at::kFloat);
        factor.narrow(0, n, 1).narrow(2, row - rows.begin, 1).copy_(drawn < keep);
      }
    }
    return x * (keep > 0.0 ? factor.div_(keep) : factor);
  });
}

template <typename Other>
Slabs compute(const SlabCall&, const Other&) {
  throw std::logic_error("no operation of this file");
}

}  // namespace

std::vector<RowRange> cutAs(const Slabs& from, std::int64_t depth) {
  std::vector<RowRange> rows;
  for (const RowRange& slab : from.rows) {
    rows.push_back({slab.begin * depth / depthOf(from), slab.end * depth / depthOf(from)});
  }
  return rows;
}

Slabs computed(const SlabCall& call) {
  return std::visit([&](const auto& op) { return compute(call, op); }, call.node.op);
}

Slabs transposedConvolution(const SlabCall& call, const TransposedConvOp& op) {
  const at::Tensor weight = call.parameter("weight");
  const at::Tensor bias = call.parameter("bias");
  // Rows that no input reaches hold the bias alone; Torch makes them as padding.
  const std::int64_t unreached = std::max<std::int64_t>(0, op.stride.d - op.kernel.d);
  const std::int64_t depth = depthOf(*call.inputs[0]);
  const auto readRows = [&](const RowRange& rows) {
    RowRange read = inputRows(op, rows);
    const std::int64_t below = (rows.begin + op.padding.d) / op.stride.d;
    read.begin = std::clamp<std::int64_t>(std::min(read.begin, below), 0, depth - 1);
    read.end = std::clamp(read.end, read.begin + 1, depth);
    return read;
  };
  const auto inputs = readOf(call, 0, readRows);
  return perSlab(call, [&](const RowRange& rows, std::size_t device) {
    const RowRange read = readRows(rows);
    const at::Tensor out = autograd::transposedConvolution(
        inputs[device], weight, bias, op, std::max(op.outputPadding.d, unreached));
    const std::int64_t first = rows.begin + op.padding.d - read.begin * op.stride.d;
    return out.size(2) == rows.count() ? out : out.narrow(2, first, rows.count());
  });
}

std::pair<at::Tensor, at::Tensor> groupStatistics(const Slabs& from, std::int64_t groups) {
  // Mean and squared deviations of parts of equal height and width: joined as if
  // a part counted its rows.
  std::vector<at::Tensor> means;
  std::vector<at::Tensor> deviations;
  std::vector<double> rows;
  double all = 0.0;
  double area = 0.0;
  at::Tensor mean;
  for (const at::Tensor& value : from.values) {
    if (value.defined()) {
      const at::Tensor both = autograd::moments(value);
      const std::vector<std::int64_t> sizes{value.size(0), groups, value.size(1) / groups};
      means.push_back(both.select(2, 0).reshape(sizes));
      deviations.push_back(both.select(2, 1).reshape(sizes));
      rows.push_back(static_cast<double>(value.size(2)));
      area = static_cast<double>(value.size(3) * value.size(4));
      const at::Tensor part = means.back().mean(2, true) * rows.back();
      mean = mean.defined() ? mean + part : part;
      all += rows.back();
    }
  }
  mean = mean / all;
  at::Tensor squares;
  for (std::size_t n = 0; n < means.size(); ++n) {
    const at::Tensor difference = means[n] - mean;
    const at::Tensor part = deviations[n] + difference * difference * (rows[n] * area);
    squares = squares.defined() ? squares + part : part;
  }
  const std::int64_t perGroup = means[0].size(2);
  const at::Tensor variance = squares.sum(2, true) / (all * area * static_cast<double>(perGroup));
  const auto repeated = [&](const at::Tensor& x) {
    return x.expand({-1, groups, perGroup}).reshape({x.size(0), groups * perGroup});
  };
  return {repeated(mean), repeated(variance)};
}

}  // namespace argand::engine
