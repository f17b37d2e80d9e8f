// SPDX-License-Identifier: Apache-2.0
#include "core/infer/segment_job.h"

#include "core/base/log.h"
#include "core/engine/plan/planner.h"
#include "core/infer/run_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::infer {
namespace {

// A field may be this much larger than the largest of the training without
// being another task: hands draw regions more or less generously.
constexpr double kExtentTolerance = 0.25;

// Refuses, or notes the sentence as overridden where the request forces it.
Result<void> refuseUnlessForced(bool force,
                                std::string sentence,
                                const std::string& way,
                                std::vector<std::string>& overrides) {
  if (!force) {
    return fail(ErrorCode::InputRefused, fmt::format("{} {}", sentence, way));
  }
  log::warning("Overridden: {}", sentence);
  overrides.push_back(std::move(sentence));
  return {};
}

Result<void> checkChannels(const SegmentRequest& request,
                           const ModelCard& card,
                           std::vector<std::string>& overrides) {
  if (request.channels.size() != card.inputs.size()) {
    return fail(ErrorCode::Usage,
                fmt::format("Model '{}' takes {} volume(s), {} were given.",
                            card.id,
                            card.inputs.size(),
                            request.channels.size()));
  }
  for (std::size_t n = 0; n < card.inputs.size(); ++n) {
    const Modality found = request.channels[n]->modality;
    if (found == Modality::Unknown || found == card.inputs[n].modality) {
      continue;  // NIfTI does not say what it holds
    }
    ARGAND_TRY(
        refuseUnlessForced(request.force,
                           fmt::format("The volume is {}, but model '{}' was made for {} ({}).",
                                       toString(found),
                                       card.id,
                                       toString(card.inputs[n].modality),
                                       card.inputs[n].name),
                           "Choose another series or model, or force it.",
                           overrides));
  }
  return {};
}

Result<void> checkExtent(const SegmentRequest& request,
                         const ModelCard& card,
                         const RegionJob& job,
                         std::vector<std::string>& overrides) {
  const Vec3 extent = job.grid.extentMm();
  bool larger = false;
  for (int axis = 0; axis < 3; ++axis) {
    larger = larger || extent[axis] > card.trainedExtentMm[axis] * (1.0 + kExtentTolerance);
  }
  if (!larger) {
    return {};
  }
  const auto text = [&](const Vec3& mm) {
    return fmt::format("{:.0f} x {:.0f} x {:.0f} mm", mm.x, mm.y, mm.z);
  };
  const bool whole = request.regions.empty();
  std::string sentence =
      fmt::format("{} is {} along {}, but model '{}' was trained on fields of up to {}.",
                  whole ? "The volume"
                        : (job.region.name.empty() ? std::string("A region")
                                                   : fmt::format("Region '{}'", job.region.name)),
                  text(extent),
                  card.axisCodes,
                  card.id,
                  text(card.trainedExtentMm));
  if (!whole) {
    log::warning("{}", sentence);  // the person has chosen the part
    return {};
  }
  return refuseUnlessForced(request.force,
                            std::move(sentence),
                            "Give the part to look at as a region, or force it.",
                            overrides);
}

Result<void> checkRegion(const SegmentRequest& request,
                         const Region& region,
                         std::vector<std::string>& overrides) {
  const Geometry& source = request.channels.front()->geometry();
  const Box& box = region.box;
  if (box.empty() || intersection(box, source.box()) != box) {
    return fail(ErrorCode::Usage,
                fmt::format("The region {}{}:{},{}:{},{}:{} does not lie within the volume of {} x "
                            "{} x {} voxels.",
                            region.name.empty() ? "" : region.name + "=",
                            box.begin.i,
                            box.end.i,
                            box.begin.j,
                            box.end.j,
                            box.begin.k,
                            box.end.k,
                            source.size.i,
                            source.size.j,
                            source.size.k));
  }
  if (region.side() == Side::None) {
    return {};
  }
  // LPS: x grows to the patient's left.
  const double leftOfMiddle = cropped(source, box).centerMm().x - source.centerMm().x;
  const bool isLeft = leftOfMiddle > 0.0;
  if (leftOfMiddle != 0.0 && isLeft == (region.side() == Side::Left)) {
    return {};
  }
  return refuseUnlessForced(
      request.force,
      fmt::format("Region '{}' is named for the {} side, but its centre lies {:.1f} mm to the "
                  "patient's {} of the middle of the volume.",
                  region.name,
                  toString(region.side()),
                  std::abs(leftOfMiddle),
                  isLeft ? "left" : "right"),
      "Name the region for the side it is on, or force it.",
      overrides);
}

Result<std::vector<bool>> wantedClasses(const SegmentRequest& request, const ModelCard& card) {
  std::vector<bool> wanted(static_cast<std::size_t>(card.classes()), request.structures.empty());
  wanted[0] = true;
  for (const std::string& name : request.structures) {
    const auto found = std::find_if(card.structures.begin(),
                                    card.structures.end(),
                                    [&](const auto& structure) { return structure.name == name; });
    if (found == card.structures.end()) {
      std::string known;
      for (const ModelStructure& structure : card.structures) {
        known += (known.empty() ? "" : ", ") + structure.name;
      }
      return fail(
          ErrorCode::Usage,
          fmt::format("Model '{}' has no structure '{}'; it finds {}.", card.id, name, known));
    }
    wanted[found->value] = true;
  }
  return wanted;
}

bool inWindows(const SegmentRequest& request, const ModelCard& card) {
  return request.mode == SegmentMode::Window ||
         (request.mode == SegmentMode::Auto && card.window.has_value());
}

// Without windows in the card, what a model was trained on is what it sees at once.
engine::WindowOptions windowFor(const ModelCard& card, const engine::Extent& alignment) {
  engine::WindowOptions window;
  for (int axis = 0; axis < 3; ++axis) {
    const int from = 2 - axis;  // depth is the last of the card's axes
    const auto trained =
        static_cast<std::int64_t>(std::llround(card.trainedExtentMm[from] / card.spacingMm[from]));
    const std::int64_t multiple = alignment[axis];
    window.size[axis] =
        card.window ? card.window->size[from]
                    : std::max<std::int64_t>(1, (trained + multiple - 1) / multiple) * multiple;
  }
  window.overlap = card.window ? card.window->overlap : window.overlap;
  return window;
}

Result<NetworkPlan> planFor(const SegmentRequest& request,
                            const ModelCard& card,
                            const engine::Graph& graph,
                            const NetworkGrid& grid) {
  const engine::Shape input{1, graph.inputChannels(), grid.padded};
  const bool words = request.plan.find('\n') == std::string::npos;
  engine::PlanRequest wanted;
  wanted.input = input;
  wanted.devices = request.devices;
  wanted.lastResort = request.lastResort;
  wanted.outputBytesPerVoxel = kLabelBytesPerVoxel;
  if (words) {
    wanted.words = request.plan;
    if (!inWindows(request, card)) {
      return engine::makePlan(graph, wanted);
    }
    return engine::planWindows(graph, wanted, windowFor(card, graph.alignment()));
  }
  if (inWindows(request, card)) {
    return fail(ErrorCode::Usage,
                "In windows each device has a plan of its own: give words, not a plan's file.");
  }
  ARGAND_ASSIGN(engine::Plan given, engine::parsePlan(request.plan));
  if (given.input != input) {
    return fail(ErrorCode::Usage,
                fmt::format("The plan is for an input of {}; this volume needs {}.",
                            engine::toString(given.input.size),
                            engine::toString(input.size)));
  }
  given.outputBytesPerVoxel = kLabelBytesPerVoxel;
  return engine::adoptPlan(graph, std::move(given), request.devices);
}

// A device of a plan, as it will be used.
std::vector<DeviceUse> usesOf(const NetworkPlan& plan) {
  std::vector<DeviceUse> uses;
  const auto add = [&](const engine::DeviceSpec& device, std::int64_t predicted) {
    uses.push_back({device.name, device.budgetBytes, predicted, 0, 0.0});
  };
  if (const auto* windows = std::get_if<engine::WindowPlan>(&plan)) {
    for (std::size_t n = 0; n < windows->devices.size(); ++n) {
      add(windows->devices[n], windows->predictedPeakBytes(static_cast<int>(n)));
    }
  } else {
    for (const engine::DevicePlan& device : std::get<engine::Plan>(plan).devices) {
      add(device.device, device.predictedPeakBytes);
    }
  }
  return uses;
}

void summarize(const SegmentRequest& request, SegmentJob& job) {
  SegmentPlan& summary = job.summary;
  summary.mode = inWindows(request, job.card) ? "window" : "whole";
  for (const engine::DeviceSpec& device : request.devices) {
    summary.devices.push_back({device.name, device.budgetBytes, 0, 0, 0.0});
  }
  for (const RegionJob& region : job.regions) {
    summary.networkSizes.push_back(region.grid.size);
    if (!region.region.name.empty()) {
      summary.text += fmt::format("{}: ", region.region.name);
      summary.plans += fmt::format("Region {}\n", region.region.name);
    }
    std::visit(
        [&](const auto& plan) {
          summary.text += engine::describe(plan) + "\n";
          summary.plans += engine::toText(plan);
        },
        region.plan);
    const std::vector<DeviceUse> uses = usesOf(region.plan);
    for (const DeviceUse& use : uses) {
      DeviceUse& known = useOf(summary.devices, use.name, use.budgetBytes);
      known.predictedPeakBytes = std::max(known.predictedPeakBytes, use.predictedPeakBytes);
    }
    if (request.lastResort && uses.front().name == request.lastResort->name) {
      summary.lastResorts.push_back(
          std::visit([](const auto& plan) { return plan.reason; }, region.plan));
    }
  }
}

}  // namespace

