// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg_parser.h"

#include "core/base/text.h"
#include "core/dicom/seg/cielab.h"
#include "core/dicom/seg/seg_codes.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace argand::dicom {

namespace {

// DCMTK 3.6.7 does not know it yet.
constexpr const char* kLabelMapStorage = "1.2.840.10008.5.1.4.1.1.66.7";

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

std::optional<double> numberOf(DcmItem& item, const DcmTagKey& key) {
  const auto values = numbersOf(item, key);
  return values.empty() ? std::nullopt : std::optional(values.front());
}

// A whole number of the object, 0 where it is absent or none.
int wholeOf(DcmItem& item, const DcmTagKey& key) {
  constexpr double kMost = 2e9;
  const double value = numberOf(item, key).value_or(0.0);
  return value == std::trunc(value) && std::abs(value) <= kMost ? static_cast<int>(value) : 0;
}

std::optional<Vec3> vectorOf(const std::vector<double>& numbers, std::size_t first) {
  if (numbers.size() < first + 3) {
    return std::nullopt;
  }
  return Vec3{numbers[first], numbers[first + 1], numbers[first + 2]};
}

// A frame's own functional groups, then the shared ones.
class Groups {
 public:
  Groups(DcmItem* shared, DcmItem& own) : m_items{&own, shared} {}

  // Calls `visit` with the first item of the group's sequence, the frame's before
  // the shared; true where there is one.
  template <typename Visit>
  bool find(const DcmTagKey& sequence, Visit&& visit) const {
    for (DcmItem* item : m_items) {
      DcmItem* found = nullptr;
      if (item != nullptr && item->findAndGetSequenceItem(sequence, found).good() &&
          found != nullptr) {
        visit(*found);
        return true;
      }
    }
    return false;
  }

 private:
  std::array<DcmItem*, 2> m_items;
};

// The colours of a PALETTE COLOR label map (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6).
class Palette {
 public:
  explicit Palette(DcmItem& dataset) {
    const std::array<std::pair<DcmTagKey, DcmTagKey>, 3> tables{
        {{DCM_RedPaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData},
         {DCM_GreenPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableData},
         {DCM_BluePaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableData}}};
    for (std::size_t n = 0; n < tables.size(); ++n) {
      const auto descriptor = numbersOf(dataset, tables[n].first);
      DcmElement* element = nullptr;
      Uint8* bytes = nullptr;
      if (descriptor.size() != 3 || dataset.findAndGetElement(tables[n].second, element).bad() ||
          element->getUint8Array(bytes).bad() || bytes == nullptr) {
        return;
      }
      const std::size_t entries =
          descriptor[0] == 0.0 ? 65536 : static_cast<std::size_t>(descriptor[0]);
      const std::size_t width = descriptor[2] > 8.0 ? 2 : 1;
      if (descriptor[0] < 0.0 || element->getLength() < entries * width) {
        return;
      }
      m_first = static_cast<int>(descriptor[1]);
      for (std::size_t entry = 0; entry < entries; ++entry) {
        m_tables[n].push_back(bytes[entry * width + width - 1]);  // the more significant byte
      }
    }
  }

  [[nodiscard]] std::optional<Color> at(int value) const {
    if (value < m_first) {
      return std::nullopt;
    }
    const auto n = static_cast<std::size_t>(value - m_first);
    if (n >= std::min({m_tables[0].size(), m_tables[1].size(), m_tables[2].size()})) {
      return std::nullopt;
    }
    return Color{m_tables[0][n], m_tables[1][n], m_tables[2][n]};
  }

 private:
  int m_first = 0;
  std::array<std::vector<std::uint8_t>, 3> m_tables;
};

class Parser {
 public:
  explicit Parser(std::unique_ptr<DcmFileFormat> file)
      : m_dataset(*file->getDataset()),
        m_characterSet(textOf(m_dataset, DCM_SpecificCharacterSet)) {
    m_result.file = std::move(file);
  }

