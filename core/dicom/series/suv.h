// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/series/series.h"

// Standardized uptake values of PET, by body weight.
namespace argand::dicom {

struct SuvScale {
  double factor = 1.0;  // SUVbw = voxel in the unit of the series * factor
  Warnings warnings;    // what was taken for granted
};

// The factor to SUVbw of a PET series, after the vendor-neutral pseudo-code of the QIBA
// FDG-PET/CT profile: body weight in g over the dose decayed to the reference time (Units
// BQML, Decay Correction START or ADMIN), the factor of Philips' private attribute
// (7053,xx00) (Units CNTS), or 1 (Units GML). Reads the headers of all files, since the
// reference time may be the earliest acquisition of the series. Fails, naming the
// attribute, where one is missing or is no sensible number.
[[nodiscard]] Result<SuvScale> suvScale(const SeriesEntry& entry, const std::stop_token& stop = {});

}  // namespace argand::dicom
