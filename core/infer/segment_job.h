// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/plan.h"
#include "core/infer/preprocess.h"
#include "core/infer/run_network.h"
#include "core/infer/segmenter.h"

#include <vector>

// Internal to the segmenter: a request that was checked and planned.
namespace argand::infer {

struct RegionJob {
  Region region;  // the whole volume where none was asked for
  NetworkGrid grid;
  NetworkPlan plan;
};

struct SegmentJob {
  ModelCard card;
  engine::Graph graph;
  std::vector<RegionJob> regions;
  std::vector<bool> wanted;  // by class; the background is
  SegmentPlan summary;
};

// That of the device of this name; a new one where there is none.
[[nodiscard]] DeviceUse& useOf(std::vector<DeviceUse>& uses,
                               const std::string& name,
                               std::int64_t budgetBytes);

[[nodiscard]] Result<SegmentJob> makeJob(const SegmentRequest& request, const ModelSource& models);

}  // namespace argand::infer
