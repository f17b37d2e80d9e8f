// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/plan_words.h"

#include <set>

namespace argand::engine {

namespace {

int ownerOf(const StepPlan& step) {
  int device = 0;
  while (step.rows(device).count() == 0) {
    ++device;
  }
  return device;
}

// "; 9 of 24 steps are gathered on cpu:0, ..." where one device has all rows of a step.
std::string gatheredWords(const Plan& plan) {
  std::set<int> owners;
  int steps = 0;
  for (const StepPlan& step : plan.steps) {
    const int owner = ownerOf(step);
    if (step.rows(owner).count() == step.bounds.back()) {
      owners.insert(owner);
      ++steps;
    }
  }
  std::vector<std::string> names;
  for (const int owner : owners) {
    names.push_back(plan.devices[static_cast<std::size_t>(owner)].device.name);
  }
  return steps == 0 ? std::string()
                    : fmt::format(
                          "; {} of {} steps are gathered on {}, being too small to divide "
                          "or too heavy to have twice",
                          steps,
                          plan.steps.size(),
                          fmt::join(names, " and "));
}

}  // namespace

std::string divisionWords(const Plan& plan) {
  return plan.devicesUsed() == 1
             ? fmt::format(
                   "All on {}.",
                   plan.devices[static_cast<std::size_t>(ownerOf(plan.steps[0]))].device.name)
             : fmt::format("Slabs over {} devices{}.", plan.devicesUsed(), gatheredWords(plan));
}

}  // namespace argand::engine
