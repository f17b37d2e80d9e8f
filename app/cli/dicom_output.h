// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/base/warning.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace argand::app {

// What a file ending in .dcm is to be and how it is written, as export and
// segment take it.
struct DicomSettings {
  std::string as;  // "rtstruct" or "seg"
  bool inventUids = false;
  bool separateHoles = false;
  std::string remark;
  std::string plan;  // that the network ran under, as text

  // Adds --as, with what it means for the verb and what it may say besides, and the others.
  CLI::Option* addTo(CLI::App& verb,
                     const std::string& meaning,
                     const std::vector<std::string>& further = {});
};

// Fails, as the writers would, where `reference` cannot carry contours or segments,
// so that a long job can refuse before it starts.
[[nodiscard]] Result<void> checkReference(const Volume& reference, const DicomSettings& settings);

// One object as it was written: the rows of "structures" (for an RTSTRUCT name,
// contours, points, dice_read_back; for a SEG name, frames, voxels, dice_read_back)
// and the same in text, a line each.
struct WrittenDicom {
  Json structures = Json::array();
  std::string text;
  Warnings warnings;
};

[[nodiscard]] Result<WrittenDicom> writeDicom(const std::filesystem::path& path,
                                              const Segmentation& segmentation,
                                              const Volume& reference,
                                              const DicomSettings& settings,
                                              const std::stop_token& stop,
                                              const ProgressFn& progress);

}  // namespace argand::app
