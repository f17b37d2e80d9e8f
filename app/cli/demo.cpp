// SPDX-License-Identifier: Apache-2.0
#include "app/cli/segment_job.h"
#include "core/base/text.h"
#include "core/dicom/series/series_writer.h"
#include "core/metrics/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

// The main job on a real head, from the image to the planning system's file:
// the single-subject T1 "ch2" (Holmes et al. 1998) as a DICOM series, both
// hippocampi segmented on one device and on two that each could not hold it
// alone, exported, and set beside the AAL atlas (Tzourio-Mazoyer et al. 2002).
namespace argand::app {

namespace {

namespace fs = std::filesystem;

constexpr const char* kModel = "hippocampus-t1";

struct AtlasSide {
  const char* region;
  LabelValue atlasValue;
  const char* suffix;
};

constexpr std::array<AtlasSide, 2> kSides{
    {{"Hippocampus_L", 37, "_L"}, {"Hippocampus_R", 38, "_R"}}};

struct DemoOptions {
  fs::path out = "argand-demo";
  fs::path data = "/usr/share/mricron/templates";
};

Result<fs::path> required(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The demonstration needs {}. On Debian it comes with the package "
                            "mricron-data; elsewhere name its folder with --data.",
                            displayed(path)));
  }
  return path;
}

// Writes the head as a DICOM series under `folder`, replacing what an earlier
// demonstration left there.
Result<void> makeSeries(const fs::path& head, const fs::path& folder, const Context& context) {
  ARGAND_ASSIGN(const io::ImageFile file, io::readImage(head));
  std::error_code error;
  fs::remove_all(folder, error);
  dicom::SeriesWriteOptions options;
  options.modality = Modality::Mr;
  options.seriesDescription = "ch2 T1";
  ARGAND_TRY(dicom::writeSeries(folder, file.volume, options, context.stop, context.progress));
  return {};
}

// About 35 x 51 x 35 mm round what the atlas marks, in voxels of `volume`,
// whose axes are the patient's.
std::string regionAround(const LabelMap& atlas, const AtlasSide& side) {
  const Size3& size = atlas.geometry.size;
  Box bounds{size, {0, 0, 0}};
  std::int64_t n = 0;
  for (Index3 at; at.k < size.k; ++at.k) {
    for (at.j = 0; at.j < size.j; ++at.j) {
      for (at.i = 0; at.i < size.i; ++at.i, ++n) {
        if (atlas.voxels[static_cast<std::size_t>(n)] == side.atlasValue) {
          bounds = united(bounds.empty() ? Box{at, {at.i + 1, at.j + 1, at.k + 1}} : bounds,
                          {at, {at.i + 1, at.j + 1, at.k + 1}});
        }
      }
    }
  }
  const Vec3 extentMm{35.0, 51.0, 35.0};
  const Vec3 spacing = atlas.geometry.spacingMm();
  Box region;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t length = std::llround(extentMm[axis] / spacing[axis]);
    const std::int64_t middle = (bounds.begin[axis] + bounds.end[axis]) / 2;
    region.begin[axis] = std::max<std::int64_t>(0, middle - length / 2);
    region.end[axis] = std::min(size[axis], region.begin[axis] + length);
  }
  return fmt::format("{}={}:{},{}:{},{}:{}",
                     side.region,
                     region.begin.i,
                     region.end.i,
                     region.begin.j,
                     region.end.j,
                     region.begin.k,
                     region.end.k);
}

std::int64_t largestPeak(const std::vector<infer::DeviceUse>& devices) {
  std::int64_t peak = 0;
  for (const infer::DeviceUse& device : devices) {
    peak = std::max(peak, device.predictedPeakBytes);
  }
  return peak;
}

// A budget just below the least that one device can do with, rolling and spilling
// what it can; `refusal` is what one device says to it.
Result<std::int64_t> tightBudget(const SegmentJob& job,
                                 const std::shared_ptr<const Volume>& volume,
                                 const Context& context,
                                 std::string& refusal) {
  infer::SegmentRequest request;
  request.channels = {volume};
  request.model = job.model;
  for (const std::string& region : job.regions) {
    ARGAND_ASSIGN(auto parsed, infer::Region::parse(region));
    request.regions.push_back(std::move(parsed));
  }
  ARGAND_ASSIGN(request.devices, engine::parseDevices("cpu"));
  ARGAND_ASSIGN(const auto whole, infer::planSegmentation(request, context.models));
  std::int64_t enough = largestPeak(whole.devices);
  std::int64_t tooLittle = 0;
  while (enough - tooLittle > enough / 64) {
    const std::int64_t budget = (enough + tooLittle) / 2;
    ARGAND_ASSIGN(request.devices, engine::parseDevices("cpu", std::to_string(budget)));
    const auto planned = infer::planSegmentation(request, context.models);
    if (planned) {
      enough = budget;
      continue;
    }
    if (planned.error().code != ErrorCode::NoPlan) {
      return failureOf(planned);
    }
    tooLittle = budget;
    refusal = planned.error().message;
  }
  return tooLittle;
}

std::int64_t differingVoxels(const Segmentation& a, const Segmentation& b) {
  const Box box = a.geometry().box();
  const auto left = a.layer(0).read(box);
  const auto right = b.layer(0).read(box);
  std::int64_t count = 0;
  for (std::size_t n = 0; n < left.size(); ++n) {
    count += left[n] != right[n] ? 1 : 0;
  }
  return count;
}

