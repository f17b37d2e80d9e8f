// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/plan.h"
#include "core/engine/plan/time_model.h"

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace argand::engine::test {

// One processor for each number of threads.
inline std::vector<DeviceSpec> processors(const std::vector<int>& threads) {
  std::vector<DeviceSpec> devices;
  for (std::size_t n = 0; n < threads.size(); ++n) {
    DeviceSpec spec;
    spec.name = fmt::format("cpu:{}", n);
    spec.index = static_cast<int>(n);
    spec.threads = threads[n];
    devices.push_back(spec);
  }
  return devices;
}

// A network of one size on some devices, with room for everything at first.
struct PlanCase {
  Graph graph;
  Program program;
  std::vector<Shape> shapes;
  std::vector<DeviceSpec> devices;
  Plan blank;

  PlanCase(Graph made, std::vector<DeviceSpec> on, const Extent& size, std::int64_t samples = 1)
      : graph(std::move(made)), program(lowered(graph)), devices(std::move(on)) {
    blank.input = {samples, graph.inputChannels(), size};
    shapes = *graph.shapes(blank.input);
    setBudgets([](std::size_t) { return std::int64_t{1} << 40; });
  }

  void setBudgets(const std::function<std::int64_t(std::size_t)>& budget) {
    blank.devices.clear();
    for (std::size_t n = 0; n < devices.size(); ++n) {
      devices[n].budgetBytes = budget(n);
      DevicePlan d;
      d.device = devices[n];
      blank.devices.push_back(d);
    }
  }

  [[nodiscard]] TimeModel times() const {
    return *TimeModel::create(devices, blank.dtype, graph, program, shapes);
  }
};

}  // namespace argand::engine::test
