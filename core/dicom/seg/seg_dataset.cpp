// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg_dataset.h"

#include "core/base/version.h"
#include "core/dicom/seg/bit_packing.h"
#include "core/dicom/seg/cielab.h"
#include "core/dicom/seg/seg_codes.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace argand::dicom {

namespace {

// The last word of "testnet 1.2" where it is a version, else nothing.
std::string versionIn(const std::string& model) {
  const auto blank = model.find_last_of(' ');
  if (blank == std::string::npos || blank + 1 == model.size()) {
    return {};
  }
  std::string word = model.substr(blank + 1);
  const std::size_t first = word.front() == 'v' ? 1 : 0;
  return first < word.size() && std::isdigit(static_cast<unsigned char>(word[first])) != 0
             ? word
             : std::string();
}

std::string joinedVector(const Vec3& v) {
  return fmt::format("{}\\{}\\{}", decimalString(v.x), decimalString(v.y), decimalString(v.z));
}

}  // namespace

Result<void> checkPixelBytes(std::uint64_t frames, std::uint64_t rows, std::uint64_t columns) {
  const std::uint64_t bytes = (frames * rows * columns + 7) / 8;
  if (bytes > kMostPixelBytes) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The segments fill more than {} frames of {} x {} pixels, and a DICOM "
                            "segmentation holds 4 GiB. Write the structures to several files.",
                            frames - 1,
                            columns,
                            rows));
  }
  return {};
}

SegDataset::SegDataset(const SourceSeries& source,
                       const SlicePlanes& planes,
                       const Geometry& geometry)
    : ObjectWriter(source), m_planes(planes), m_geometry(geometry), m_dimensionsUid(newUid()) {}

void SegDataset::setHeader(const SegOptions& options,
                           const std::vector<Structure>& structures,
                           const std::vector<std::string>& names) {
  std::vector<std::string> texts = names;
  texts.push_back(options.seriesDescription);
  texts.push_back(options.remark);
  for (const Structure& structure : structures) {
    texts.push_back(structure.model);
    texts.push_back(structure.code ? structure.code->meaning : std::string());
  }
  setPatientAndStudy(texts);
  setSeriesAndEquipment(
      UID_SegmentationStorage, "SEG", "901", options.seriesDescription, structures);
  if (!m_dataset.tagExists(DCM_DeviceSerialNumber)) {
    put(m_dataset, DCM_DeviceSerialNumber, "0");  // Type 1 here, and a program has none
  }
  setContent(options);
  setPixelFormat();
  setDimensions();
  const bool oneLayer = std::all_of(structures.begin(), structures.end(), [&](const auto& other) {
    return other.layer == structures.front().layer;
  });
  put(m_dataset, DCM_SegmentsOverlap, oneLayer ? "NO" : "UNDEFINED");
  for (std::size_t n = 0; n < structures.size(); ++n) {
    addSegment(structures[n], names[n], static_cast<int>(n + 1), options);
  }
  DcmItem& series = newItem(newSequence(m_dataset, DCM_ReferencedSeriesSequence));
  put(series, DCM_SeriesInstanceUID, m_source.seriesUid);
  addInstances(newSequence(series, DCM_ReferencedInstanceSequence), Naming::Instances);
}

void SegDataset::setContent(const SegOptions& options) {
  put(m_dataset, DCM_InstanceNumber, "1");
  put(m_dataset, DCM_ContentDate, localTime("%Y%m%d"));
  put(m_dataset, DCM_ContentTime, localTime("%H%M%S"));
  put(m_dataset, DCM_ContentLabel, options.label);
  putUtf8(m_dataset, DCM_ContentDescription, options.seriesDescription, kLongestLo);
  put(m_dataset, DCM_ContentCreatorName, {});
}

void SegDataset::setPixelFormat() {
  put(m_dataset, DCM_ImageType, "DERIVED\\PRIMARY");
  put(m_dataset, DCM_SegmentationType, "BINARY");
  put(m_dataset, DCM_PhotometricInterpretation, "MONOCHROME2");
  putNumber(m_dataset, DCM_SamplesPerPixel, 1);
  putNumber(m_dataset, DCM_Rows, static_cast<Uint16>(m_geometry.size.j));
  putNumber(m_dataset, DCM_Columns, static_cast<Uint16>(m_geometry.size.i));
  putNumber(m_dataset, DCM_BitsAllocated, 1);
  putNumber(m_dataset, DCM_BitsStored, 1);
  putNumber(m_dataset, DCM_HighBit, 0);
  putNumber(m_dataset, DCM_PixelRepresentation, 0);
  put(m_dataset, DCM_LossyImageCompression, m_source.lossy ? "01" : "00");
  if (m_source.lossy && !m_source.lossyRatio.empty()) {
    put(m_dataset, DCM_LossyImageCompressionRatio, m_source.lossyRatio);
    put(m_dataset, DCM_LossyImageCompressionMethod, m_source.lossyMethod);
  }
}

