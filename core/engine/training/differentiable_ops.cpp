// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/differentiable_ops.h"

#include "core/engine/training/autograd_ops.h"
#include "core/engine/training/norm_ops.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace argand::engine {

namespace {

// `body` makes one slab: of its rows, from the inputs that its device has and from `shared`.
template <typename Body>
Slabs perSlab(const SlabCall& call,
              const std::vector<Tensors>& inputs,
              const Tensors& shared,
              const Body& body) {
  const std::vector<int> devices = devicesWith(call.rows);
  std::vector<Tensors> own;
  for (const int n : devices) {
    Tensors& one = own.emplace_back();
    for (const Tensors& input : inputs) {
      one.push_back(input[static_cast<std::size_t>(n)]);
    }
  }
  const Tensors made = autograd::eachSlab(
      call.team, devices, own, shared, [&](std::size_t n, const Tensors& x, const Tensors& others) {
        return body(call.rows[static_cast<std::size_t>(devices[n])], x, others);
      });
  Slabs to{call.rows, Tensors(call.rows.size())};
  for (std::size_t n = 0; n < made.size(); ++n) {
    to.values[static_cast<std::size_t>(devices[n])] = made[n];
  }
  return to;
}

// The rows of an input that each device's rows of the output need.
template <typename RowsOf>
Tensors readOf(const SlabCall& call, std::size_t input, const RowsOf& rowsOf) {
  std::vector<RowRange> read(call.rows.size());
  for (std::size_t n = 0; n < call.rows.size(); ++n) {
    if (call.rows[n].count() > 0) {
      read[n] = rowsOf(call.rows[n]);
    }
  }
  return autograd::gathered(call.team, call.inputs[input], read);
}

RowRange sameRows(const RowRange& rows) {
  return rows;
}

template <typename Body>
Slabs pointwise(const SlabCall& call, const Tensors& shared, const Body& body) {
  return perSlab(call,
                 {readOf(call, 0, sameRows)},
                 shared,
                 [&](const RowRange& rows, const Tensors& x, const Tensors& others) {
                   return body(x[0], rows, others);
                 });
}

template <typename Body>
Slabs pointwise(const SlabCall& call, const Body& body) {
  return pointwise(
      call, {}, [&](const at::Tensor& x, const RowRange&, const Tensors&) { return body(x); });
}

Slabs compute(const SlabCall& call, const ConvOp& op) {
  const std::int64_t depth = depthOf(call.inputs[0]);
  const std::int64_t made = call.rows.back().end;
  const auto isWhole = [&](const RowRange& rows) { return rows == RowRange{0, made}; };
  return perSlab(call,
                 {readOf(call,
                         0,
                         [&](const RowRange& rows) {
                           return isWhole(rows) ? RowRange{0, depth} : inputRows(op, rows);
                         })},
                 {call.parameter("weight"), call.parameter("bias")},
                 [&](const RowRange& rows, const Tensors& x, const Tensors& parameters) {
                   return autograd::convolution(
                       x[0], parameters[0], parameters[1], op, isWhole(rows) ? op.padding.d : 0);
                 });
}

Slabs compute(const SlabCall& call, const TransposedConvOp& op) {
  // Rows that no input reaches hold the bias alone; Torch makes them as padding.
  const std::int64_t unreached = std::max<std::int64_t>(0, op.stride.d - op.kernel.d);
  const std::int64_t depth = depthOf(call.inputs[0]);
  const auto readRows = [&](const RowRange& rows) {
    RowRange read = inputRows(op, rows);
    const std::int64_t below = (rows.begin + op.padding.d) / op.stride.d;
    read.begin = std::clamp<std::int64_t>(std::min(read.begin, below), 0, depth - 1);
    read.end = std::clamp(read.end, read.begin + 1, depth);
    return read;
  };
  return perSlab(
      call,
      {readOf(call, 0, readRows)},
      {call.parameter("weight"), call.parameter("bias")},
      [&](const RowRange& rows, const Tensors& x, const Tensors& parameters) {
        const at::Tensor out = autograd::transposedConvolution(
            x[0], parameters[0], parameters[1], op, std::max(op.outputPadding.d, unreached));
        const std::int64_t first = rows.begin + op.padding.d - readRows(rows).begin * op.stride.d;
        return out.size(2) == rows.count() ? out : out.narrow(2, first, rows.count());
      });
}

Slabs compute(const SlabCall& call, const LeakyReluOp& op) {
  return pointwise(call, [&](const at::Tensor& x) { return at::leaky_relu(x, op.slope); });
}

// Where the inputs are cut differently, as the first one.
template <typename Body>
Slabs joined(const SlabCall& call, const Body& body) {
  std::vector<Tensors> parts;
  for (std::size_t n = 0; n < call.inputs.size(); ++n) {
    parts.push_back(readOf(call, n, sameRows));
  }
  return perSlab(
      call, parts, {}, [&](const RowRange&, const Tensors& x, const Tensors&) { return body(x); });
}

Slabs compute(const SlabCall& call, const ConcatOp&) {
  return joined(call, [](const Tensors& parts) { return autograd::concatenated(parts); });
}

Slabs compute(const SlabCall& call, const AddOp&) {
  return joined(call, [](const Tensors& parts) {
    at::Tensor sum = parts[0];
    for (std::size_t n = 1; n < parts.size(); ++n) {
      sum = sum + parts[n];
    }
    return sum;
  });
}

Slabs compute(const SlabCall& call, const PoolOp& op) {
  const bool max = op.kind == PoolOp::Kind::Max;
  const double outside = max ? -std::numeric_limits<double>::infinity() : 0.0;
  const std::vector<std::int64_t> kernel{op.kernel.d, op.kernel.h, op.kernel.w};
  const std::vector<std::int64_t> stride{op.stride.d, op.stride.h, op.stride.w};
  const std::vector<std::int64_t> padding{0, op.padding.h, op.padding.w};
  const std::int64_t depth = depthOf(call.inputs[0]);
  const auto inputs =
      readOf(call, 0, [&](const RowRange& rows) { return clamped(inputRows(op, rows), depth); });
  return perSlab(call, {inputs}, {}, [&](const RowRange& rows, const Tensors& own, const Tensors&) {
    const RowRange read = inputRows(op, rows);
    const RowRange inside = clamped(read, depth);
    at::Tensor x = own[0];
    if (inside != read) {
      x = at::constant_pad_nd(
          x, {0, 0, 0, 0, inside.begin - read.begin, read.end - inside.end}, outside);
    }
    return max ? at::max_pool3d(x, kernel, stride, padding)
               : at::avg_pool3d(x, kernel, stride, padding);
  });
}

Slabs compute(const SlabCall& call, const UpsampleOp& op) {
  const std::int64_t depth = depthOf(call.inputs[0]);
  const auto readRows = [&](const RowRange& rows) { return clamped(inputRows(op, rows), depth); };
  const auto inputs = readOf(call, 0, readRows);
  return perSlab(call, {inputs}, {}, [&](const RowRange& rows, const Tensors& own, const Tensors&) {
    const RowRange read = readRows(rows);
    const at::Tensor& x = own[0];
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
  const Slabs& from = call.inputs[0];
  const std::vector<int> devices = devicesWith(from.rows);
  std::vector<Tensors> own;
  for (const int n : devices) {
    own.push_back({from.values[static_cast<std::size_t>(n)]});
  }
  const Tensors moments = autograd::eachSlab(
      call.team, devices, own, {}, [](std::size_t, const Tensors& x, const Tensors&) {
        return autograd::moments(x[0]);
      });
  at::Tensor sum;
  for (std::size_t n = 0; n < devices.size(); ++n) {
    const auto rows = static_cast<double>(own[n][0].size(2));
    const at::Tensor part = (moments[n].select(2, 0) * rows).to(moments[0].device());
    sum = sum.defined() ? sum + part : part;
  }
  const at::Tensor mean = (sum / static_cast<double>(depthOf(from)))
                              .to(own[0][0].scalar_type())
                              .view({sum.size(0), sum.size(1), 1, 1, 1});
  Slabs to{call.rows, Tensors(call.rows.size())};
  for (const int n : devicesWith(call.rows)) {
    to.values[static_cast<std::size_t>(n)] = mean.to(call.team->where(n));
  }
  return to;
}

Slabs compute(const SlabCall& call, const LinearOp&) {
  return pointwise(call,
                   {call.parameter("weight"), call.parameter("bias")},
                   [](const at::Tensor& x, const RowRange&, const Tensors& parameters) {
                     const at::Tensor y = at::linear(
                         x.flatten(1),
                         parameters[0],
                         parameters[1].defined() ? std::optional(parameters[1]) : std::nullopt);
                     return y.view({y.size(0), y.size(1), 1, 1, 1});
                   });
}

Slabs compute(const SlabCall& call, const ScaleOp&) {
  const auto inputs = readOf(call, 0, sameRows);
  const auto gates = readOf(call, 1, [](const RowRange&) { return RowRange{0, 1}; });
  return perSlab(call, {inputs, gates}, {}, [](const RowRange&, const Tensors& x, const Tensors&) {
    return x[0] * x[1];
  });
}

Slabs compute(const SlabCall& call, const PReluOp&) {
  return pointwise(call,
                   {call.parameter("weight")},
                   [](const at::Tensor& x, const RowRange&, const Tensors& slopes) {
                     return at::prelu(x, slopes[0]);
                   });
}

Slabs compute(const SlabCall& call, const SiluOp&) {
  return pointwise(call, [](const at::Tensor& x) { return at::silu(x); });
}

Slabs compute(const SlabCall& call, const SigmoidOp&) {
  return pointwise(call, [](const at::Tensor& x) { return at::sigmoid(x); });
}

Slabs compute(const SlabCall& call, const SoftmaxOp&) {
  return pointwise(call, [](const at::Tensor& x) { return at::softmax(x, 1); });
}

Slabs compute(const SlabCall& call, const ArgmaxOp&) {
  const c10::NoGradGuard noGradient;
  return pointwise(call,
                   [](const at::Tensor& x) { return at::argmax(x, 1, true).to(x.scalar_type()); });
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
  const auto drop = [&](const at::Tensor& x, const RowRange& rows, const Tensors&) -> at::Tensor {
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
  };
  return pointwise(call, {}, drop);
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

}  // namespace argand::engine
