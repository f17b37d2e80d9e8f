// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <string>

// Internal to core/dicom: the codes that segmentations are described with.
namespace argand::dicom {

// CID 7150 and CID 7166 have Tissue both as a category and as a type; it stands for
// a structure whose kind nobody said, and is read as no code.
inline const Code kTissue{"SCT", "85756007", "Tissue"};
inline const Code kAnatomicalStructure{"SCT", "123037004", "Anatomical Structure"};
// CID 244.
inline const Code kLeft{"SCT", "7771000", "Left"};
inline const Code kRight{"SCT", "24028007", "Right"};
// CID 7162.
inline const Code kArtificialIntelligence{"DCM", "123110", "Artificial Intelligence"};
// CID 7203 and CID 7202.
inline const Code kSegmentationDerivation{"DCM", "113076", "Segmentation"};
inline const Code kSourceImage{"DCM", "121322", "Source image for image processing operation"};

// Segment Algorithm Name of a structure from a file that does not say who drew it.
inline const std::string kAlgorithmNotSaid = "not stated";
// What stands before the hash of a network's weights in Algorithm Parameters.
inline const std::string kWeightsHash = "weights sha256 ";

// Returns the Segmented Property Category of a structure: its own, else that of an
// anatomical structure where there is a code.
[[nodiscard]] inline Code categoryOf(const Structure& structure) {
  return structure.category.value_or(structure.code ? kAnatomicalStructure : kTissue);
}

}  // namespace argand::dicom
