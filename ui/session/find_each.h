// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/study/study.h"

#include <filesystem>
#include <vector>

namespace argand::ui {

// What study::find() finds under each path, in one list. A path that cannot be read
// is in `refused` and does not keep the others from being opened.
//
// DICOM images, one or several of a folder, stand for the series they belong to, which
// are listed whole: a few slices of a series would be a volume that says nothing of what
// it lacks. A structure set or a segmentation is a file of its own.
[[nodiscard]] Result<study::Found> findEach(const std::vector<std::filesystem::path>& paths,
                                            const std::stop_token& stop = {},
                                            const ProgressFn& progress = {});

}  // namespace argand::ui
