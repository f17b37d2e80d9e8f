// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/affine.h"

#include <cstdint>
#include <string>
#include <vector>

namespace argand {

// A DICOM attribute kept byte for byte: tag as 0xggggeeee, VR as two letters,
// value in the source's character set, values separated by backslashes.
struct SourceAttribute {
  std::uint32_t tag = 0;
  std::string vr;
  std::string value;
};

struct SourceSlice {
  std::string sopClassUid;
  std::string sopInstanceUid;
  int frame = 0;    // 1-based within a multi-frame instance; 0 for a single-frame one
  Vec3 positionMm;  // Image Position (Patient), LPS
};

// What an RTSTRUCT or SEG has to repeat about the series it refers to
// (PS3.3 A.19.3, A.51.3), in plain types. Slices are in the order of k. Where
// the volume's axes are not those of the acquired frames (`framesAreSlices`
// false), only the UIDs hold.
struct SourceSeries {
  std::string studyUid;
  std::string seriesUid;
  std::string frameOfReferenceUid;  // empty: the source has none
  std::string positionReferenceIndicator;
  std::string modality;                          // CS, as in the file
  std::string characterSet;                      // Specific Character Set, may be empty
  std::vector<SourceAttribute> patientAndStudy;  // patient, patient study and study modules
  std::vector<SourceSlice> slices;
  Vec3 rowCosine;     // IOP 1..3: along i
  Vec3 columnCosine;  // IOP 4..6: along j
  bool framesAreSlices = true;
  bool lossy = false;       // any slice was lossy compressed
  std::string lossyRatio;   // Lossy Image Compression Ratio and Method of the first such
  std::string lossyMethod;  // slice that states them
};

}  // namespace argand
