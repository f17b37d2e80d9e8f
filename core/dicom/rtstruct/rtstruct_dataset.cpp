// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct_dataset.h"

#include "core/base/version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

namespace argand::dicom {

namespace {

// What a structure says of the network that made it: "totalseg 2.0, sha256 12ab".
std::string modelOf(const Structure& structure, std::size_t hashDigits) {
  std::string text = structure.model;
  if (!structure.modelHash.empty()) {
    text += fmt::format(
        "{}sha256 {}", text.empty() ? "" : ", ", structure.modelHash.substr(0, hashDigits));
  }
  return text;
}

// Program, version, networks and the plan that they ran under.
std::string provenanceOf(const RtStructOptions& options, const std::vector<Structure>& structures) {
  std::string text = fmt::format("Argand {}", kVersion);
  std::set<std::string> models;
  for (const Structure& structure : structures) {
    const std::string model = modelOf(structure, std::string::npos);
    if (!model.empty() && models.insert(model).second) {
      text += "; " + model;
    }
  }
  return options.plan.empty() ? text : text + "; plan: " + options.plan;
}

}  // namespace

RtStructDataset::RtStructDataset(const SourceSeries& source, const SlicePlanes& planes)
    : ObjectWriter(source), m_planes(planes) {
  // A hundredth of a pixel: simplified contours keep a tenth from every pixel centre.
  const double grainMm = 0.02 * std::min(planes.columnSpacingMm(), planes.rowSpacingMm());
  m_decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(grainMm) - 1e-9)), 3, 9);
}

void RtStructDataset::setHeader(const RtStructOptions& options,
                                const std::vector<Structure>& structures) {
  std::vector<std::string> texts{
      options.label, options.seriesDescription, options.remark, options.plan};
  std::vector<std::string> names;
  for (const Structure& structure : structures) {
    names.push_back(structure.name);
    texts.push_back(structure.name);
    texts.push_back(structure.model);
    texts.push_back(structure.code.value_or(Code{}).meaning);
  }
  m_names = distinctValues(names, kLongestLo, m_warnings);
  setPatientAndStudy(texts);
  setSeriesAndEquipment(
      UID_RTStructureSetStorage, "RTSTRUCT", "900", options.seriesDescription, structures);
  put(m_dataset, DCM_OperatorsName, {});
  put(m_dataset, DCM_ApprovalStatus, "UNAPPROVED");
  setStructureSet(options, structures);
}

void RtStructDataset::setStructureSet(const RtStructOptions& options,
                                      const std::vector<Structure>& structures) {
  putUtf8(m_dataset, DCM_StructureSetLabel, options.label, kLongestSh);
  putUtf8(m_dataset,
          DCM_StructureSetDescription,
          singleValue(provenanceOf(options, structures), kLongestSt),
          kLongestSt);
  put(m_dataset, DCM_StructureSetDate, localTime("%Y%m%d"));
  put(m_dataset, DCM_StructureSetTime, localTime("%H%M%S"));
  DcmItem& frame = newItem(newSequence(m_dataset, DCM_ReferencedFrameOfReferenceSequence));
  put(frame, DCM_FrameOfReferenceUID, m_source.frameOfReferenceUid);
  DcmItem& study = newItem(newSequence(frame, DCM_RTReferencedStudySequence));
  put(study,
      DCM_ReferencedSOPClassUID,
      UID_RETIRED_DetachedStudyManagementSOPClass);  // as PS3.3 C.8.8.5 still asks for
  put(study, DCM_ReferencedSOPInstanceUID, m_source.studyUid);
  DcmItem& series = newItem(newSequence(study, DCM_RTReferencedSeriesSequence));
  put(series, DCM_SeriesInstanceUID, m_source.seriesUid);
  addInstances(newSequence(series, DCM_ContourImageSequence), Naming::Images);
  m_rois = &newSequence(m_dataset, DCM_StructureSetROISequence);
  m_contours = &newSequence(m_dataset, DCM_ROIContourSequence);
  m_observations = &newSequence(m_dataset, DCM_RTROIObservationsSequence);
}