DeviceUse& useOf(std::vector<DeviceUse>& uses, const std::string& name, std::int64_t budgetBytes) {
  const auto known =
      std::find_if(uses.begin(), uses.end(), [&](const auto& use) { return use.name == name; });
  return known != uses.end() ? *known : uses.emplace_back(DeviceUse{name, budgetBytes, 0, 0, 0.0});
}

Result<SegmentJob> makeJob(const SegmentRequest& request, const ModelSource& models) {
  SegmentJob job;
  ARGAND_ASSIGN(job.card, models.card(request.model));
  ARGAND_TRY(checkChannels(request, job.card, job.summary.overrides));
  ARGAND_ASSIGN(job.wanted, wantedClasses(request, job.card));
  ARGAND_ASSIGN(job.graph, models.network(job.card.network));
  ARGAND_TRY(checkNetwork(job.card, job.graph));
  const Geometry& source = request.channels.front()->geometry();
  std::vector<Region> regions = request.regions;
  if (regions.empty()) {
    regions.push_back({"", source.box()});
  }
  for (Region& region : regions) {
    ARGAND_TRY(checkRegion(request, region, job.summary.overrides));
    RegionJob part;
    // What is seen in windows need not be padded, and may be of any extent.
    const bool windows = inWindows(request, job.card);
    ARGAND_ASSIGN(
        part.grid,
        networkGrid(
            source, region.box, job.card, windows ? engine::Extent{} : job.graph.alignment()));
    part.region = std::move(region);
    if (!windows) {
      ARGAND_TRY(checkExtent(request, job.card, part, job.summary.overrides));
    }
    ARGAND_ASSIGN(part.plan, planFor(request, job.card, job.graph, part.grid));
    job.regions.push_back(std::move(part));
  }
  summarize(request, job);
  return job;
}

Result<SegmentPlan> planSegmentation(const SegmentRequest& request, const ModelSource& models) {
  ARGAND_ASSIGN(SegmentJob job, makeJob(request, models));
  return std::move(job.summary);
}

}  // namespace argand::infer
