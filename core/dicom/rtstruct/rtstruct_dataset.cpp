// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct_dataset.h"

#include "core/base/version.h"
#include "core/dicom/character_set.h"
#include "core/dicom/dcmtk_tools.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <map>

namespace argand::dicom {

namespace {

constexpr std::size_t kLongestDs = 16;
constexpr std::size_t kLongestLo = 64;
constexpr std::size_t kLongestSh = 16;

// Values longer than this many characters break their VR (PS3.5 6.2).
std::size_t longestOf(const std::string& vr) {
  if (vr == "SH" || vr == "CS" || vr == "AE") {
    return kLongestSh;
  }
  if (vr == "LO") {
    return kLongestLo;
  }
  return std::string::npos;
}

// The first `longest` characters of UTF-8 text.
std::string cutUtf8(const std::string& text, std::size_t longest) {
  std::size_t characters = 0;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const bool begins = (static_cast<unsigned char>(text[n]) & 0xC0U) != 0x80U;
    characters += begins ? 1 : 0;
    if (characters > longest) {
      return text.substr(0, n);
    }
  }
  return text;
}

std::string now(const char* format) {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 16> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), format, &local);
  return {text.data(), length};
}

bool allAscii(const std::vector<SourceAttribute>& attributes) {
  return std::all_of(attributes.begin(), attributes.end(), [](const SourceAttribute& attribute) {
    return isPlainAscii(attribute.value);
  });
}

}  // namespace

RtStructDataset::RtStructDataset(const SourceSeries& source, const SlicePlanes& planes)
    : m_source(source), m_planes(planes), m_dataset(*m_file.getDataset()), m_status(EC_Normal) {
  // A hundredth of a pixel: simplified contours keep a tenth from every pixel centre.
  const double grainMm = 0.02 * std::min(planes.columnSpacingMm(), planes.rowSpacingMm());
  m_decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(grainMm) - 1e-9)), 3, 9);
}

void RtStructDataset::put(DcmItem& item, const DcmTagKey& key, const std::string& value) {
  const OFCondition status = item.putAndInsertString(key, value.c_str());
  if (m_status.good() && status.bad()) {
    m_status = status;
  }
}

void RtStructDataset::putUtf8(DcmItem& item,
                              const DcmTagKey& key,
                              const std::string& text,
                              std::size_t longest) {
  std::string clean = text;
  for (char& c : clean) {  // a backslash separates values, control characters are not allowed
    c = c == '\\' ? '/' : (static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  clean = cutUtf8(clean, longest);
  if (clean != text) {
    m_warnings.push_back(
        {WarningCode::TextRepaired,
         fmt::format("'{}' is written as '{}': a DICOM text of its kind has at most {} characters, "
                     "no backslash and no line break.",
                     text,
                     clean,
                     longest)});
  }
  auto encoded = fromUtf8(clean, m_characterSet);
  if (!encoded) {
    std::string ascii;
    for (const char c : clean) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x80) {
        ascii.push_back(c);
      } else if ((byte & 0xC0U) != 0x80U) {
        ascii.push_back('?');
      }
    }
    m_warnings.push_back({WarningCode::TextRepaired,
                          fmt::format("'{}' is written as '{}': the character set of the study "
                                      "({}) lacks some of its letters.",
                                      clean,
                                      ascii,
                                      m_characterSet.empty() ? "ASCII" : m_characterSet)});
    encoded = ascii;
  }
  put(item, key, *encoded);
}

DcmSequenceOfItems& RtStructDataset::newSequence(DcmItem& item, const DcmTagKey& key) {
  auto* sequence = new DcmSequenceOfItems(key);  // the item takes it over
  const OFCondition status = item.insert(sequence, OFTrue);
  if (m_status.good() && status.bad()) {
    m_status = status;
  }
  return *sequence;
}

DcmItem& RtStructDataset::newItem(DcmSequenceOfItems& sequence) {
  auto* item = new DcmItem();  // the sequence takes it over
  sequence.append(item);
  return *item;
}

void RtStructDataset::setHeader(const RtStructOptions& options,
                                const std::vector<Structure>& structures) {
  setPatientAndStudy(structures);
  setSeriesAndEquipment(options, structures);
  setStructureSet(options);
}