Result<WrittenStructure> RtStructDataset::addRoi(const Structure& structure,
                                                 const std::vector<SlicedContours>& contours,
                                                 const std::string& remark) {
  const std::string& name = m_names[m_roiCount];
  const std::string number = std::to_string(++m_roiCount);
  DcmItem& roi = newItem(*m_rois);
  put(roi, DCM_ROINumber, number);
  put(roi, DCM_ReferencedFrameOfReferenceUID, m_source.frameOfReferenceUid);
  putUtf8(roi, DCM_ROIName, name, kLongestLo);
  setGeneration(roi, structure, remark);

  DcmItem& observation = newItem(*m_observations);
  put(observation, DCM_ObservationNumber, number);
  put(observation, DCM_ReferencedROINumber, number);
  if (structure.code) {
    putCode(newItem(newSequence(observation, DCM_RTROIIdentificationCodeSequence)),
            *structure.code);
  }
  putUtf8(observation, DCM_RTROIInterpretedType, structure.interpretedType, kLongestSh);
  put(observation, DCM_ROIInterpreter, {});

  WrittenStructure written{structure.name, 0, 0, 0.0};
  DcmItem& item = newItem(*m_contours);
  put(item,
      DCM_ROIDisplayColor,
      fmt::format("{}\\{}\\{}", structure.color.red, structure.color.green, structure.color.blue));
  put(item, DCM_ReferencedROINumber, number);
  if (contours.empty()) {
    return written;
  }
  // Rings of holes turn the other way; the type is one for all contours of an ROI.
  bool hole = false;
  for (const SlicedContours& slice : contours) {
    for (const Ring& ring : slice.rings) {
      hole = hole || signedArea(ring) * signedArea(contours.front().rings.front()) < 0.0;
    }
  }
  DcmSequenceOfItems& sequence = newSequence(item, DCM_ContourSequence);
  for (const SlicedContours& slice : contours) {
    for (const Ring& ring : slice.rings) {
      DcmItem& contour = newItem(sequence);
      addInstance(newSequence(contour, DCM_ContourImageSequence), slice.k);
      put(contour, DCM_ContourGeometricType, hole ? "CLOSEDPLANAR_XOR" : "CLOSED_PLANAR");
      put(contour, DCM_NumberOfContourPoints, std::to_string(ring.size()));
      ARGAND_TRY(setPoints(contour, ring, slice.k));
      ++written.contours;
      written.points += static_cast<std::int64_t>(ring.size());
    }
  }
  return written;
}

void RtStructDataset::setGeneration(DcmItem& roi,
                                    const Structure& structure,
                                    const std::string& remark) {
  const bool edited = structure.edited && structure.origin == Origin::Automatic;
  // Empty (type 2) where nobody knows.
  put(roi,
      DCM_ROIGenerationAlgorithm,
      structure.origin == Origin::Unknown                   ? ""
      : structure.origin == Origin::Manual                  ? "MANUAL"
      : edited || structure.origin == Origin::SemiAutomatic ? "SEMIAUTOMATIC"
                                                            : "AUTOMATIC");
  constexpr std::size_t kShortHash = 12;
  std::string description = modelOf(structure, kShortHash);
  std::string whole = modelOf(structure, std::string::npos);
  if (!remark.empty()) {
    description.append(description.empty() ? "" : ", ").append(remark);
    whole.append(whole.empty() ? "" : ", ").append(remark);
  }
  if (!description.empty()) {
    // The short form here, the whole in the description, which is ST.
    putUtf8(roi, DCM_ROIGenerationDescription, singleValue(description, kLongestLo), kLongestLo);
    putUtf8(roi, DCM_ROIDescription, singleValue(whole, kLongestSt), kLongestSt);
  }
}

Result<void> RtStructDataset::setPoints(DcmItem& contour, const Ring& ring, std::int64_t k) {
  const double grain = std::pow(10.0, -m_decimals);
  std::string text;
  text.reserve(ring.size() * 27);
  std::array<char, 400> digits{};  // any double in fixed notation
  for (const Point2& pixel : ring) {
    const Vec3 point = m_planes.toLps(pixel, k);
    for (int axis = 0; axis < 3; ++axis) {
      const double value = std::abs(point[axis]) < 0.5 * grain ? 0.0 : point[axis];  // no "-0.000"
      const auto [end, error] = std::to_chars(digits.data(),
                                              digits.data() + digits.size(),
                                              value,
                                              std::chars_format::fixed,
                                              m_decimals);
      const auto length = static_cast<std::size_t>(end - digits.data());
      if (error != std::errc{} || length > kLongestDs) {
        return fail(ErrorCode::InputRefused,
                    fmt::format("A contour point at {:.4g} mm cannot be written in the 16 "
                                "characters of a DICOM number. Check the series' position.",
                                value));
      }
      text.append(text.empty() ? "" : "\\").append(digits.data(), length);
    }
  }
  put(contour, DCM_ContourData, text);
  return {};
}

}  // namespace argand::dicom
