// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/cli/dicom_output.h"
#include "app/cli/verb.h"
#include "core/infer/segmenter.h"

namespace argand::app {

// The main job, as segment and demo run it.
struct SegmentJob {
  std::filesystem::path in;
  std::vector<std::filesystem::path> channels;  // the model's further inputs
  std::string model;
  std::vector<std::filesystem::path> outputs;
  infer::SegmentMode mode = infer::SegmentMode::Auto;
  std::string series;
  std::string plan;
  std::vector<std::string> regions;
  std::vector<std::string> labels;
  bool force = false;
  bool tg263Names = false;
  engine::DeviceChoice devices;
  DicomSettings dicom;
};

struct SegmentDone {
  std::shared_ptr<const Volume> volume;
  infer::SegmentResult result;
  std::vector<std::filesystem::path> outputs;
  Warnings warnings;
  double readSeconds = 0.0;
  double writeSeconds = 0.0;
  double totalSeconds = 0.0;
};

// Nothing is written unless all of it worked up to the writing.
[[nodiscard]] Result<SegmentDone> runSegment(const SegmentJob& job, const Context& context);

// What `argand-cli segment` prints of it.
[[nodiscard]] Outcome report(const SegmentDone& done);

}  // namespace argand::app