void RtStructDataset::copySourceAttribute(const SourceAttribute& attribute) {
  const DcmTagKey key(static_cast<Uint16>(attribute.tag >> 16),
                      static_cast<Uint16>(attribute.tag & 0xFFFFU));
  std::string value = attribute.value;
  // Whom the study is about is never altered; a wrong length there is the source's own.
  const bool identity = key == DCM_PatientName || key == DCM_PatientID;
  const std::size_t longest = longestOf(attribute.vr);
  if (!identity && longest != std::string::npos && value.find('\\') == std::string::npos) {
    const bool utf8 = m_source.characterSet.find("ISO_IR 192") != std::string::npos;
    const std::string cut = utf8 || isPlainAscii(value) ? cutUtf8(value, longest) : value;
    if (cut != value) {
      m_warnings.push_back(
          {WarningCode::ValueRepaired,
           fmt::format("{} of the study has more than {} characters and is written shortened.",
                       DcmTag(key).getTagName(),
                       longest)});
      value = cut;
    }
  }
  const DcmTag tag(key, DcmVR(attribute.vr.c_str()));
  if (m_dataset.putAndInsertString(tag, value.c_str()).bad()) {
    m_warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("{} of the study could not be copied.", DcmTag(key).getTagName())});
  }
}

void RtStructDataset::setPatientAndStudy(const std::vector<Structure>& structures) {
  m_characterSet = m_source.characterSet;
  const bool plainNames =
      std::all_of(structures.begin(), structures.end(), [](const Structure& structure) {
        return isPlainAscii(structure.name) && isPlainAscii(structure.model);
      });
  if (m_characterSet.empty() && !plainNames && allAscii(m_source.patientAndStudy)) {
    m_characterSet = "ISO_IR 192";  // UTF-8: what is ASCII in the source stays as it is
  }
  if (!m_characterSet.empty()) {
    put(m_dataset, DCM_SpecificCharacterSet, m_characterSet);
  }
  for (const DcmTagKey& key : {DCM_PatientName,
                               DCM_PatientID,
                               DCM_PatientBirthDate,
                               DCM_PatientSex,
                               DCM_StudyDate,
                               DCM_StudyTime,
                               DCM_ReferringPhysicianName,
                               DCM_StudyID,
                               DCM_AccessionNumber}) {
    put(m_dataset, key, {});  // Type 2: present, if empty
  }
  for (const SourceAttribute& attribute : m_source.patientAndStudy) {
    if (attribute.tag != 0x00080005U) {
      copySourceAttribute(attribute);
    }
  }
  put(m_dataset, DCM_StudyInstanceUID, m_source.studyUid);
}

void RtStructDataset::setSeriesAndEquipment(const RtStructOptions& options,
                                            const std::vector<Structure>& structures) {
  put(m_dataset, DCM_SOPClassUID, UID_RTStructureSetStorage);
  put(m_dataset, DCM_SOPInstanceUID, newUid());
  put(m_dataset, DCM_InstanceCreationDate, now("%Y%m%d"));
  put(m_dataset, DCM_InstanceCreationTime, now("%H%M%S"));
  put(m_dataset, DCM_Modality, "RTSTRUCT");
  put(m_dataset, DCM_SeriesInstanceUID, newUid());
  put(m_dataset, DCM_SeriesNumber, "900");  // after the images; a DICOMDIR needs one
  putUtf8(m_dataset, DCM_SeriesDescription, options.seriesDescription, kLongestLo);
  put(m_dataset, DCM_OperatorsName, {});
  put(m_dataset, DCM_Manufacturer, "Argand");
  put(m_dataset, DCM_ManufacturerModelName, "Argand");
  put(m_dataset, DCM_SoftwareVersions, std::string(kVersion));
  // One serial number stands for one network's weights.
  std::string hash;
  bool single = true;
  for (const Structure& structure : structures) {
    single = single && (hash.empty() || structure.modelHash.empty() || structure.modelHash == hash);
    hash = hash.empty() ? structure.modelHash : hash;
  }
  if (single && !hash.empty()) {
    putUtf8(m_dataset, DCM_DeviceSerialNumber, hash, kLongestLo);
  }
  put(m_dataset, DCM_FrameOfReferenceUID, m_source.frameOfReferenceUid);
  putUtf8(
      m_dataset, DCM_PositionReferenceIndicator, m_source.positionReferenceIndicator, kLongestLo);
  put(m_dataset, DCM_ApprovalStatus, "UNAPPROVED");
}

void RtStructDataset::setStructureSet(const RtStructOptions& options) {
  putUtf8(m_dataset, DCM_StructureSetLabel, options.label, kLongestSh);
  put(m_dataset, DCM_StructureSetDate, now("%Y%m%d"));
  put(m_dataset, DCM_StructureSetTime, now("%H%M%S"));
  DcmItem& frame = newItem(newSequence(m_dataset, DCM_ReferencedFrameOfReferenceSequence));
  put(frame, DCM_FrameOfReferenceUID, m_source.frameOfReferenceUid);
  DcmItem& study = newItem(newSequence(frame, DCM_RTReferencedStudySequence));
  put(study,
      DCM_ReferencedSOPClassUID,
      UID_RETIRED_DetachedStudyManagementSOPClass);  // as PS3.3 C.8.8.5 still asks for
  put(study, DCM_ReferencedSOPInstanceUID, m_source.studyUid);
  DcmItem& series = newItem(newSequence(study, DCM_RTReferencedSeriesSequence));
  put(series, DCM_SeriesInstanceUID, m_source.seriesUid);
  addAllImages(series);
  m_rois = &newSequence(m_dataset, DCM_StructureSetROISequence);
  m_contours = &newSequence(m_dataset, DCM_ROIContourSequence);
  m_observations = &newSequence(m_dataset, DCM_RTROIObservationsSequence);
}

