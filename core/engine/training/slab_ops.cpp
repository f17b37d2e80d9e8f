// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/slab_ops.h"

#include "core/engine/training/inner_graph.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace argand::engine {

std::vector<int> devicesWith(const std::vector<RowRange>& rows) {
  std::vector<int> devices;
  for (std::size_t n = 0; n < rows.size(); ++n) {
    if (rows[n].count() > 0) {
      devices.push_back(static_cast<int>(n));
    }
  }
  return devices;
}

namespace autograd {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::edge_list;
using torch::autograd::variable_list;

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;

// What one slab has recorded.
struct SlabGraph {
  edge_list end;
  std::vector<Start> inputs;
  std::vector<Start> shared;
};

struct SlabGraphs : torch::CustomClassHolder {
  TeamPtr team;
  std::vector<int> devices;
  const std::vector<Tensors>* inputs = nullptr;  // during forward
  const Tensors* shared = nullptr;
  const MakeSlab* make = nullptr;
  bool records = false;
  std::vector<SlabGraph> graphs;
};

struct EachSlab : torch::autograd::Function<EachSlab> {
  // `all`: every slab's inputs, then what is shared.
  static variable_list forward(AutogradContext* context,
                               at::TensorList /*all*/,
                               const c10::intrusive_ptr<SlabGraphs>& what) {
    context->set_materialize_grads(false);
    context->saved_data["what"] = c10::IValue::make_capsule(what);
    what->graphs.resize(what->devices.size());
    variable_list made(what->devices.size());
    what->team->each(what->devices, [&](std::size_t n) {
      SlabGraph& graph = what->graphs[n];
      const c10::Device& where = what->team->where(what->devices[n]);
      // What is shared lies on one device; its gradient goes back there.
      const auto cut = [&](const Tensors& values, std::vector<Start>& starts) {
        Tensors begun;
        for (const at::Tensor& value : values) {
          begun.push_back(what->records && value.defined() ? starts.emplace_back().cut(value)
                                                           : value);
          if (value.defined()) {
            begun.back() = begun.back().to(where);
          }
        }
        return begun;
      };
      const c10::AutoGradMode mode(what->records);
      const Tensors inputs = cut((*what->inputs)[n], graph.inputs);
      const Tensors shared = cut(*what->shared, graph.shared);
      const at::Tensor slab = (*what->make)(n, inputs, shared);
      graph.end = {endOf(slab)};
      made[n] = slab.variable_data();
    });
    return made;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<SlabGraphs>(context->saved_data["what"].toCapsule());
    std::vector<SlabGraph> graphs = std::exchange(what->graphs, {});
    std::vector<Tensors> toInputs(graphs.size());
    std::vector<Tensors> toShared(graphs.size());
    what->team->each(what->devices, [&](std::size_t n) {
      SlabGraph& graph = graphs[n];
      Tensors given{std::move(gradients[n])};
      runBackward(graph.end, given);
      for (Start& start : graph.inputs) {
        toInputs[n].push_back(start.take());
      }
      for (Start& start : graph.shared) {
        const at::Tensor gradient = start.take();
        toShared[n].push_back(gradient.defined() ? gradient.contiguous() : gradient);
      }
    });
    variable_list all;
    for (Tensors& one : toInputs) {
      std::move(one.begin(), one.end(), std::back_inserter(all));
    }
    for (std::size_t m = 0; m < toShared.front().size(); ++m) {
      at::Tensor sum;
      for (Tensors& one : toShared) {
        addTo(sum, std::move(one[m]));
      }
      all.push_back(std::move(sum));
    }
    all.emplace_back();
    return all;
  }
};

// Where each part of one value goes.
struct Exchanged : torch::CustomClassHolder {
  TeamPtr team;
  std::vector<int> devices;  // that have it
  std::vector<RowRange> rows;
  std::vector<int> readers;
  std::vector<RowRange> wanted;

