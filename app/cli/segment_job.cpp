// SPDX-License-Identifier: Apache-2.0
#include "app/cli/segment_job.h"

#include "core/base/text.h"
#include "core/study/outputs.h"
#include "core/volume/structure_table.h"

#include <chrono>

namespace argand::app {

namespace {

namespace fs = std::filesystem;

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - m_start).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point m_start = Clock::now();
};

// Everything that the job reads.
std::vector<fs::path> inputsOf(const SegmentJob& job) {
  std::vector<fs::path> inputs{job.in};
  inputs.insert(inputs.end(), job.channels.begin(), job.channels.end());
  std::error_code ignored;
  if (!job.plan.empty() && fs::is_regular_file(job.plan, ignored)) {
    inputs.emplace_back(job.plan);
  }
  return inputs;
}

Result<void> checkJob(const SegmentJob& job, const std::stop_token& stop) {
  if (job.outputs.empty()) {
    return fail(ErrorCode::Usage, "Say where the result goes: --out labels.nii.gz.");
  }
  for (const fs::path& output : job.outputs) {
    // --as speaks of the DICOM file; a label map beside it needs none.
    const bool dicom = output.extension() == ".dcm";
    ARGAND_TRY(checkOutput(output, dicom ? job.dicom.as : std::string()));
  }
  return study::checkOutputs(job.outputs, inputsOf(job), stop);
}

Result<std::shared_ptr<const Volume>> readVolume(const fs::path& path,
                                                 const std::string& series,
                                                 const Context& context,
                                                 Warnings& warnings) {
  ARGAND_ASSIGN(const study::Entry entry, study::findImage(path, series, context.stop));
  ARGAND_ASSIGN(study::LoadedVolume loaded, study::load(entry, context.stop, context.progress));
  append(warnings, loaded.warnings);
  return std::make_shared<const Volume>(std::move(loaded.volume));
}

study::Provenance provenanceOf(const SegmentJob& job, const SegmentDone& done) {
  const infer::SegmentPlan& plan = done.result.plan;
  return {plan.plans,
          done.volume->source ? done.volume->source->seriesUid : displayed(job.in.filename()),
          fmt::format("{}", fmt::join(plan.overrides, " "))};
}

Result<std::vector<fs::path>> write(const SegmentJob& job,
                                    const SegmentDone& done,
                                    Warnings& warnings,
                                    const Context& context) {
  std::vector<fs::path> written;
  for (const fs::path& output : job.outputs) {
    if (output.extension() == ".dcm") {
      DicomSettings settings = job.dicom;
      settings.plan = done.result.plan.plans;
      for (const std::string& sentence : done.result.plan.overrides) {
        settings.remark += (settings.remark.empty() ? "" : " ") + sentence;
      }
      ARGAND_ASSIGN(const WrittenDicom object,
                    writeDicom(output,
                               done.result.segmentation,
                               *done.volume,
                               settings,
                               context.stop,
                               context.progress));
      append(warnings, object.warnings);
      written.push_back(output);
    } else {
      ARGAND_ASSIGN(const auto files,
                    study::saveLabels(output, done.result.segmentation, provenanceOf(job, done)));
      written.insert(written.end(), files.begin(), files.end());
    }
  }
  return written;
}

}  // namespace

Result<SegmentDone> runSegment(const SegmentJob& job, const Context& context) {
  ARGAND_TRY(checkJob(job, context.stop));
  const Stopwatch total;
  SegmentDone done;
  infer::SegmentRequest request;
  const Stopwatch reading;
  ARGAND_ASSIGN(done.volume, readVolume(job.in, job.series, context, done.warnings));
  request.channels.push_back(done.volume);
  for (const fs::path& channel : job.channels) {
    ARGAND_ASSIGN(auto volume, readVolume(channel, {}, context, done.warnings));
    request.channels.push_back(std::move(volume));
  }
  done.readSeconds = reading.seconds();
  for (const fs::path& output : job.outputs) {
    if (output.extension() == ".dcm") {
      ARGAND_TRY(checkReference(*done.volume, job.dicom));
    }
  }
  for (const std::string& text : job.regions) {
    ARGAND_ASSIGN(auto region, infer::Region::parse(text));
    request.regions.push_back(std::move(region));
  }
  ARGAND_ASSIGN(request.plan, planText(job.plan));
  request.model = job.model;
  request.structures = job.labels;
  request.devices = job.devices.devices;
  request.lastResort = job.devices.lastResort;
  request.force = job.force;
  request.mode = job.mode;
  ARGAND_ASSIGN(done.result,
                infer::segment(request, context.models, context.stop, context.progress));
  if (job.tg263Names) {
    done.result.segmentation = withTg263Names(std::move(done.result.segmentation));
  }
  for (const auto* sentences : {&done.result.plan.lastResorts, &done.result.plan.overrides}) {
    for (const std::string& sentence : *sentences) {
      done.warnings.push_back({WarningCode::Override, sentence});
    }
  }
  const Stopwatch writing;
  ARGAND_ASSIGN(done.outputs, write(job, done, done.warnings, context));
  done.writeSeconds = writing.seconds();
  done.totalSeconds = total.seconds();
  return done;
}

Outcome report(const SegmentDone& done) {
  const infer::SegmentResult& result = done.result;
  const infer::SegmentSeconds& seconds = result.seconds;
  Outcome outcome;
  Json& json = outcome.json;
  json = {{"model", result.card.id}, {"mode", result.plan.mode}, {"plan", result.plan.plans}};
  json["devices"] = Json::array();
  outcome.text = result.plan.text;
  for (const infer::DeviceUse& device : result.devices) {
    addDeviceUse(device, outcome);
  }
  json["seconds"] = {{"load", done.readSeconds + seconds.load},
                     {"prepare", seconds.prepare},
                     {"network", seconds.network},
                     {"finish", seconds.finish},
                     {"write", done.writeSeconds},
                     {"total", done.totalSeconds}};
  json["labels"] = Json::array();
  const Segmentation& segmentation = result.segmentation;
  for (const Structure& structure : segmentation.structures()) {
    const double volumeMl = segmentation.volumeMl(structure.id);
    json["labels"].push_back({{"value", structure.label},
                              {"name", structure.name},
                              {"voxels", segmentation.voxelCount(structure.id)},
                              {"volume_ml", volumeMl}});
    outcome.text +=
        fmt::format("{:>3} {:24} {:8.2f} ml\n", structure.label, structure.name, volumeMl);
  }
  json["outputs"] = Json::array();
  for (const fs::path& output : done.outputs) {
    json["outputs"].push_back(displayed(output));
    outcome.text += fmt::format("Wrote {}\n", displayed(output));
  }
  addWarnings(done.warnings, outcome);
  outcome.text += fmt::format(
      "Done in {:.2f} s, {:.2f} s of it in the network\n", done.totalSeconds, seconds.network);
  return outcome;
}

}  // namespace argand::app
