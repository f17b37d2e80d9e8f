// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/frames.h"

#include "core/base/text.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

// True where `word` is one of the values of an attribute such as Image Type.
bool holdsValue(std::string_view values, std::string_view word) {
  while (true) {
    const std::size_t end = values.find('\\');
    if (trimmed(values.substr(0, end)) == word) {
      return true;
    }
    if (end == std::string_view::npos) {
      return false;
    }
    values.remove_prefix(end + 1);
  }
}

// One frame's attributes: its own functional groups, the shared ones, the
// object's top level, the first that has the tag (PS3.3 C.7.6.16). A classic
// image has the top level only.
class Attributes {
 public:
  explicit Attributes(DcmItem& top) : m_items{&top} {}

  // `groups` is an item of Per-Frame or Shared Functional Groups Sequence.
  void addGroups(DcmItem& groups) {
    std::vector<DcmItem*> inner;
    for (unsigned long n = 0; n < groups.card(); ++n) {
      auto* sequence = dynamic_cast<DcmSequenceOfItems*>(groups.getElement(n));
      if (sequence != nullptr && sequence->getTag().getGroup() % 2 == 0 && sequence->card() > 0) {
        inner.push_back(sequence->getItem(0));
      }
    }
    m_items.insert(m_items.begin(), inner.begin(), inner.end());
  }

  DcmElement* find(const DcmTagKey& tag) const {
    for (DcmItem* item : m_items) {
      DcmElement* element = nullptr;
      if (item->findAndGetElement(tag, element).good() && element != nullptr &&
          element->getLength() > 0) {
        return element;
      }
    }
    return nullptr;
  }

  std::string text(const DcmTagKey& tag) const {
    DcmElement* element = find(tag);
    if (element == nullptr) {
      return {};
    }
    std::string value = rawTextOf(*element);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\0')) {
      value.pop_back();
    }
    return value;
  }

  std::vector<double> numbers(const DcmTagKey& tag) const {
    DcmElement* element = find(tag);
    return element == nullptr ? std::vector<double>{} : numbersOf(*element);
  }

  std::optional<double> number(const DcmTagKey& tag) const {
    const auto values = numbers(tag);
    return values.empty() ? std::nullopt : std::optional(values.front());
  }

  // `count` numbers, or a refusal that names the attribute.
  Result<std::vector<double>> required(const DcmTagKey& tag, std::size_t count) const {
    if (find(tag) == nullptr) {
      return refused(
          fmt::format("It has no {}, so where it lies in the patient is unknown.", nameOf(tag)));
    }
    auto values = numbers(tag);
    if (values.size() != count) {
      return refused(fmt::format("Its {} is not {} numbers.", nameOf(tag), count));
    }
    return values;
  }

 private:
  std::vector<DcmItem*> m_items;
};

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

// PixelPaddingValue is US or SS; either way it is 16 bits of a stored value.
std::optional<std::int64_t> paddingAt(const Attributes& in, const DcmTagKey& tag, bool isSigned) {
  const auto value = in.number(tag);
  if (!value || *value < -32768 || *value > 65535) {
    return std::nullopt;
  }
  const auto whole = static_cast<std::int64_t>(*value);
  return isSigned ? static_cast<std::int16_t>(whole) : static_cast<std::uint16_t>(whole);
}

