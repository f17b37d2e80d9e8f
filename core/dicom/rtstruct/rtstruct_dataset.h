// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/object_writer.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/slice_planes.h"

#include <string>
#include <vector>

// The dataset of an RT Structure Set, module by module (PS3.3 A.19). Internal
// to core/dicom.
namespace argand::dicom {

struct SlicedContours {
  std::int64_t k = 0;
  std::vector<Ring> rings;  // in pixels of the whole slice
};

class RtStructDataset : public ObjectWriter {
 public:
  // `source` has every UID; it and `planes` outlive this object.
  RtStructDataset(const SourceSeries& source, const SlicePlanes& planes);

  // The modules that do not depend on the structures.
  void setHeader(const RtStructOptions& options, const std::vector<Structure>& structures);

  // One ROI in all three sequences, in the order of setHeader(). Fails where a
  // coordinate is too long for DS.
  [[nodiscard]] Result<WrittenStructure> addRoi(const Structure& structure,
                                                const std::vector<SlicedContours>& contours,
                                                const std::string& remark);

  // Implicit VR Little Endian: in explicit VR a DS holds only 64 KiB (PS3.3 C.8.8.6).
  [[nodiscard]] Result<void> save(const std::filesystem::path& path) {
    return ObjectWriter::save(path, EXS_LittleEndianImplicit);
  }

 private:
  void setStructureSet(const RtStructOptions& options, const std::vector<Structure>& structures);
  void setGeneration(DcmItem& roi, const Structure& structure, const std::string& remark);
  [[nodiscard]] Result<void> setPoints(DcmItem& contour, const Ring& ring, std::int64_t k);

  const SlicePlanes& m_planes;
  int m_decimals = 3;
  std::vector<std::string> m_names;  // of the ROIs, as they are written
  std::size_t m_roiCount = 0;
  DcmSequenceOfItems* m_rois = nullptr;  // owned by the dataset, as the next two
  DcmSequenceOfItems* m_contours = nullptr;
  DcmSequenceOfItems* m_observations = nullptr;
};

}  // namespace argand::dicom