  Result<ParsedSeg> run() {
    ARGAND_TRY(takeType());
    ARGAND_TRY(takePixelFormat());
    m_result.frameOfReferenceUid = textOf(m_dataset, DCM_FrameOfReferenceUID);
    ARGAND_TRY(takeSegments());
    ARGAND_TRY(takeFrames());
    takeReferences(m_dataset);
    forEachItem(m_dataset,
                DCM_StudiesContainingOtherReferencedInstancesSequence,
                [&](DcmItem& study) { takeReferences(study); });
    return std::move(m_result);
  }

 private:
  Result<void> takeType() {
    const std::string sopClass = textOf(m_dataset, DCM_SOPClassUID);
    if (sopClass != UID_SegmentationStorage && sopClass != kLabelMapStorage) {
      return refused("It is no DICOM segmentation. Choose the file of modality SEG.");
    }
    m_result.typeName = textOf(m_dataset, DCM_SegmentationType);
    if (m_result.typeName == "BINARY") {
      m_result.type = SegType::Binary;
    } else if (m_result.typeName == "FRACTIONAL") {
      m_result.type = SegType::Fractional;
    } else if (m_result.typeName == "LABELMAP") {
      m_result.type = SegType::LabelMap;
    } else {
      return refused(fmt::format("Its {} is '{}'; BINARY, FRACTIONAL and LABELMAP are known.",
                                 nameOf(DCM_SegmentationType),
                                 m_result.typeName));
    }
    return {};
  }

  Result<void> takePixelFormat() {
    m_result.rows = wholeOf(m_dataset, DCM_Rows);
    m_result.columns = wholeOf(m_dataset, DCM_Columns);
    m_result.bitsAllocated = wholeOf(m_dataset, DCM_BitsAllocated);
    m_result.bitsStored = wholeOf(m_dataset, DCM_BitsStored);
    if (m_result.rows < 1 || m_result.columns < 1) {
      return refused(
          fmt::format("Its frames have {} rows and {} columns.", m_result.rows, m_result.columns));
    }
    const int bits = m_result.bitsAllocated;
    const bool known = m_result.type == SegType::Binary       ? bits == 1
                       : m_result.type == SegType::Fractional ? bits == 8
                                                              : bits == 8 || bits == 16;
    if (!known || m_result.bitsStored != bits || wholeOf(m_dataset, DCM_PixelRepresentation) != 0) {
      return refused(
          fmt::format("Its pixels are {} of {} bits ({} stored), which does not fit together.",
                      m_result.typeName,
                      bits,
                      m_result.bitsStored));
    }
    const auto samples = numberOf(m_dataset, DCM_SamplesPerPixel);
    if (samples && *samples != 1.0) {
      return refused("It is a colour picture, not a segmentation.");
    }
    m_result.maximumFractionalValue = wholeOf(m_dataset, DCM_MaximumFractionalValue);
    m_result.fractionalType = textOf(m_dataset, DCM_SegmentationFractionalType);
    m_result.background = wholeOf(m_dataset, DCM_PixelPaddingValue);
    if (m_result.background < 0 || m_result.background > 65535) {
      return refused(
          fmt::format("Its {} is {}.", nameOf(DCM_PixelPaddingValue), m_result.background));
    }
    if (m_result.type == SegType::Fractional &&
        (m_result.maximumFractionalValue < 1 || m_result.maximumFractionalValue > 255)) {
      return refused(fmt::format("Its {} is {}, so what its values mean is unknown.",
                                 nameOf(DCM_MaximumFractionalValue),
                                 m_result.maximumFractionalValue));
    }
    return {};
  }

  std::optional<Code> codeOf(DcmItem& item) const {
    Code code{textOf(item, DCM_CodingSchemeDesignator),
              textOf(item, DCM_CodeValue),
              screenTextOf(item, DCM_CodeMeaning, m_characterSet)};
    if (code.value.empty()) {
      code.value = textOf(item, DCM_LongCodeValue);
    }
    return code.value.empty() ? std::nullopt : std::optional(std::move(code));
  }

  // SNOMED CT's codes of CID 244, and those of SNOMED RT before them.
  void takeSide(DcmItem& item, const DcmTagKey& sequence, Side& side) const {
    forEachItem(item, sequence, [&](DcmItem& modifier) {
      const auto code = codeOf(modifier);
      if (code && (code->value == kLeft.value || code->value == "G-A101")) {
        side = Side::Left;
      } else if (code && (code->value == kRight.value || code->value == "G-A100")) {
        side = Side::Right;
      }
    });
  }

