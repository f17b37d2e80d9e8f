// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/engine/plan/devices.h"
#include "core/infer/model_source.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

// The main job: volumes in, a segmentation on the source's grid out.
namespace argand::infer {

// A part of the volume to run on, in voxel indices of the source. A name that
// ends in _L or _R gives its side to the sided structures found in it; it is
// checked against where the region's centre lies, left or right of the middle
// of the volume (in LPS).
struct Region {
  std::string name;
  Box box;

  [[nodiscard]] Side side() const;
  // "Hippocampus_L=10:45,20:71,30:65" or without a name; half-open.
  [[nodiscard]] static Result<Region> parse(const std::string& text);
};

enum class SegmentMode {
  Auto,    // as the model's card says
  Whole,   // the field at once
  Window,  // the card's windows; without any, windows as large as the field it was trained on
};

struct SegmentRequest {
  // One volume per input of the model; the first one's grid is the source grid,
  // the others are resampled to it.
  std::vector<std::shared_ptr<const Volume>> channels;
  std::string model;
  std::vector<Region> regions;          // empty: the whole volume
  std::vector<std::string> structures;  // names wanted; empty: all
  SegmentMode mode = SegmentMode::Auto;
  std::vector<engine::DeviceSpec> devices;
  // Taken for a region where nothing fits on `devices`: the processor, where GPUs were
  // chosen for the person.
  std::optional<engine::DeviceSpec> lastResort;
  std::string plan;    // words that bind the planner ("single", "slabs"), or a plan's text; empty:
                       // its own choice
  bool force = false;  // run in spite of another modality or too large a field
};

struct DeviceUse {
  std::string name;
  std::int64_t budgetBytes = 0;
  std::int64_t predictedPeakBytes = 0;
  std::int64_t peakBytes = 0;
  double busySeconds = 0.0;
};

struct SegmentSeconds {
  double load = 0.0;     // model and weights; the caller adds reading the study
  double prepare = 0.0;  // orientation, resampling, normalisation
  double network = 0.0;
  double finish = 0.0;  // argmax on the source grid, side, structures
};

// What would be done, before it is: shown to the person and checked.
struct SegmentPlan {
  std::string mode;                      // "whole" or "window"
  std::string text;                      // the plan of each region, for the person
  std::string plans;                     // the same as what `SegmentRequest::plan` takes
  std::vector<DeviceUse> devices;        // peakBytes and busySeconds not yet known
  std::vector<std::string> lastResorts;  // why another device than those asked for is used
  std::vector<std::string> overrides;    // what `force` overrode, one sentence each
  std::vector<Size3> networkSizes;       // i, j, k of what the network sees, per region
};

struct SegmentResult {
  Segmentation segmentation;
  SegmentPlan plan;
  std::vector<DeviceUse> devices;
  SegmentSeconds seconds;
  ModelCard card;
};

// Fails with InputRefused (modality or extent do not match, naming both),
// NoPlan (no plan fits the budgets, with the figures), or Usage.
[[nodiscard]] Result<SegmentPlan> planSegmentation(const SegmentRequest& request,
                                                   const ModelSource& models);

// Every region is brought to the card's orientation (nearest axes), spacing and
// normalisation, run under the plan, whole or in windows, and its class scores are
// mapped back and turned into labels slab by slab: no buffer of classes x volume exists.
[[nodiscard]] Result<SegmentResult> segment(const SegmentRequest& request,
                                            const ModelSource& models,
                                            const std::stop_token& stop = {},
                                            const ProgressFn& progress = {});

}  // namespace argand::infer