// Dice of everything found on one side with the atlas's hippocampus there.
double atlasDice(const Segmentation& segmentation, const LabelMap& atlas, const AtlasSide& side) {
  const Box box = segmentation.geometry().box();
  std::vector<std::uint8_t> found(static_cast<std::size_t>(box.size().voxels()), 0);
  for (const Structure& structure : segmentation.structures()) {
    if (structure.name.ends_with(side.suffix)) {
      const auto mask = segmentation.mask(structure.id, box);
      for (std::size_t n = 0; n < found.size(); ++n) {
        found[n] = found[n] != 0 || mask[n] != 0 ? 1 : 0;
      }
    }
  }
  std::int64_t both = 0;
  std::int64_t ours = 0;
  std::int64_t theirs = 0;
  for (std::size_t n = 0; n < found.size(); ++n) {
    const bool inAtlas = atlas.voxels[n] == side.atlasValue;
    both += found[n] != 0 && inAtlas ? 1 : 0;
    ours += found[n] != 0 ? 1 : 0;
    theirs += inAtlas ? 1 : 0;
  }
  return metrics::dice(both, ours, theirs).value_or(0.0);
}

struct Split {
  std::int64_t budget = 0;
  std::string refusal;  // what one device says to that budget
  SegmentDone done;
};

Result<Split> runSplit(SegmentJob job, const SegmentDone& single, const Context& context) {
  Split split;
  ARGAND_ASSIGN(split.budget, tightBudget(job, single.volume, context, split.refusal));
  job.outputs = {job.outputs.front().parent_path() / "hippocampi-two-devices.nii.gz"};
  ARGAND_ASSIGN(job.devices, engine::chooseDevices("cpu:0,cpu:1", std::to_string(split.budget)));
  ARGAND_ASSIGN(split.done, runSegment(job, context));
  return split;
}

Outcome told(const SegmentDone& single,
             const Split& split,
             const LabelMap& atlas,
             const fs::path& study) {
  const Outcome one = report(single);
  const Outcome two = report(split.done);
  const std::int64_t differing =
      differingVoxels(single.result.segmentation, split.done.result.segmentation);
  Outcome outcome;
  outcome.json = {{"study", displayed(study)},
                  {"single", one.json},
                  {"split", two.json},
                  {"split_budget_bytes", split.budget},
                  {"refusal_on_one_device", split.refusal},
                  {"differing_voxels", differing},
                  {"atlas_dice", Json::object()},
                  {"outputs", one.json["outputs"]}};
  outcome.text = fmt::format(
      "Study: {}\n\nOn one device\n{}\nOn two devices with {} each\nOne device with that budget: "
      "{}\n{}\nLabels that differ between the two runs: {} voxels\n",
      displayed(study),
      one.text,
      engine::formatBytes(split.budget),
      split.refusal,
      two.text,
      differing);
  for (const AtlasSide& side : kSides) {
    const double dice = atlasDice(single.result.segmentation, atlas, side);
    outcome.json["atlas_dice"][side.region] = dice;
    outcome.text += fmt::format(
        "{}: Dice {:.2f} with the AAL atlas, which draws it wider\n", side.region, dice);
  }
  outcome.status = differing == 0 ? 0 : exitStatus(ErrorCode::Internal);
  return outcome;
}

Result<Outcome> demo(const DemoOptions& options, const Context& context) {
  ARGAND_ASSIGN(const fs::path head, required(options.data / "ch2.nii.gz"));
  ARGAND_ASSIGN(const fs::path atlasFile, required(options.data / "aal.nii.gz"));
  const fs::path series = options.out / "study";
  std::error_code error;
  fs::create_directories(options.out, error);
  ARGAND_TRY(makeSeries(head, series, context));

  ARGAND_ASSIGN(const study::Entry entry, study::findImage(series, {}, context.stop));
  ARGAND_ASSIGN(const study::LoadedVolume loaded, study::load(entry, context.stop));
  const Volume& volume = loaded.volume;
  ARGAND_ASSIGN(const study::LoadedLabelMap atlas,
                study::loadLabelMap(atlasFile, volume.geometry(), {}, context.stop));
  SegmentJob job;
  job.in = series;
  job.model = kModel;
  job.dicom.as = "rtstruct";
  job.outputs = {options.out / "hippocampi.nii.gz", options.out / "hippocampi.dcm"};
  for (const AtlasSide& side : kSides) {
    job.regions.push_back(regionAround(atlas.labels, side));
  }
  ARGAND_ASSIGN(job.devices, engine::chooseDevices("cpu"));
  ARGAND_ASSIGN(const SegmentDone single, runSegment(job, context));
  ARGAND_ASSIGN(const Split split, runSplit(job, single, context));
  return told(single, split, atlas.labels, series);
}

}  // namespace

Action addDemo(CLI::App& verb) {
  auto options = std::make_shared<DemoOptions>();
  verb.add_option("--out", options->out, "Where study and results go")->capture_default_str();
  verb.add_option("--data", options->data, "The folder with ch2.nii.gz and aal.nii.gz")
      ->capture_default_str();
  return [options](Context& context) { return demo(*options, context); };
}

}  // namespace argand::app