void SegDataset::setDimensions() {
  put(newItem(newSequence(m_dataset, DCM_DimensionOrganizationSequence)),
      DCM_DimensionOrganizationUID,
      m_dimensionsUid);
  DcmSequenceOfItems& dimensions = newSequence(m_dataset, DCM_DimensionIndexSequence);
  const auto add = [&](const DcmTagKey& pointer, const DcmTagKey& group, const char* label) {
    DcmItem& item = newItem(dimensions);
    put(item, DCM_DimensionOrganizationUID, m_dimensionsUid);
    note(item.putAndInsertTagKey(DCM_DimensionIndexPointer, pointer));
    note(item.putAndInsertTagKey(DCM_FunctionalGroupPointer, group));
    put(item, DCM_DimensionDescriptionLabel, label);
  };
  add(DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment Number");
  add(DCM_ImagePositionPatient, DCM_PlanePositionSequence, "Image Position");
}

void SegDataset::putCodeIn(DcmItem& item, const DcmTagKey& sequence, const Code& code) {
  putCode(newItem(newSequence(item, sequence)), code);
}

void SegDataset::addSegment(const Structure& structure,
                            const std::string& name,
                            int number,
                            const SegOptions& options) {
  DcmSequenceOfItems* segments = nullptr;
  if (m_dataset.findAndGetSequence(DCM_SegmentSequence, segments).bad()) {
    segments = &newSequence(m_dataset, DCM_SegmentSequence);
  }
  DcmItem& segment = newItem(*segments);
  putNumber(segment, DCM_SegmentNumber, static_cast<Uint16>(number));
  putUtf8(segment, DCM_SegmentLabel, name, kLongestLo);
  std::string description = structure.model;
  if (!structure.modelHash.empty()) {
    description += fmt::format("{}sha256 {}", description.empty() ? "" : ", ", structure.modelHash);
  }
  if (!options.remark.empty()) {
    description += (description.empty() ? "" : ", ") + options.remark;
  }
  if (!description.empty()) {
    putUtf8(segment, DCM_SegmentDescription, cutUtf8(description, kLongestSt), kLongestSt);
  }
  putCodeIn(segment, DCM_SegmentedPropertyCategoryCodeSequence, categoryOf(structure));
  DcmItem& type = newItem(newSequence(segment, DCM_SegmentedPropertyTypeCodeSequence));
  putCode(type, structure.code.value_or(kTissue));
  if (structure.side != Side::None) {
    putCodeIn(type,
              DCM_SegmentedPropertyTypeModifierCodeSequence,
              structure.side == Side::Left ? kLeft : kRight);
  }
  addAlgorithm(segment, structure);
  const CieLab lab = cieLabOf(structure.color);
  note(segment.putAndInsertUint16Array(DCM_RecommendedDisplayCIELabValue, lab.data(), 3));
  putUtf8(segment, DCM_TrackingID, name, kLongestLo);
  put(segment, DCM_TrackingUID, newUid());
}

void SegDataset::addAlgorithm(DcmItem& segment, const Structure& structure) {
  const bool edited = structure.edited && structure.origin == Origin::Automatic;
  const char* type = structure.origin == Origin::Manual                 ? "MANUAL"
                     : structure.origin == Origin::Automatic && !edited ? "AUTOMATIC"
                                                                        : "SEMIAUTOMATIC";
  put(segment, DCM_SegmentAlgorithmType, type);
  if (structure.origin == Origin::Manual) {
    return;
  }
  const std::string name = structure.origin == Origin::Unknown ? kAlgorithmNotSaid
                           : structure.model.empty()           ? "Argand"
                                                               : structure.model;
  putUtf8(segment, DCM_SegmentAlgorithmName, name, kLongestLo);
  if (structure.model.empty()) {
    return;
  }
  DcmItem& algorithm =
      newItem(newSequence(segment, DCM_SegmentationAlgorithmIdentificationSequence));
  putCodeIn(algorithm, DCM_AlgorithmFamilyCodeSequence, kArtificialIntelligence);
  putUtf8(algorithm, DCM_AlgorithmName, structure.model, kLongestLo);
  const std::string version = versionIn(structure.model);
  putUtf8(algorithm,
          DCM_AlgorithmVersion,
          version.empty() ? fmt::format("Argand {}", kVersion) : version,
          kLongestLo);
  if (!structure.modelHash.empty()) {
    putUtf8(algorithm, DCM_AlgorithmParameters, kWeightsHash + structure.modelHash, kLongestSt);
  }
}

Result<void> SegDataset::addFrame(int number, const Box& box, std::span<const std::uint8_t> mask) {
  const auto rows = static_cast<std::uint64_t>(m_geometry.size.j);
  const auto columns = static_cast<std::uint64_t>(m_geometry.size.i);
  ARGAND_TRY(checkPixelBytes(m_frames.size() + 1, rows, columns));
  const std::size_t first = m_frames.size() * rows * columns;
  m_frames.push_back({number, box.begin.k});
  m_bits.resize((m_frames.size() * rows * columns + 7) / 8);
  auto inside = mask.begin();
  for (std::int64_t j = box.begin.j; j < box.end.j; ++j) {
    const std::size_t row = first + static_cast<std::uint64_t>(j) * columns;
    for (std::int64_t i = box.begin.i; i < box.end.i; ++i) {
      if (*inside++ != 0) {
        setBit(m_bits, row + static_cast<std::uint64_t>(i));
      }
    }
  }
  return {};
}

void SegDataset::setSharedGroups() {
  DcmItem& shared = newItem(newSequence(m_dataset, DCM_SharedFunctionalGroupsSequence));
  put(newItem(newSequence(shared, DCM_PlaneOrientationSequence)),
      DCM_ImageOrientationPatient,
      joinedVector(m_source.rowCosine) + "\\" + joinedVector(m_source.columnCosine));
  DcmItem& measures = newItem(newSequence(shared, DCM_PixelMeasuresSequence));
  put(measures,
      DCM_PixelSpacing,
      decimalString(m_planes.rowSpacingMm()) + "\\" + decimalString(m_planes.columnSpacingMm()));
  put(measures, DCM_SliceThickness, decimalString(2.0 * m_planes.halfGapMm()));
  if (m_geometry.evenlySpaced()) {
    put(measures, DCM_SpacingBetweenSlices, decimalString(2.0 * m_planes.halfGapMm()));
  }
}

void SegDataset::setFrameGroups() {
  std::map<double, Uint32> ranks;  // of the planes in use, by their height along the normal
  for (const FrameOf& frame : m_frames) {
    ranks[m_planes.heightMm(m_planes.toLps({0.0, 0.0}, frame.k))] = 0;
  }
  Uint32 last = 0;
  for (auto& [height, rank] : ranks) {
    rank = ++last;
  }
  DcmSequenceOfItems& groups = newSequence(m_dataset, DCM_PerFrameFunctionalGroupsSequence);
  for (const FrameOf& frame : m_frames) {
    addFrameGroups(groups, frame, ranks.at(m_planes.heightMm(m_planes.toLps({0.0, 0.0}, frame.k))));
  }
}

void SegDataset::addFrameGroups(DcmSequenceOfItems& groups, const FrameOf& frame, Uint32 rank) {
  DcmItem& group = newItem(groups);
  DcmItem& derivation = newItem(newSequence(group, DCM_DerivationImageSequence));
  putCodeIn(derivation, DCM_DerivationCodeSequence, kSegmentationDerivation);
  DcmSequenceOfItems& images = newSequence(derivation, DCM_SourceImageSequence);
  addInstance(images, frame.k);
  putCodeIn(*images.getItem(0), DCM_PurposeOfReferenceCodeSequence, kSourceImage);
  const Vec3 corner = m_planes.toLps({0.0, 0.0}, frame.k);
  const Vec3& source = m_source.slices[static_cast<std::size_t>(frame.k)].positionMm;
  if (length(corner - source) < 1e-6) {  // the image's own pixels, not a part of the slice
    put(*images.getItem(0), DCM_SpatialLocationsPreserved, "YES");
  }

  DcmItem& content = newItem(newSequence(group, DCM_FrameContentSequence));
  const Uint32 index[] = {static_cast<Uint32>(frame.segment), rank};
  note(content.putAndInsertUint32Array(DCM_DimensionIndexValues, index, 2));
  put(newItem(newSequence(group, DCM_PlanePositionSequence)),
      DCM_ImagePositionPatient,
      joinedVector(m_planes.toLps({0.0, 0.0}, frame.k)));
  putNumber(newItem(newSequence(group, DCM_SegmentIdentificationSequence)),
            DCM_ReferencedSegmentNumber,
            static_cast<Uint16>(frame.segment));
}

Result<void> SegDataset::save(const std::filesystem::path& path) {
  setSharedGroups();
  setFrameGroups();
  put(m_dataset, DCM_NumberOfFrames, std::to_string(m_frames.size()));
  m_bits.resize(m_bits.size() + m_bits.size() % 2);                // an even length (PS3.5 7.1.1)
  auto* pixels = new DcmPixelData(DcmTag(DCM_PixelData, EVR_OB));  // the dataset takes it over
  note(pixels->putUint8Array(m_bits.data(), static_cast<unsigned long>(m_bits.size())));
  note(m_dataset.insert(pixels, OFTrue));
  m_bits = {};
  return ObjectWriter::save(path, EXS_LittleEndianExplicit);
}

}  // namespace argand::dicom
