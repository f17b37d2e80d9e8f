// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/frames.h"

#include "core/base/text.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

struct SplitRule {
  const char* word;
  std::vector<DcmTagKey> tags;  // the first that is present
};

const std::vector<SplitRule>& splitRules() {
  static const std::vector<SplitRule> rules{
      {"stack", {DCM_StackID}},
      {"echo time", {DCM_EffectiveEchoTime, DCM_EchoTime}},
      {"echo number", {DCM_EchoNumbers}},
      {"inversion time", {DCM_InversionTime, DCM_InversionTimes}},
      {"diffusion b-value", {DCM_DiffusionBValue}},
      {"temporal position", {DCM_TemporalPositionIndex, DCM_TemporalPositionIdentifier}},
      {"acquisition number", {DCM_FrameAcquisitionNumber, DCM_AcquisitionNumber}},
      {"trigger time", {DCM_NominalCardiacTriggerDelayTime, DCM_TriggerTime}},
      {"image type", {DCM_FrameType, DCM_ImageType}},
      {"tube voltage", {DCM_KVP}},
      {"reconstruction kernel", {DCM_ConvolutionKernel}},
      {"acquisition time", {DCM_FrameAcquisitionDateTime, DCM_AcquisitionTime}},
      {"series description", {DCM_SeriesDescription}},
  };
  return rules;
}

// What the pixels of a picture of many slices would need (Siemens: CSA headers; UIH:
// (0065,1050)) is not read, so such pictures are refused by name.
Result<void> refuseMosaic(const Attributes& in) {
  const std::string maker = utf8Text(in.text(DCM_Manufacturer));
  const auto madeBy = [&](std::string_view name) {
    return std::search(maker.begin(), maker.end(), name.begin(), name.end(), [](char a, char b) {
             return std::tolower(static_cast<unsigned char>(a)) == b;
           }) != maker.end();
  };
  const bool siemens = madeBy("siemens") || maker.empty();
  const bool uih = madeBy("uih") || madeBy("united imaging");
  const bool grid = uih && in.find(DcmTagKey(0x0065, 0x1050)) != nullptr;
  if (grid || ((siemens || uih) && holdsValue(in.text(DCM_ImageType), "MOSAIC"))) {
    return refused(
        fmt::format("It is a {} mosaic (many slices in one picture), which is not "
                    "supported. Convert it with dcm2niix and open the NIfTI file.",
                    uih ? "UIH" : "Siemens"));
  }
  return {};
}

Result<void> applyOrientation(const Attributes& in, Frame& frame) {
  ARGAND_ASSIGN(const auto iop, in.required(DCM_ImageOrientationPatient, 6));
  const Vec3 row{iop[0], iop[1], iop[2]};
  const Vec3 column{iop[3], iop[4], iop[5]};
  frame.rowCosine = normalized(row);
  frame.columnCosine = normalized(column);
  const double cosine = dot(frame.rowCosine, frame.columnCosine);
  const bool unit = std::abs(length(row) - 1.0) < 0.02 && std::abs(length(column) - 1.0) < 0.02;
  if (!unit || std::abs(cosine) > 0.05) {
    return refused(fmt::format("Its {} is not two unit vectors at right angles.",
                               nameOf(DCM_ImageOrientationPatient)));
  }
  if (std::abs(cosine) > 1e-3) {
    frame.warnings.push_back(
        {WarningCode::NonOrthogonal,
         fmt::format("Rows and columns meet at {:.2f} degrees instead of 90; kept as they are.",
                     std::acos(cosine) * 180.0 / M_PI)});
  }
  return {};
}

// A position or spacing beyond these is no millimetres of a patient.
constexpr double kFarthestMm = 1e6;
constexpr double kLeastSpacingMm = 1e-4;
constexpr double kMostSpacingMm = 1e3;