  ParsedSegment segmentOf(DcmItem& item) const {
    ParsedSegment segment;
    segment.number = wholeOf(item, DCM_SegmentNumber);
    segment.label = screenTextOf(item, DCM_SegmentLabel, m_characterSet);
    segment.algorithmType = textOf(item, DCM_SegmentAlgorithmType);
    segment.algorithmName = screenTextOf(item, DCM_SegmentAlgorithmName, m_characterSet);
    forEachItem(item, DCM_SegmentationAlgorithmIdentificationSequence, [&](DcmItem& algorithm) {
      const std::string parameters = textOf(algorithm, DCM_AlgorithmParameters);
      if (parameters.starts_with(kWeightsHash)) {
        segment.modelHash = parameters.substr(kWeightsHash.size());
      }
    });
    forEachItem(item, DCM_SegmentedPropertyCategoryCodeSequence, [&](DcmItem& code) {
      segment.category = segment.category ? segment.category : codeOf(code);
    });
    forEachItem(item, DCM_AnatomicRegionSequence, [&](DcmItem& region) {
      takeSide(region, DCM_AnatomicRegionModifierSequence, segment.side);
    });
    forEachItem(item, DCM_SegmentedPropertyTypeCodeSequence, [&](DcmItem& code) {
      segment.type = segment.type ? segment.type : codeOf(code);
      takeSide(code, DCM_SegmentedPropertyTypeModifierCodeSequence, segment.side);
    });
    const auto lab = numbersOf(item, DCM_RecommendedDisplayCIELabValue);
    if (lab.size() == 3) {
      CieLab words{};
      std::transform(lab.begin(), lab.end(), words.begin(), [](double value) {
        return static_cast<std::uint16_t>(value);
      });
      segment.color = colorOf(words);
    }
    return segment;
  }

  Result<void> takeSegments() {
    const Palette palette(m_dataset);
    std::set<int> numbers;
    bool twice = false;
    forEachItem(m_dataset, DCM_SegmentSequence, [&](DcmItem& item) {
      ParsedSegment segment = segmentOf(item);
      if (!segment.color && m_result.type == SegType::LabelMap) {
        segment.color = palette.at(segment.number);
      }
      twice = twice || !numbers.insert(segment.number).second;
      m_result.segments.push_back(std::move(segment));
    });
    if (!numbers.empty() &&
        (*numbers.begin() < 0 || *numbers.rbegin() > 65535 || m_result.segments.size() > 65534)) {
      return refused("Its Segment Numbers are no numbers from 0 to 65535.");
    }
    if (twice) {
      return refused("Two of its segments have the same Segment Number.");
    }
    if (m_result.type != SegType::LabelMap && numbers.contains(0)) {
      return refused("One of its segments has no Segment Number.");
    }
    if (m_result.segments.empty()) {
      return refused("It describes no segment.");
    }
    return {};
  }

