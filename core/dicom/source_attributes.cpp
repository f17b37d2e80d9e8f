// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/source_attributes.h"

#include "core/dicom/dcmtk_tools.h"

#include <array>

namespace argand::dicom {

namespace {

// PS3.3 C.7.1.1 (patient), C.7.2.1 (general study) and C.7.2.2 (patient study):
// the attributes that are plain values. Study Instance UID is kept apart.
const std::array kPatientAndStudy{
    DCM_PatientName,
    DCM_PatientID,
    DCM_IssuerOfPatientID,
    DCM_PatientBirthDate,
    DCM_PatientBirthTime,
    DCM_PatientSex,
    DCM_RETIRED_OtherPatientIDs,
    DCM_OtherPatientNames,
    DCM_EthnicGroup,
    DCM_PatientComments,
    DCM_PatientIdentityRemoved,
    DCM_DeidentificationMethod,
    DCM_StudyDate,
    DCM_StudyTime,
    DCM_AccessionNumber,
    DCM_ReferringPhysicianName,
    DCM_StudyDescription,
    DCM_NameOfPhysiciansReadingStudy,
    DCM_StudyID,
    DCM_AdmittingDiagnosesDescription,
    DCM_PatientAge,
    DCM_PatientSize,
    DCM_PatientWeight,
    DCM_Occupation,
    DCM_AdditionalPatientHistory,
};

DcmItem& windowItemOf(DcmDataset& dataset) {
  DcmItem* shared = nullptr;
  DcmItem* voi = nullptr;
  if (dataset.findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared).good() &&
      shared->findAndGetSequenceItem(DCM_FrameVOILUTSequence, voi).good()) {
    return *voi;
  }
  return dataset;
}

}  // namespace

SourceSeries sourceSeriesOf(DcmDataset& dataset) {
  SourceSeries source;
  source.studyUid = uidOf(dataset, DCM_StudyInstanceUID);
  source.seriesUid = uidOf(dataset, DCM_SeriesInstanceUID);
  source.frameOfReferenceUid = uidOf(dataset, DCM_FrameOfReferenceUID);
  source.positionReferenceIndicator = screenTextOf(dataset, DCM_PositionReferenceIndicator);
  source.modality = uidOf(dataset, DCM_Modality);
  source.characterSet = textOf(dataset, DCM_SpecificCharacterSet);
  for (const DcmTagKey& tag : kPatientAndStudy) {
    DcmElement* element = nullptr;
    if (dataset.findAndGetElement(tag, element).bad() || element == nullptr) {
      continue;
    }
    const auto number = static_cast<std::uint32_t>(tag.getGroup()) << 16 | tag.getElement();
    source.patientAndStudy.push_back(
        {number, DcmVR(element->getVR()).getValidVRName(), rawTextOf(*element)});
  }
  return source;
}

std::vector<WindowLevel> windowsOf(DcmDataset& dataset) {
  DcmItem& item = windowItemOf(dataset);
  const auto levels = numbersOf(item, DCM_WindowCenter);
  const auto widths = numbersOf(item, DCM_WindowWidth);
  const std::string characterSet = textOf(dataset, DCM_SpecificCharacterSet);
  std::vector<WindowLevel> windows;
  for (std::size_t n = 0; n < std::min(levels.size(), widths.size()); ++n) {
    if (!(widths[n] > 0.0)) {
      continue;
    }
    WindowLevel window{widths[n], levels[n], {}};
    OFString name;
    if (item.findAndGetOFString(DCM_WindowCenterWidthExplanation, name, n).good()) {
      window.name = screenText({name.c_str(), name.size()}, characterSet).text;
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace argand::dicom
