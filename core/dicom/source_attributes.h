// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/source_series.h"
#include "core/volume/volume.h"

#include <vector>

class DcmDataset;

// Internal to core/dicom: what a volume keeps of the objects it came from.
namespace argand::dicom {

// All but the slices and cosines: UIDs, modality, character set, and the
// attributes of the patient, patient study and general study modules.
[[nodiscard]] SourceSeries sourceSeriesOf(DcmDataset& dataset);

// The windows of the object's VOI LUT module, or of its shared functional groups.
[[nodiscard]] std::vector<WindowLevel> windowsOf(DcmDataset& dataset);

}  // namespace argand::dicom