  Result<void> takeFrames() {
    const int count = wholeOf(m_dataset, DCM_NumberOfFrames);
    DcmSequenceOfItems* perFrame = nullptr;
    DcmItem* shared = nullptr;
    m_dataset.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, perFrame);
    m_dataset.findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared);
    const auto described = perFrame == nullptr ? 0UL : perFrame->card();
    if (count < 1 || described != static_cast<unsigned long>(count)) {
      return refused(fmt::format("It announces {} frames and describes {}.", count, described));
    }
    std::set<int> numbers;
    for (const ParsedSegment& segment : m_result.segments) {
      numbers.insert(segment.number);
    }
    DcmObject* object = nullptr;
    while ((object = perFrame->nextInContainer(object)) != nullptr) {
      auto* own = dynamic_cast<DcmItem*>(object);
      if (own == nullptr) {
        return refused("Its descriptions of frames are damaged.");
      }
      auto frame = frameOf(Groups(shared, *own));
      if (!frame) {
        return refused(
            fmt::format("Frame {}: {}", m_result.frames.size() + 1, frame.error().message));
      }
      if (m_result.type != SegType::LabelMap && !numbers.contains(frame->segment)) {
        return refused(fmt::format("Frame {} belongs to segment {}, which is not described.",
                                   m_result.frames.size() + 1,
                                   frame->segment));
      }
      m_result.frames.push_back(std::move(*frame));
    }
    return {};
  }

  Result<ParsedFrame> frameOf(const Groups& groups) {
    ParsedFrame frame;
    groups.find(DCM_SegmentIdentificationSequence,
                [&](DcmItem& item) { frame.segment = wholeOf(item, DCM_ReferencedSegmentNumber); });
    groups.find(DCM_PlanePositionSequence, [&](DcmItem& item) {
      frame.positionMm = vectorOf(numbersOf(item, DCM_ImagePositionPatient), 0);
    });
    std::vector<double> orientation;
    groups.find(DCM_PlaneOrientationSequence,
                [&](DcmItem& item) { orientation = numbersOf(item, DCM_ImageOrientationPatient); });
    std::vector<double> spacing;
    groups.find(DCM_PixelMeasuresSequence, [&](DcmItem& item) {
      spacing = numbersOf(item, DCM_PixelSpacing);
      m_result.spacingBetweenSlicesMm =
          std::abs(numberOf(item, DCM_SpacingBetweenSlices).value_or(0.0));
      m_result.sliceThicknessMm = std::abs(numberOf(item, DCM_SliceThickness).value_or(0.0));
    });
    groups.find(DCM_DerivationImageSequence, [&](DcmItem& item) {
      forEachItem(item, DCM_SourceImageSequence, [&](DcmItem& image) {
        frame.images.push_back({textOf(image, DCM_ReferencedSOPInstanceUID),
                                wholeOf(image, DCM_ReferencedFrameNumber)});
        m_result.instanceUids.insert(frame.images.back().sopInstanceUid);
      });
    });
    if (orientation.size() != 6) {
      return refused(fmt::format("it has no {}.", nameOf(DCM_ImageOrientationPatient)));
    }
    const Vec3 row = vectorOf(orientation, 0).value_or(Vec3{});
    const Vec3 column = vectorOf(orientation, 3).value_or(Vec3{});
    const bool unit = std::abs(length(row) - 1.0) < 0.02 && std::abs(length(column) - 1.0) < 0.02;
    if (!unit || std::abs(dot(row, column)) > 0.05) {
      return refused(fmt::format("its {} is not two unit vectors at right angles.",
                                 nameOf(DCM_ImageOrientationPatient)));
    }
    frame.rowCosine = normalized(row);
    frame.columnCosine = normalized(column);
    if (spacing.size() != 2 || !(spacing[0] > 0.0 && spacing[1] > 0.0)) {
      return refused(
          fmt::format("it has no {} of two positive numbers.", nameOf(DCM_PixelSpacing)));
    }
    frame.rowSpacingMm = spacing[0];
    frame.columnSpacingMm = spacing[1];
    if (!frame.positionMm && frame.images.empty()) {
      return refused(
          fmt::format("it has no {} and names no image.", nameOf(DCM_ImagePositionPatient)));
    }
    return frame;
  }

  void takeReferences(DcmItem& item) {
    forEachItem(item, DCM_ReferencedSeriesSequence, [&](DcmItem& series) {
      m_result.seriesUids.push_back(textOf(series, DCM_SeriesInstanceUID));
      forEachItem(series, DCM_ReferencedInstanceSequence, [&](DcmItem& instance) {
        m_result.instanceUids.insert(textOf(instance, DCM_ReferencedSOPInstanceUID));
      });
    });
  }

  ParsedSeg m_result;
  DcmDataset& m_dataset;
  std::string m_characterSet;
};

}  // namespace

Result<ParsedSeg> parseSeg(const std::filesystem::path& path) {
  ARGAND_ASSIGN(auto file, loadObject(path, LoadPart::All));
  const std::string name = displayed(path.filename());
  return guarded(ErrorCode::InputRefused,
                 fmt::format("reading the segmentation '{}'", name),
                 [&]() -> Result<ParsedSeg> {
                   auto parsed = Parser(std::move(file)).run();
                   if (!parsed) {
                     return refused(fmt::format("'{}': {}", name, parsed.error().message));
                   }
                   return parsed;
                 });
}

}  // namespace argand::dicom