  // The device has slab m and reads it as it is, as piece n.
  [[nodiscard]] bool keepsSlab(std::size_t m, std::size_t n) const {
    return devices[m] == readers[n] && rows[m] == wanted[n];
  }
};

struct Exchange : torch::autograd::Function<Exchange> {
  static variable_list forward(AutogradContext* context,
                               at::TensorList slabs,
                               const c10::intrusive_ptr<Exchanged>& what) {
    const std::int64_t depth = what->rows.back().end;
    context->set_materialize_grads(false);
    context->saved_data["what"] = c10::IValue::make_capsule(what);
    context->saved_data["sizes"] = slabs[0].sizes().vec();
    variable_list pieces(what->readers.size());
    what->team->each(what->readers, [&](std::size_t n) {
      const RowRange& rows = what->wanted[n];
      const c10::Device& where = what->team->where(what->readers[n]);
      std::vector<at::Tensor> parts;
      const auto zeros = [&](std::int64_t count) {
        std::vector<std::int64_t> sizes = slabs[0].sizes().vec();
        sizes[2] = count;
        if (count > 0) {
          parts.push_back(at::empty(sizes, slabs[0].options().device(where), kLast).zero_());
        }
      };
      zeros(std::min<std::int64_t>(0, rows.end) - std::min<std::int64_t>(0, rows.begin));
      for (std::size_t m = 0; m < slabs.size(); ++m) {
        const RowRange& own = what->rows[m];
        if (what->keepsSlab(m, n)) {
          pieces[n] = slabs[m].variable_data();
          return;
        }
        if (const RowRange part = intersection(rows, own); part.count() > 0) {
          parts.push_back(slabs[m].narrow(2, part.begin - own.begin, part.count()).to(where));
        }
      }
      zeros(std::max(depth, rows.end) - std::max(depth, rows.begin));
      pieces[n] = at::cat(parts, 2).contiguous(kLast);
    });
    return pieces;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<Exchanged>(context->saved_data["what"].toCapsule());
    const std::vector<std::int64_t> all = context->saved_data["sizes"].toIntVector();
    variable_list toSlabs(what->devices.size());
    what->team->each(what->devices, [&](std::size_t m) {
      const RowRange& own = what->rows[m];
      std::vector<std::size_t> parts;
      for (std::size_t n = 0; n < gradients.size(); ++n) {
        if (gradients[n].defined() && intersection(what->wanted[n], own).count() > 0) {
          parts.push_back(n);
        }
      }
      // One that covers the slab begins the sum.
      std::stable_partition(parts.begin(), parts.end(), [&](std::size_t n) {
        return intersection(what->wanted[n], own) == own;
      });
      at::Tensor sum;
      for (const std::size_t n : parts) {
        const RowRange rows = intersection(what->wanted[n], own);
        const at::Tensor part = gradients[n]
                                    .narrow(2, rows.begin - what->wanted[n].begin, rows.count())
                                    .to(what->team->where(what->devices[m]));
        if (parts.size() == 1 && what->keepsSlab(m, n)) {
          sum = gradients[n];
        } else if (!sum.defined() && rows == own) {
          sum = part.clone(kLast);
        } else {
          if (!sum.defined()) {
            std::vector<std::int64_t> sizes = all;
            sizes[2] = own.count();
            sum = at::empty(sizes, part.options(), kLast).zero_();
          }
          sum.narrow(2, rows.begin - own.begin, rows.count()).add_(part);
        }
      }
      toSlabs[m] = std::move(sum);
    });
    toSlabs.emplace_back();
    return toSlabs;
  }
};

struct TeamOf : torch::CustomClassHolder {
  TeamPtr team;
  std::vector<int> devices;
};

struct Shared : torch::autograd::Function<Shared> {
  static variable_list forward(AutogradContext* context,
                               at::TensorList slabs,
                               const c10::intrusive_ptr<TeamOf>& what) {
    context->set_materialize_grads(false);
    context->saved_data["what"] = c10::IValue::make_capsule(what);
    variable_list both;
    for (int time = 0; time < 2; ++time) {
      for (const at::Tensor& slab : slabs) {
        both.push_back(slab.variable_data());
      }
    }
    return both;
  }

  static variable_list backward(AutogradContext* context, variable_list& gradients) {
    const auto what =
        c10::static_intrusive_pointer_cast<TeamOf>(context->saved_data["what"].toCapsule());
    variable_list sums(what->devices.size());
    what->team->each(what->devices, [&](std::size_t n) {
      sums[n] = std::move(gradients[sums.size() + n]);
      addTo(sums[n], std::move(gradients[n]));
    });
    sums.emplace_back();
    return sums;
  }
};

}  // namespace

Tensors eachSlab(const TeamPtr& team,
                 const std::vector<int>& devices,
                 const std::vector<Tensors>& inputs,
                 const Tensors& shared,
                 const MakeSlab& make) {
  auto what = c10::make_intrusive<SlabGraphs>();
  what->team = team;
  what->devices = devices;
  what->inputs = &inputs;
  what->shared = &shared;
  what->make = &make;
  what->records = c10::GradMode::is_enabled();
  Tensors all;
  for (const Tensors& one : inputs) {
    all.insert(all.end(), one.begin(), one.end());
  }
  std::copy_if(shared.begin(), shared.end(), std::back_inserter(all), [](const at::Tensor& one) {
    return one.defined();
  });
  return EachSlab::apply(at::TensorList(all), what);
}

Tensors gathered(const TeamPtr& team, const Slabs& from, const std::vector<RowRange>& wanted) {
  Tensors result(wanted.size());
  bool copies = false;
  auto what = c10::make_intrusive<Exchanged>();
  what->readers = devicesWith(wanted);
  for (const int n : what->readers) {
    const auto device = static_cast<std::size_t>(n);
    if (from.rows[device] == wanted[device]) {
      result[device] = from.values[device];
    } else {
      copies = true;
    }
    what->wanted.push_back(wanted[device]);
  }
  if (!copies) {
    return result;
  }
  what->team = team;
  what->devices = devicesWith(from.rows);
  Tensors given;
  for (const int n : what->devices) {
    what->rows.push_back(from.rows[static_cast<std::size_t>(n)]);
    given.push_back(from.values[static_cast<std::size_t>(n)]);
  }
  const variable_list pieces = Exchange::apply(at::TensorList(given), what);
  for (std::size_t n = 0; n < pieces.size(); ++n) {
    result[static_cast<std::size_t>(what->readers[n])] = pieces[n];
  }
  return result;
}

std::pair<Slabs, Slabs> shared(const TeamPtr& team, const Slabs& slabs) {
  auto what = c10::make_intrusive<TeamOf>();
  what->team = team;
  what->devices = devicesWith(slabs.rows);
  Tensors given;
  for (const int n : what->devices) {
    given.push_back(slabs.values[static_cast<std::size_t>(n)]);
  }
  const variable_list both = Shared::apply(at::TensorList(given), what);
  std::pair<Slabs, Slabs> result{slabs, slabs};
  for (std::size_t n = 0; n < given.size(); ++n) {
    const auto device = static_cast<std::size_t>(what->devices[n]);
    result.first.values[device] = both[n];
    result.second.values[device] = both[given.size() + n];
  }
  return result;
}

}  // namespace autograd

}  // namespace argand::engine
