// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <filesystem>
#include <span>
#include <stop_token>
#include <vector>

// Where results may be written: never over what a job reads.
namespace argand::study {

// Fails with Usage, before any work, where writing `output` would destroy something
// that a job on `inputs` (files, and folders with their subfolders) reads: the file
// itself by any other name (relative, linked), a file of an input folder, or that
// folder. Structure sets and segmentations that lie in an input folder and are not
// named themselves may be replaced, as they may be an earlier run's result. Where
// structures overlap a label map is written as several files (see saveLabels), so
// their names are looked at too.
[[nodiscard]] Result<void> checkOutput(const std::filesystem::path& output,
                                       std::span<const std::filesystem::path> inputs,
                                       const std::stop_token& stop = {});

// The same for several, which must differ from each other.
[[nodiscard]] Result<void> checkOutputs(std::span<const std::filesystem::path> outputs,
                                        std::span<const std::filesystem::path> inputs,
                                        const std::stop_token& stop = {});

// The name of one file of a label map that is written layer by layer:
// "organs-layer2.nii.gz" for layer 1 of "organs.nii.gz".
[[nodiscard]] std::filesystem::path layerPath(const std::filesystem::path& path, int layer);

}  // namespace argand::study
