// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/volume/volume.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace argand::app {

// How an RTSTRUCT is written, as export and segment take it.
struct RtStructSettings {
  bool inventUids = false;
  bool separateHoles = false;
  std::string remark;

  void addTo(CLI::App& verb);
};

// Fails, as the writer would, where `reference` cannot carry contours, so that
// a long job can refuse before it starts.
[[nodiscard]] Result<void> checkReference(const Volume& reference,
                                          const RtStructSettings& settings);

[[nodiscard]] Result<dicom::WrittenRtStruct> writeRtStruct(const std::filesystem::path& path,
                                                           const Segmentation& segmentation,
                                                           const Volume& reference,
                                                           const RtStructSettings& settings,
                                                           const std::vector<StructureId>& only,
                                                           const std::stop_token& stop,
                                                           const ProgressFn& progress);

[[nodiscard]] Json toJson(const std::vector<dicom::WrittenStructure>& structures);

}  // namespace argand::app
