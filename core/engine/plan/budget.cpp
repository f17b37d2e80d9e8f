// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/budget.h"

#include <algorithm>

namespace argand::engine {

namespace {

double shareOf(const DevicePlan& d) {
  return static_cast<double>(d.predictedPeakBytes) /
         static_cast<double>(std::max<std::int64_t>(1, d.device.budgetBytes));
}

}  // namespace

bool fitsBudgets(const Plan& plan) {
  return std::all_of(plan.devices.begin(), plan.devices.end(), [](const DevicePlan& d) {
    return d.predictedPeakBytes <= d.device.budgetBytes;
  });
}

double tightness(const Plan& plan) {
  double worst = 0.0;
  for (const DevicePlan& d : plan.devices) {
    worst = std::max(worst, shareOf(d));
  }
  return worst;
}

std::string shortfall(const Plan& plan) {
  const auto tightest = std::max_element(
      plan.devices.begin(), plan.devices.end(), [](const DevicePlan& a, const DevicePlan& b) {
        return shareOf(a) < shareOf(b);
      });
  return fmt::format("{} would need {} ({} bytes) at '{}' and has {} ({} bytes)",
                     tightest->device.name,
                     formatBytes(tightest->predictedPeakBytes),
                     tightest->predictedPeakBytes,
                     tightest->peakStep,
                     formatBytes(tightest->device.budgetBytes),
                     tightest->device.budgetBytes);
}

}  // namespace argand::engine
