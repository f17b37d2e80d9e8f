// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/ladder.h"

#include "core/engine/plan/budget.h"

#include <algorithm>

namespace argand::engine {

Plan blankPlan(const PlanRequest& request) {
  Plan plan;
  plan.input = request.input;
  plan.dtype = request.dtype;
  plan.training = request.training;
  plan.microBatches = request.microBatches;
  plan.outputBytesPerVoxel = request.outputBytesPerVoxel;
  for (const DeviceSpec& device : request.devices) {
    DevicePlan d;
    d.device = device;
    plan.devices.push_back(d);
  }
  return plan;
}

void sortBestFirst(std::vector<Candidate>& candidates) {
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    if (a.fits != b.fits) {
      return a.fits;
    }
    return a.fits ? a.plan.makespanSeconds < b.plan.makespanSeconds
                  : tightness(a.plan) < tightness(b.plan);
  });
}

std::vector<double> sharesByRoom(std::vector<double> shares, const Plan& plan) {
  for (std::size_t n = 0; n < shares.size(); ++n) {
    const DevicePlan& d = plan.devices[n];
    const auto room = static_cast<double>(d.device.budgetBytes - d.weightBytes);
    const auto need = static_cast<double>(d.predictedPeakBytes - d.weightBytes);
    if (need > room) {
      shares[n] *= std::max(0.0, room) / need * 0.99;
    }
  }
  if (std::all_of(shares.begin(), shares.end(), [](double s) { return s <= 0.0; })) {
    return {};
  }
  return shares;
}

}  // namespace argand::engine
