// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/ladder.h"

#include "core/engine/plan/budget.h"
#include "core/engine/plan/plan_space.h"

#include <algorithm>
#include <iterator>
#include <sstream>

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

std::vector<std::string> wordsOf(const PlanRequest& request) {
  std::string text = request.words;
  std::replace(text.begin(), text.end(), ',', ' ');
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

std::vector<int> unlikeDevices(const std::vector<DeviceSpec>& devices) {
  std::vector<int> first;
  for (auto self = devices.begin(); self != devices.end(); ++self) {
    if (std::none_of(
            devices.begin(), self, [&](const DeviceSpec& other) { return alike(other, *self); })) {
      first.push_back(static_cast<int>(self - devices.begin()));
    }
  }
  return first;
}

std::vector<double> allOn(int device, std::size_t devices) {
  std::vector<double> shares(devices, 0.0);
  shares[static_cast<std::size_t>(device)] = 1.0;
  return shares;
}

std::vector<double> sharesWithinRoom(std::vector<double> shares, const Plan& plan) {
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
