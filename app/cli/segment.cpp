// SPDX-License-Identifier: Apache-2.0
#include "app/cli/segment_job.h"

namespace argand::app {

Action addSegment(CLI::App& verb) {
  auto job = std::make_shared<SegmentJob>();
  auto devices = std::make_shared<DeviceOptions>();
  verb.add_option("IN", job->in, "A study: a DICOM folder, or a .nii.gz, .nrrd or .mha file")
      ->required();
  verb.add_option("--channel", job->channels, "A further input of the model, in its order");
  verb.add_option("--model", job->model, "The model's id; see argand-cli models list")->required();
  verb.add_option("--out", job->outputs, "Where the result goes; repeat for several formats")
      ->required();
  addChoice<infer::SegmentMode>(verb,
                                "--mode",
                                job->mode,
                                {{"auto", infer::SegmentMode::Auto},
                                 {"whole", infer::SegmentMode::Whole},
                                 {"window", infer::SegmentMode::Window}},
                                "The field at once (whole) or in overlapping windows (window); "
                                "auto: as the model was trained");
  verb.add_option("--region",
                  job->regions,
                  "Run on a part: [NAME=]i0:i1,j0:j1,k0:k1 in voxels, half-open; repeatable. A "
                  "name that ends in _L or _R gives its side");
  verb.add_option("--labels", job->labels, "Only these structures")->delimiter(',');
  verb.add_option("--series", job->series, "Series Instance UID, where there are several");
  verb.add_option("--plan", job->plan, "A plan's file, or words that bind it: single, slabs");
  verb.add_flag("--force", job->force, "Run in spite of a modality or extent the model is not for");
  addStructureNames(verb, job->tg263Names);
  devices->addTo(verb);
  job->dicom.addTo(verb, "What an output ending in .dcm is: rtstruct or seg");
  return [job, devices](Context& context) -> Result<Outcome> {
    ARGAND_ASSIGN(job->devices, devices->parse());
    ARGAND_ASSIGN(const SegmentDone done, runSegment(*job, context));
    return report(done);
  };
}

}  // namespace argand::app