Result<PixelFormat> pixelsOf(const Attributes& in, Warnings& warnings) {
  PixelFormat format;
  const auto whole = [&](const DcmTagKey& tag, int fallback) {
    return static_cast<int>(in.number(tag).value_or(fallback));
  };
  format.rows = whole(DCM_Rows, 0);
  format.columns = whole(DCM_Columns, 0);
  format.bitsAllocated = whole(DCM_BitsAllocated, 0);
  format.bitsStored = whole(DCM_BitsStored, format.bitsAllocated);
  format.highBit = whole(DCM_HighBit, format.bitsStored - 1);
  format.isSigned = whole(DCM_PixelRepresentation, 0) == 1;
  if (format.rows < 1 || format.columns < 1) {
    return refused(
        fmt::format("It is an image of {} rows and {} columns.", format.rows, format.columns));
  }
  if (whole(DCM_SamplesPerPixel, 1) != 1) {
    return refused("It is a colour picture, not an image of intensities.");
  }
  const std::string photometric = in.text(DCM_PhotometricInterpretation);
  if (photometric != "MONOCHROME2" && !photometric.empty()) {
    return refused(fmt::format("Its grey scale is {}; MONOCHROME2 is expected.", photometric));
  }
  const bool wholeBytes =
      format.bitsAllocated == 8 || format.bitsAllocated == 16 || format.bitsAllocated == 32;
  if (!wholeBytes || format.bitsStored < 1 || format.bitsStored > format.bitsAllocated ||
      format.highBit >= format.bitsAllocated || format.highBit < format.bitsStored - 1) {
    return refused(
        fmt::format("Its pixels have {} bits allocated, {} stored, high bit {}, which is "
                    "not supported.",
                    format.bitsAllocated,
                    format.bitsStored,
                    format.highBit));
  }
  format.slope = in.number(DCM_RescaleSlope).value_or(1.0);
  format.intercept = in.number(DCM_RescaleIntercept).value_or(0.0);
  if (format.slope == 0.0) {
    format.slope = 1.0;
    warnings.push_back({WarningCode::ValueRepaired, "A Rescale Slope of 0 was taken as 1."});
  }
  if (const auto padding = paddingAt(in, DCM_PixelPaddingValue, format.isSigned)) {
    const auto limit =
        paddingAt(in, DCM_PixelPaddingRangeLimit, format.isSigned).value_or(*padding);
    format.padding = std::minmax(*padding, limit);
  }
  return format;
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

Result<Frame> frameOf(const Attributes& in) {
  Frame frame;
  frame.instanceNumber = static_cast<int>(in.number(DCM_InstanceNumber).value_or(0.0));
  const std::string imageType = in.text(DCM_ImageType);
  if (imageType.find("MOSAIC") != std::string::npos) {
    return refused("It is a Siemens mosaic (many slices in one picture), which is not supported.");
  }
  frame.localizer = holdsValue(imageType, "LOCALIZER");
  ARGAND_ASSIGN(frame.pixels, pixelsOf(in, frame.warnings));
  ARGAND_TRY(applyOrientation(in, frame));
  ARGAND_ASSIGN(const auto position, in.required(DCM_ImagePositionPatient, 3));
  frame.slice.positionMm = {position[0], position[1], position[2]};
  ARGAND_ASSIGN(const auto spacing, in.required(DCM_PixelSpacing, 2));
  frame.rowSpacingMm = spacing[0];
  frame.columnSpacingMm = spacing[1];
  if (!(spacing[0] > 0.0 && spacing[1] > 0.0)) {
    return refused(fmt::format("Its {} is not positive.", nameOf(DCM_PixelSpacing)));
  }
  const auto positive = [&](const DcmTagKey& tag) {
    const auto value = in.number(tag);
    return value && std::abs(*value) > 0.0 ? std::optional(std::abs(*value)) : std::nullopt;
  };
  frame.thicknessMm = positive(DCM_SliceThickness);
  frame.spacingBetweenMm = positive(DCM_SpacingBetweenSlices);
  for (const SplitRule& rule : splitRules()) {
    for (const DcmTagKey& tag : rule.tags) {
      if (std::string value = in.text(tag); !value.empty()) {
        frame.splitBy[rule.word] = std::move(value);
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

Result<std::vector<Frame>> framesOfMultiFrame(DcmDataset& dataset,
                                              int count,
                                              const std::string& sopClass) {
  DcmSequenceOfItems* perFrame = nullptr;
  DcmItem* shared = nullptr;
  dataset.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, perFrame);
  dataset.findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared);
  if (perFrame == nullptr) {
    return refused(
        fmt::format("It is a {} of {} frames, which do not say where they lie in the "
                    "patient.",
                    classNameOf(sopClass),
                    count));
  }
  if (perFrame->card() != static_cast<unsigned long>(count)) {
    return refused(
        fmt::format("It announces {} frames and describes {}.", count, perFrame->card()));
  }
  std::vector<Frame> frames;
  for (int n = 0; n < count; ++n) {
    Attributes in(dataset);
    if (shared != nullptr) {
      in.addGroups(*shared);
    }
    in.addGroups(*perFrame->getItem(static_cast<unsigned long>(n)));
    ARGAND_ASSIGN(Frame frame, frameOf(in));
    frame.slice.frame = n + 1;
    frame.instanceNumber = n + 1;
    frames.push_back(std::move(frame));
  }
  return frames;
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
  info.studyUid = textOf(dataset, DCM_StudyInstanceUID);
  info.seriesUid = textOf(dataset, DCM_SeriesInstanceUID);
  info.modality = textOf(dataset, DCM_Modality);
  const std::string imageType = textOf(dataset, DCM_ImageType);
  info.primary = !isSecondaryClass(sopClass) && info.modality != "RTDOSE" &&
                 info.modality != "RTIMAGE" && !holdsValue(imageType, "LOCALIZER");
  return info;
}

Result<std::vector<Frame>> framesOf(DcmFileFormat& file, const fs::path& path) {
  DcmDataset& dataset = *file.getDataset();
  std::string sopClass = textOf(dataset, DCM_SOPClassUID);
  if (sopClass.empty()) {
    sopClass = textOf(*file.getMetaInfo(), DCM_MediaStorageSOPClassUID);
  }
  if (!dataset.tagExists(DCM_Rows)) {
    return refused(fmt::format("It is a {}, not an image.", classNameOf(sopClass)));
  }
  const auto count = numbersOf(dataset, DCM_NumberOfFrames);
  const int frameCount = count.empty() ? 1 : static_cast<int>(std::clamp(count[0], 0.0, 1e6));
  if (frameCount < 1) {
    return refused("It announces no frames.");
  }
  std::vector<Frame> frames;
  if (frameCount > 1 || dataset.tagExists(DCM_PerFrameFunctionalGroupsSequence)) {
    ARGAND_ASSIGN(frames, framesOfMultiFrame(dataset, frameCount, sopClass));
  } else {
    ARGAND_ASSIGN(Frame frame, frameOf(Attributes(dataset)));
    frames.push_back(std::move(frame));
  }
  const std::string instance = textOf(dataset, DCM_SOPInstanceUID);
  const std::string series = textOf(dataset, DCM_SeriesInstanceUID);
  const std::string reference = textOf(dataset, DCM_FrameOfReferenceUID);
  for (Frame& frame : frames) {
    frame.file = path;
    frame.slice.sopClassUid = sopClass;
    frame.slice.sopInstanceUid = instance;
    frame.seriesUid = series;
    frame.frameOfReferenceUid = reference;
  }
  return frames;
}

}  // namespace argand::dicom
