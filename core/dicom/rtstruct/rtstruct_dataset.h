// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/slice_planes.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <string>
#include <vector>

// The dataset of an RT Structure Set, module by module (PS3.3 A.19). Internal
// to core/dicom.
namespace argand::dicom {

struct SlicedContours {
  std::int64_t k = 0;
  std::vector<Ring> rings;  // in pixels of the whole slice
};

class RtStructDataset {
 public:
  // `source` has every UID; it and `planes` outlive this object.
  RtStructDataset(const SourceSeries& source, const SlicePlanes& planes);

  // The modules that do not depend on the structures.
  void setHeader(const RtStructOptions& options, const std::vector<Structure>& structures);

  // One ROI in all three sequences. Fails where a coordinate is too long for DS.
  [[nodiscard]] Result<WrittenStructure> addRoi(const Structure& structure,
                                                const std::vector<SlicedContours>& contours,
                                                const std::string& remark);

  // Implicit VR Little Endian: in explicit VR a DS holds only 64 KiB (PS3.3 C.8.8.6).
  [[nodiscard]] Result<void> save(const std::filesystem::path& path);

  [[nodiscard]] const Warnings& warnings() const { return m_warnings; }

 private:
  void put(DcmItem& item, const DcmTagKey& key, const std::string& value);
  void putUtf8(DcmItem& item, const DcmTagKey& key, const std::string& text, std::size_t longest);
  DcmSequenceOfItems& newSequence(DcmItem& item, const DcmTagKey& key);
  static DcmItem& newItem(DcmSequenceOfItems& sequence);

  void setPatientAndStudy(const std::vector<Structure>& structures);
  void copySourceAttribute(const SourceAttribute& attribute);
  void setSeriesAndEquipment(const RtStructOptions& options,
                             const std::vector<Structure>& structures);
  void setStructureSet(const RtStructOptions& options);
  void addAllImages(DcmItem& series);
  void addImage(DcmItem& contour, std::int64_t k);
  void setGeneration(DcmItem& roi, const Structure& structure, const std::string& remark);
  void setCode(DcmItem& observation, const Code& code);
  [[nodiscard]] Result<void> setPoints(DcmItem& contour, const Ring& ring, std::int64_t k);

  const SourceSeries& m_source;
  const SlicePlanes& m_planes;
  DcmFileFormat m_file;
  DcmDataset& m_dataset;
  OFCondition m_status;  // the first failure
  std::string m_characterSet;
  int m_decimals = 3;
  int m_roiCount = 0;
  DcmSequenceOfItems* m_rois = nullptr;  // owned by the dataset, as the next two
  DcmSequenceOfItems* m_contours = nullptr;
  DcmSequenceOfItems* m_observations = nullptr;
  Warnings m_warnings;
};

}  // namespace argand::dicom
