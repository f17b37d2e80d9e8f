// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct_parser.h"

#include "core/dicom/dcmtk_tools.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace argand::dicom {

namespace {

// Padding: spaces, and zeros where a writer confused text and UIDs.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kPadding(" \0\t\r\n", 5);
  const auto first = text.find_first_not_of(kPadding);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kPadding) - first + 1);
}

// The bytes of a text attribute, whatever VR it stands under: long Contour
// Data is found as UN in explicit VR files, whose DS holds 64 KiB only.
std::string_view bytesOf(DcmItem& item, const DcmTagKey& key) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(key, element).bad() || element == nullptr) {
    return {};
  }
  if (auto* text = dynamic_cast<DcmByteString*>(element); text != nullptr) {
    char* characters = nullptr;
    Uint32 length = 0;
    if (text->getString(characters, length).good() && characters != nullptr) {
      return {characters, length};
    }
    return {};
  }
  Uint8* data = nullptr;
  if (element->ident() != EVR_SQ && element->getUint8Array(data).good() && data != nullptr) {
    return {reinterpret_cast<const char*>(data), element->getLength()};
  }
  return {};
}

// Calls `visit` with each number of a list separated by backslashes; false
// where something else stands there.
template <typename Visit>
bool forEachNumber(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    const auto end = std::min(list.find('\\'), list.size());
    std::string_view word = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!word.empty() && word.front() == '+') {
      word.remove_prefix(1);
    }
    double value = 0.0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || rest != word.data() + word.size()) {
      return false;
    }
    visit(value);
  }
  return true;
}

int integerOf(DcmItem& item, const DcmTagKey& key, int fallback) {
  const std::string text = textOf(item, key);
  int value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Parser {
 public:
  explicit Parser(DcmDataset& dataset) : m_dataset(dataset) {}

  ParsedRtStruct run() {
    m_characterSet = textOf(m_dataset, DCM_SpecificCharacterSet);
    m_result.frameOfReferenceUid = textOf(m_dataset, DCM_FrameOfReferenceUID);
    forEachItem(m_dataset, DCM_ReferencedFrameOfReferenceSequence, [&](DcmItem& item) {
      takeFrameOfReference(item);
    });
    forEachItem(m_dataset, DCM_StructureSetROISequence, [&](DcmItem& item) { takeRoi(item); });
    forEachItem(m_dataset, DCM_ROIContourSequence, [&](DcmItem& item) { takeContours(item); });
    forEachItem(
        m_dataset, DCM_RTROIObservationsSequence, [&](DcmItem& item) { takeObservation(item); });
    return std::move(m_result);
  }

 private:
  std::string utf8Of(DcmItem& item, const DcmTagKey& key) {
    return screenTextOf(item, key, m_characterSet);
  }

  void takeFrameOfReference(DcmItem& item) {
    if (m_result.frameOfReferenceUid.empty()) {
      m_result.frameOfReferenceUid = textOf(item, DCM_FrameOfReferenceUID);
    }
    forEachItem(item, DCM_RTReferencedStudySequence, [&](DcmItem& study) {
      forEachItem(study, DCM_RTReferencedSeriesSequence, [&](DcmItem& series) {
        m_result.seriesUids.push_back(textOf(series, DCM_SeriesInstanceUID));
        takeInstances(series);
      });
    });
  }

  void takeInstances(DcmItem& item) {
    forEachItem(item, DCM_ContourImageSequence, [&](DcmItem& image) {
      m_result.instanceUids.insert(textOf(image, DCM_ReferencedSOPInstanceUID));
    });
  }

  void takeRoi(DcmItem& item) {
    ParsedRoi roi;
    roi.number = integerOf(item, DCM_ROINumber, 0);
    roi.name = utf8Of(item, DCM_ROIName);
    roi.frameOfReferenceUid = textOf(item, DCM_ReferencedFrameOfReferenceUID);
    roi.algorithm = textOf(item, DCM_ROIGenerationAlgorithm);
    roi.description = utf8Of(item, DCM_ROIGenerationDescription);
    m_roiByNumber.emplace(roi.number, m_result.rois.size());
    m_result.rois.push_back(std::move(roi));
  }

  ParsedRoi* referenced(DcmItem& item) {
    const auto found = m_roiByNumber.find(integerOf(item, DCM_ReferencedROINumber, -1));
    return found == m_roiByNumber.end() ? nullptr : &m_result.rois[found->second];
  }

  void takeContours(DcmItem& item) {
    ParsedRoi* roi = referenced(item);
    if (roi == nullptr) {
      return;
    }
    std::vector<double> color;
    const bool numbers = forEachNumber(trimmed(bytesOf(item, DCM_ROIDisplayColor)),
                                       [&](double value) { color.push_back(value); });
    if (numbers && color.size() == 3) {
      const auto byte = [](double v) {
        return static_cast<std::uint8_t>(std::clamp(v, 0.0, 255.0));
      };
      roi->color = Color{byte(color[0]), byte(color[1]), byte(color[2])};
    }
    forEachItem(item, DCM_ContourSequence, [&](DcmItem& child) {
      ParsedContour contour;
      contour.type = textOf(child, DCM_ContourGeometricType);
      contour.declaredPoints = integerOf(child, DCM_NumberOfContourPoints, 0);
      takePoints(child, contour);
      takeInstances(child);
      roi->contours.push_back(std::move(contour));
    });
  }

  static void takePoints(DcmItem& item, ParsedContour& contour) {
    std::array<double, 3> point{};
    std::size_t filledIn = 0;
    contour.readable = forEachNumber(trimmed(bytesOf(item, DCM_ContourData)), [&](double value) {
      point[filledIn++] = value;
      if (filledIn == 3) {
        contour.pointsMm.push_back({point[0], point[1], point[2]});
        filledIn = 0;
      }
    });
    contour.readable = contour.readable && filledIn == 0;
  }

  void takeObservation(DcmItem& item) {
    ParsedRoi* roi = referenced(item);
    if (roi == nullptr) {
      return;
    }
    roi->interpretedType = textOf(item, DCM_RTROIInterpretedType);
    forEachItem(item, DCM_RTROIIdentificationCodeSequence, [&](DcmItem& code) {
      Code read{textOf(code, DCM_CodingSchemeDesignator),
                textOf(code, DCM_CodeValue),
                utf8Of(code, DCM_CodeMeaning)};
      if (read.value.empty()) {
        read.value = textOf(code, DCM_LongCodeValue);
      }
      if (!roi->code && !read.value.empty()) {
        roi->code = std::move(read);
      }
    });
  }

  DcmDataset& m_dataset;
  std::string m_characterSet;
  ParsedRtStruct m_result;
  std::map<int, std::size_t> m_roiByNumber;
};

}  // namespace

Result<ParsedRtStruct> parseRtStruct(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const auto file, loadObject(path, LoadPart::All));
  const std::string name = path.filename().string();
  return guarded(ErrorCode::InputRefused,
                 fmt::format("reading the RTSTRUCT '{}'", name),
                 [&]() -> Result<ParsedRtStruct> {
                   DcmDataset& dataset = *file->getDataset();
                   if (textOf(dataset, DCM_SOPClassUID) != UID_RTStructureSetStorage) {
                     return fail(ErrorCode::InputRefused,
                                 fmt::format("'{}' is no RT Structure Set. Choose the file of "
                                             "modality RTSTRUCT.",
                                             name));
                   }
                   return Parser(dataset).run();
                 });
}

}  // namespace argand::dicom