Result<void> applyPlace(const Attributes& in, Frame& frame) {
  ARGAND_TRY(applyOrientation(in, frame));
  ARGAND_ASSIGN(const auto position, in.required(DCM_ImagePositionPatient, 3));
  frame.slice.positionMm = {position[0], position[1], position[2]};
  ARGAND_ASSIGN(const auto spacing, in.required(DCM_PixelSpacing, 2));
  frame.rowSpacingMm = spacing[0];
  frame.columnSpacingMm = spacing[1];
  for (const double mm : position) {
    if (std::abs(mm) > kFarthestMm) {
      return refused(
          fmt::format("Its {} is {} mm away.", nameOf(DCM_ImagePositionPatient), std::abs(mm)));
    }
  }
  for (const double mm : spacing) {
    if (!(mm >= kLeastSpacingMm && mm <= kMostSpacingMm)) {
      return refused(fmt::format("Its {} is {} mm; {} to {} mm are read.",
                                 nameOf(DCM_PixelSpacing),
                                 mm,
                                 kLeastSpacingMm,
                                 kMostSpacingMm));
    }
  }
  // Of a single slice these are its depth; of several, positions decide.
  const auto depth = [&](const DcmTagKey& tag) -> std::optional<double> {
    const auto value = in.dispensable(tag);
    if (!value || *value == 0.0) {
      return std::nullopt;
    }
    const double mm = std::abs(*value);
    if (mm < kLeastSpacingMm || mm > kMostSpacingMm) {
      in.warn(fmt::format("Its {} is {} mm and is left out.", nameOf(tag), *value));
      return std::nullopt;
    }
    if (*value < 0.0 && tag == DCM_SliceThickness) {
      in.warn(fmt::format("Its {} is {} mm and was read without the sign.", nameOf(tag), *value));
    }
    return mm;
  };
  frame.thicknessMm = depth(DCM_SliceThickness);
  frame.spacingBetweenMm = depth(DCM_SpacingBetweenSlices);
  return {};
}

int instanceNumberOf(const Attributes& in) {
  const auto number = in.dispensable(DCM_InstanceNumber);
  return number && std::abs(*number) < 1e9 ? static_cast<int>(*number) : 0;
}

Result<Frame> frameOf(const Attributes& in, Frame frame) {
  frame.instanceNumber = instanceNumberOf(in);
  frame.localizer = holdsValue(in.text(DCM_ImageType), "LOCALIZER");
  ARGAND_ASSIGN(frame.pixels, pixelFormatOf(in));
  ARGAND_TRY(applyPlace(in, frame));
  for (const SplitRule& rule : splitRules()) {
    for (const DcmTagKey& tag : rule.tags) {
      if (const std::string value = in.text(tag); !value.empty()) {
        frame.splitBy[rule.word] = utf8Text(value);
        break;
      }
    }
  }
  return frame;
}

// Classes whose pictures are no acquisition or reconstruction of the patient's
// tissue in three dimensions (PS3.4 B.5).
bool isSecondaryClass(const std::string& uid) {
  static const std::array<std::string_view, 12> kClasses{
      UID_RTDoseStorage,
      UID_RTImageStorage,
      UID_SecondaryCaptureImageStorage,
      UID_MultiframeSingleBitSecondaryCaptureImageStorage,
      UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage,
      UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage,
      UID_MultiframeTrueColorSecondaryCaptureImageStorage,
      UID_ComputedRadiographyImageStorage,
      UID_DigitalXRayImageStorageForPresentation,
      UID_DigitalMammographyXRayImageStorageForPresentation,
      UID_XRayAngiographicImageStorage,
      UID_XRayRadiofluoroscopicImageStorage,
  };
  return std::find(kClasses.begin(), kClasses.end(), uid) != kClasses.end();
}

std::string classNameOf(const std::string& uid) {
  const char* name = dcmFindNameOfUID(uid.c_str());
  return name == nullptr ? "object of an unknown class" : name;
}

// An image object whose frames are looked at one by one.
class ImageObject {
 public:
  [[nodiscard]] static Result<ImageObject> of(DcmFileFormat& file, const fs::path& path);

  [[nodiscard]] int frames() const { return m_frames; }

  // The frame at `index`, from 0.
  [[nodiscard]] Result<Frame> frame(int index) const;

 private:
  DcmDataset* m_dataset = nullptr;
  DcmSequenceOfItems* m_perFrame = nullptr;  // of multi-frame objects
  DcmItem* m_shared = nullptr;
  int m_frames = 1;
  Frame m_common;
};