void RtStructDataset::addAllImages(DcmItem& series) {
  DcmSequenceOfItems& images = newSequence(series, DCM_ContourImageSequence);
  std::map<std::string, std::string> frames;  // of multi-frame instances
  for (const SourceSlice& slice : m_source.slices) {
    if (slice.frame > 0) {
      std::string& list = frames[slice.sopInstanceUid];
      list.append(list.empty() ? "" : "\\").append(std::to_string(slice.frame));
    }
  }
  std::map<std::string, bool> written;
  for (const SourceSlice& slice : m_source.slices) {
    if (std::exchange(written[slice.sopInstanceUid], true)) {
      continue;
    }
    DcmItem& image = newItem(images);
    put(image, DCM_ReferencedSOPClassUID, slice.sopClassUid);
    put(image, DCM_ReferencedSOPInstanceUID, slice.sopInstanceUid);
    if (slice.frame > 0) {
      put(image, DCM_ReferencedFrameNumber, frames[slice.sopInstanceUid]);
    }
  }
}

void RtStructDataset::addImage(DcmItem& contour, std::int64_t k) {
  const SourceSlice& slice = m_source.slices[static_cast<std::size_t>(k)];
  DcmItem& image = newItem(newSequence(contour, DCM_ContourImageSequence));
  put(image, DCM_ReferencedSOPClassUID, slice.sopClassUid);
  put(image, DCM_ReferencedSOPInstanceUID, slice.sopInstanceUid);
  if (slice.frame > 0) {
    put(image, DCM_ReferencedFrameNumber, std::to_string(slice.frame));
  }
}

Result<WrittenStructure> RtStructDataset::addRoi(const Structure& structure,
                                                 const std::vector<SlicedContours>& contours,
                                                 const std::string& remark) {
  const std::string number = std::to_string(++m_roiCount);
  DcmItem& roi = newItem(*m_rois);
  put(roi, DCM_ROINumber, number);
  put(roi, DCM_ReferencedFrameOfReferenceUID, m_source.frameOfReferenceUid);
  putUtf8(roi, DCM_ROIName, structure.name, kLongestLo);
  setGeneration(roi, structure, remark);

  DcmItem& observation = newItem(*m_observations);
  put(observation, DCM_ObservationNumber, number);
  put(observation, DCM_ReferencedROINumber, number);
  if (structure.code) {
    setCode(observation, *structure.code);
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
      addImage(contour, slice.k);
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
  std::string description = structure.model;
  if (!structure.modelHash.empty()) {
    description += fmt::format(
        "{}sha256 {}", description.empty() ? "" : ", ", structure.modelHash.substr(0, 12));
  }
  std::string whole = structure.model;
  if (!structure.modelHash.empty()) {
    whole += fmt::format("{}sha256 {}", whole.empty() ? "" : ", ", structure.modelHash);
  }
  if (!remark.empty()) {
    description.append(description.empty() ? "" : ", ").append(remark);
    whole.append(whole.empty() ? "" : ", ").append(remark);
  }
  if (!description.empty()) {
    // The short form here, the whole in the description, which is ST.
    putUtf8(roi, DCM_ROIGenerationDescription, cutUtf8(description, kLongestLo), kLongestLo);
    putUtf8(roi, DCM_ROIDescription, cutUtf8(whole, 1024), 1024);
  }
}

void RtStructDataset::setCode(DcmItem& observation, const Code& code) {
  DcmItem& item = newItem(newSequence(observation, DCM_RTROIIdentificationCodeSequence));
  put(item, code.value.size() > kLongestSh ? DCM_LongCodeValue : DCM_CodeValue, code.value);
  put(item, DCM_CodingSchemeDesignator, code.scheme);
  putUtf8(item, DCM_CodeMeaning, code.meaning, kLongestLo);
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

Result<void> RtStructDataset::save(const std::filesystem::path& path) {
  OFCondition status = m_status;
  if (status.good()) {
    status = m_file.saveFile(path.c_str(),
                             EXS_LittleEndianImplicit,
                             EET_ExplicitLength,
                             EGL_recalcGL,
                             EPD_withoutPadding);
  }
  if (status.bad()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("'{}' could not be written: {}. Check that the folder exists and the "
                            "disk has room.",
                            path.filename().string(),
                            status.text()));
  }
  return {};
}

}  // namespace argand::dicom
