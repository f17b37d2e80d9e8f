// SPDX-License-Identifier: Apache-2.0
#include "core/infer/segmenter.h"

#include "core/base/log.h"
#include "core/engine/run/parameters.h"
#include "core/infer/run_network.h"
#include "core/infer/segment_job.h"
#include "core/volume/structure_table.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

namespace argand::infer {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point& start) {
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - std::exchange(start, now)).count();
  return seconds;
}

// A pair's right member in a darker shade of the colour of the left one.
Color colorOf(const ModelStructure& structure, Side side) {
  if (side != Side::Right) {
    return structure.color;
  }
  const auto darker = [](std::uint8_t part) { return static_cast<std::uint8_t>(part * 2 / 3); };
  return {darker(structure.color.red), darker(structure.color.green), darker(structure.color.blue)};
}

bool valueTaken(const Segmentation& segmentation, LabelValue value) {
  const auto& all = segmentation.structures();
  return std::any_of(
      all.begin(), all.end(), [&](const Structure& other) { return other.label == value; });
}

// The label in layer 0 of a model's structure as found in a region; the
// structure is added where it is not there yet.
LabelValue labelFor(Segmentation& segmentation,
                    const ModelCard& card,
                    const ModelStructure& found,
                    Side regionSide) {
  const Side side = found.sided ? regionSide : Side::None;
  Structure structure;
  structure.name = found.name;
  if (side != Side::None) {
    structure.name += side == Side::Left ? "_L" : "_R";
  }
  if (const Structure* known = segmentation.findByName(structure.name)) {
    return known->label;
  }
  structure.code = found.code;
  structure.color = colorOf(found, side);
  structure.side = side;
  structure.origin = Origin::Automatic;
  structure.model = fmt::format("{} {}", card.name, card.version);
  structure.modelHash = card.weightsSha256;
  complete(structure);
  structure.label = valueTaken(segmentation, found.value) ? LabelValue{0} : found.value;
  const StructureId id = segmentation.add(std::move(structure));
  return segmentation.find(id)->label;
}

// Classes become labels of the segmentation. Where regions overlap, what a
// later one finds replaces what an earlier one found.
void merge(Segmentation& segmentation,
           const SegmentJob& job,
           const Region& region,
           std::vector<LabelValue> classes) {
  std::vector<LabelValue> labelOfClass{0};
  for (const ModelStructure& structure : job.card.structures) {
    labelOfClass.push_back(job.wanted[structure.value]
                               ? labelFor(segmentation, job.card, structure, region.side())
                               : LabelValue{0});
  }
  for (LabelValue& voxel : classes) {
    voxel = labelOfClass[voxel];
  }
  LabelLayer& layer = segmentation.layer(0);
  if (job.regions.size() > 1) {
    const std::vector<LabelValue> earlier = layer.read(region.box);
    std::transform(classes.begin(),
                   classes.end(),
                   earlier.begin(),
                   classes.begin(),
                   [](auto now, auto before) { return now != 0 ? now : before; });
  }
  layer.write(region.box, classes);
}

void addUse(std::vector<DeviceUse>& devices, const engine::RunReport& report) {
  for (const engine::DeviceReport& device : report.devices) {
    DeviceUse& use = useOf(devices, device.name, device.budgetBytes);
    use.peakBytes = std::max(use.peakBytes, device.peakBytes);
    use.busySeconds += device.busySeconds;
  }
}

ProgressFn ofRegion(const ProgressFn& progress, std::size_t region, std::size_t regions) {
  if (!progress) {
    return {};
  }
  return [&progress, region, regions](const Progress& part) {
    Progress whole = part;
    whole.stage = "Network";
    whole.fraction = (static_cast<double>(region) + part.fraction) / static_cast<double>(regions);
    if (regions > 1) {
      whole.detail = fmt::format("region {} of {}", region + 1, regions) +
                     (part.detail.empty() ? "" : ", " + part.detail);
    }
    progress(whole);
  };
}

}  // namespace

Result<SegmentResult> segment(const SegmentRequest& request,
                              const ModelSource& models,
                              const std::stop_token& stop,
                              const ProgressFn& progress) {
  Clock::time_point clock = Clock::now();
  ARGAND_ASSIGN(SegmentJob job, makeJob(request, models));
  SegmentResult result;
  for (const std::string& sentence : job.summary.lastResorts) {
    log::warning("{}", sentence);
  }
  result.plan = job.summary;
  result.devices = job.summary.devices;
  result.seconds.prepare = secondsSince(clock);

  report(progress, "Loading the model", 0.0);
  ARGAND_ASSIGN(const LoadedModel model, models.load(request.model));
  ARGAND_ASSIGN(const engine::Parameters parameters,
                engine::Parameters::load(model.graph, model.weights));
  result.seconds.load = secondsSince(clock);

  result.segmentation = Segmentation(request.channels.front()->geometry());
  for (std::size_t n = 0; n < job.regions.size(); ++n) {
    const RegionJob& part = job.regions[n];
    report(progress, "Preparing", static_cast<double>(n) / static_cast<double>(job.regions.size()));
    ARGAND_ASSIGN(const std::vector<float> input,
                  networkInput(request.channels, part.grid, job.card, stop));
    result.seconds.prepare += secondsSince(clock);
    log::info("Running {} on {} voxels, {}.",
              job.card.id,
              engine::toString(part.grid.padded),
              job.summary.mode);
    ARGAND_ASSIGN(NetworkRun run,
                  runNetwork(model.graph,
                             parameters,
                             part.plan,
                             part.grid,
                             input,
                             stop,
                             ofRegion(progress, n, job.regions.size())));
    result.seconds.network += secondsSince(clock);
    addUse(result.devices, run.report);
    report(progress, "Finishing", static_cast<double>(n) / static_cast<double>(job.regions.size()));
    merge(result.segmentation, job, part.region, std::move(run.labels));
    result.seconds.finish += secondsSince(clock);
  }
  result.card = std::move(job.card);
  return result;
}

}  // namespace argand::infer
