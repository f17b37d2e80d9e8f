// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"

#include <string>
#include <vector>

// What the planners for inference and for training share.
namespace argand::engine {

// The devices, sizes and numbers of a request; no steps.
[[nodiscard]] Plan blankPlan(const PlanRequest& request);

// What fits before what does not; the fastest, or what comes nearest to fitting, first.
void sortBestFirst(std::vector<Candidate>& candidates);

// The words that bind the planner, one by one.
[[nodiscard]] std::vector<std::string> wordsOf(const PlanRequest& request);

// Of devices that differ in name only, the first.
[[nodiscard]] std::vector<int> unlikeDevices(const std::vector<DeviceSpec>& devices);

// Shares of the depth that give all of it to one of `devices` devices.
[[nodiscard]] std::vector<double> allOn(int device, std::size_t devices);

// Shares of the depth, less for each device whose budget `plan`, made by these shares, exceeds.
// Empty where no device has room for anything.
[[nodiscard]] std::vector<double> sharesWithinRoom(std::vector<double> shares, const Plan& plan);

}  // namespace argand::engine