Result<ImageObject> ImageObject::of(DcmFileFormat& file, const fs::path& path) {
  ImageObject object;
  DcmDataset& dataset = *file.getDataset();
  object.m_dataset = &dataset;
  std::string sopClass = uidOf(dataset, DCM_SOPClassUID);
  if (sopClass.empty()) {
    sopClass = uidOf(*file.getMetaInfo(), DCM_MediaStorageSOPClassUID);
  }
  if (!dataset.tagExists(DCM_Rows)) {
    return refused(fmt::format("It is a {}, not an image.", classNameOf(sopClass)));
  }
  ARGAND_TRY(checkTransferSyntax(file));
  Warnings repairs;
  ARGAND_ASSIGN(object.m_frames, Attributes(dataset, repairs).whole(DCM_NumberOfFrames, 1));
  constexpr int kMostFrames = 1'000'000;
  if (object.m_frames < 1 || object.m_frames > kMostFrames) {
    return refused(fmt::format("It announces {} frames.", object.m_frames));
  }
  ARGAND_ASSIGN(object.m_perFrame, sequenceOf(dataset, DCM_PerFrameFunctionalGroupsSequence));
  ARGAND_ASSIGN(DcmSequenceOfItems * shared,
                sequenceOf(dataset, DCM_SharedFunctionalGroupsSequence));
  object.m_shared = shared != nullptr && shared->card() > 0 ? shared->getItem(0) : nullptr;
  if (object.m_perFrame == nullptr && object.m_frames > 1) {
    return refused(
        fmt::format("It is a {} of {} frames, which do not say where they lie in the "
                    "patient.",
                    classNameOf(sopClass),
                    object.m_frames));
  }
  if (object.m_perFrame != nullptr &&
      object.m_perFrame->card() != static_cast<unsigned long>(object.m_frames)) {
    return refused(fmt::format(
        "It announces {} frames and describes {}.", object.m_frames, object.m_perFrame->card()));
  }
  Frame& common = object.m_common;
  common.file = path;
  common.slice.sopClassUid = sopClass;
  common.slice.sopInstanceUid = uidOf(dataset, DCM_SOPInstanceUID);
  common.seriesUid = uidOf(dataset, DCM_SeriesInstanceUID);
  common.frameOfReferenceUid = uidOf(dataset, DCM_FrameOfReferenceUID);
  return object;
}

Result<Frame> ImageObject::frame(int index) const {
  Warnings warnings;
  Attributes in(*m_dataset, warnings);
  Frame frame = m_common;
  if (m_perFrame == nullptr) {
    ARGAND_TRY(refuseMosaic(in));
    ARGAND_ASSIGN(frame, frameOf(in, std::move(frame)));
  } else {
    if (m_shared != nullptr) {
      ARGAND_TRY(in.addGroups(*m_shared));
    }
    ARGAND_TRY(in.addGroups(*m_perFrame->getItem(static_cast<unsigned long>(index))));
    ARGAND_ASSIGN(frame, frameOf(in, std::move(frame)));
    frame.slice.frame = index + 1;
    frame.instanceNumber = index + 1;
  }
  append(frame.warnings, warnings);
  return frame;
}

}  // namespace

const std::vector<std::string>& splitWords() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const SplitRule& rule : splitRules()) {
      all.emplace_back(rule.word);
    }
    return all;
  }();
  return words;
}

ObjectInfo infoOf(DcmDataset& dataset) {
  ObjectInfo info;
  const std::string sopClass = textOf(dataset, DCM_SOPClassUID);
  if (sopClass == UID_RTStructureSetStorage) {
    info.kind = ObjectKind::RtStruct;
  } else if (sopClass == UID_SegmentationStorage ||
             sopClass == "1.2.840.10008.5.1.4.1.1.66.7") {  // Label Map Segmentation Storage
    info.kind = ObjectKind::Seg;
  }
  info.studyUid = utf8Text(textOf(dataset, DCM_StudyInstanceUID));
  info.seriesUid = utf8Text(textOf(dataset, DCM_SeriesInstanceUID));
  info.modality = utf8Text(textOf(dataset, DCM_Modality));
  const std::string imageType = textOf(dataset, DCM_ImageType);
  info.primary = !isSecondaryClass(sopClass) && info.modality != "RTDOSE" &&
                 info.modality != "RTIMAGE" && !holdsValue(imageType, "LOCALIZER");
  return info;
}

Result<std::vector<Frame>> framesOf(DcmFileFormat& file, const fs::path& path) {
  ARGAND_ASSIGN(const ImageObject object, ImageObject::of(file, path));
  std::vector<Frame> frames;
  for (int n = 0; n < object.frames(); ++n) {
    ARGAND_ASSIGN(Frame frame, object.frame(n));
    frames.push_back(std::move(frame));
  }
  return frames;
}

Result<Frame> frameAt(DcmFileFormat& file, const fs::path& path, int number) {
  ARGAND_ASSIGN(const ImageObject object, ImageObject::of(file, path));
  const int index = std::max(0, number - 1);
  if (index >= object.frames()) {
    return refused(fmt::format("It has no frame {}.", number));
  }
  return object.frame(index);
}

}  // namespace argand::dicom
