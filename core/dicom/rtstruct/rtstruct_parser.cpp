// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct_parser.h"

#include "core/base/text.h"
#include "core/dicom/dcmtk_tools.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

namespace argand::dicom {

namespace {

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
    const std::string_view word = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    // Most of the millions of numbers are plain ones; parseDecimal() reads the others.
    double value = 0.0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || rest != word.data() + word.size() || !std::isfinite(value)) {
      const auto number = parseDecimal(word);
      if (!number) {
        return false;
      }
      value = *number;
    }
    visit(value);
  }
  return true;
}

std::optional<std::int64_t> wholeOf(DcmItem& item, const DcmTagKey& key) {
  return parseWhole(textOf(item, key));
}

class Parser {
 public:
  explicit Parser(DcmDataset& dataset) : m_dataset(dataset) {}

  ParsedRtStruct run() {
    m_characterSet = textOf(m_dataset, DCM_SpecificCharacterSet);
    m_result.frameOfReferenceUid = uidOf(m_dataset, DCM_FrameOfReferenceUID);
    forEachItem(m_dataset, DCM_ReferencedFrameOfReferenceSequence, [&](DcmItem& item) {
      takeFrameOfReference(item);
    });
    forEachItem(m_dataset, DCM_StructureSetROISequence, [&](DcmItem& item) { takeRoi(item); });
    nameDoubled();
    forEachRoiOf(DCM_ROIContourSequence, [&](DcmItem& item, ParsedRoi* roi) {
      if (roi == nullptr) {
        nameOrphan(item);
      } else {
        takeContours(item, *roi);
      }
    });
    forEachRoiOf(DCM_RTROIObservationsSequence, [&](DcmItem& item, ParsedRoi* roi) {
      if (roi != nullptr) {
        takeObservation(item, *roi);
      }
    });
    nameRepaired();
    return std::move(m_result);
  }

 private:
  std::string utf8Of(DcmItem& item, const DcmTagKey& key) {
    ScreenText text = screenText(textOf(item, key), m_characterSet);
    if (!text.asDeclared && m_repaired.size() < kNamed) {
      m_repaired.push_back(text.text);
    }
    m_repairedCount += text.asDeclared ? 0 : 1;
    return std::move(text.text);
  }

  void nameRepaired() {
    if (m_repairedCount > 0) {
      m_result.warnings.push_back(
          {WarningCode::TextRepaired,
           fmt::format("{} of the structures {} not in the character set that the file declares "
                       "({}): '{}'{}. Check the spelling.",
                       m_repairedCount == 1 ? "A text" : fmt::format("{} texts", m_repairedCount),
                       m_repairedCount == 1 ? "is" : "are",
                       m_characterSet.empty() ? "ASCII" : utf8Text(m_characterSet),
                       fmt::join(m_repaired, "', '"),
                       m_repairedCount > m_repaired.size() ? " and others" : "")});
    }
  }

  void takeFrameOfReference(DcmItem& item) {
    if (m_result.frameOfReferenceUid.empty()) {
      m_result.frameOfReferenceUid = uidOf(item, DCM_FrameOfReferenceUID);
    }
    forEachItem(item, DCM_RTReferencedStudySequence, [&](DcmItem& study) {
      forEachItem(study, DCM_RTReferencedSeriesSequence, [&](DcmItem& series) {
        m_result.seriesUids.push_back(uidOf(series, DCM_SeriesInstanceUID));
        takeInstances(series);
      });
    });
  }

  void takeInstances(DcmItem& item) {
    forEachItem(item, DCM_ContourImageSequence, [&](DcmItem& image) {
      m_result.instanceUids.insert(uidOf(image, DCM_ReferencedSOPInstanceUID));
    });
  }

  void takeRoi(DcmItem& item) {
    ParsedRoi roi;
    roi.number = wholeOf(item, DCM_ROINumber);
    roi.name = utf8Of(item, DCM_ROIName);
    roi.frameOfReferenceUid = uidOf(item, DCM_ReferencedFrameOfReferenceUID);
    roi.algorithm = utf8Of(item, DCM_ROIGenerationAlgorithm);
    roi.generation = utf8Of(item, DCM_ROIGenerationDescription);
    roi.description = utf8Of(item, DCM_ROIDescription);
    if (roi.number) {
      m_roisByNumber[*roi.number].push_back(m_result.rois.size());
    } else {
      m_result.warnings.push_back(
          {WarningCode::Contour,
           fmt::format("'{}' has no readable ROI Number, so no contours can be its own.",
                       roi.name)});
    }
    m_result.rois.push_back(std::move(roi));
  }

  void nameDoubled() {
    for (const auto& [number, rois] : m_roisByNumber) {
      if (rois.size() < 2) {
        continue;
      }
      std::vector<std::string> names;
      for (const std::size_t n : rois) {
        if (names.size() < kNamed) {
          names.push_back(m_result.rois[n].name);
        }
      }
      m_result.warnings.push_back(
          {WarningCode::Contour,
           fmt::format("ROI Number {} stands for {} structures ('{}'{}): the contours were given "
                       "to them in the order of the file. Check which is which.",
                       number,
                       rois.size(),
                       fmt::join(names, "', '"),
                       rois.size() > names.size() ? " and others" : "")});
    }
  }

  // Calls `visit` with each item of a sequence that refers to ROIs, and its ROI; null
  // where there is none. Of a number that stands for several ROIs the first item
  // goes to the first of them, and items beyond the last to none.
  template <typename Visit>
  void forEachRoiOf(const DcmTagKey& key, Visit&& visit) {
    std::map<std::int64_t, std::size_t> seen;
    forEachItem(m_dataset, key, [&](DcmItem& item) {
      const auto number = wholeOf(item, DCM_ReferencedROINumber);
      const auto found = number ? m_roisByNumber.find(*number) : m_roisByNumber.end();
      if (found == m_roisByNumber.end()) {
        visit(item, nullptr);
        return;
      }
      const auto& rois = found->second;
      const std::size_t turn = rois.size() == 1 ? 0 : seen[*number]++;
      visit(item, turn < rois.size() ? &m_result.rois[rois[turn]] : nullptr);
    });
  }

  void nameOrphan(DcmItem& item) {
    std::size_t contours = 0;
    forEachItem(item, DCM_ContourSequence, [&](DcmItem&) { ++contours; });
    if (contours == 0 || ++m_orphans > kNamed) {
      return;
    }
    const std::string number = utf8Text(textOf(item, DCM_ReferencedROINumber));
    m_result.warnings.push_back(
        {WarningCode::LeftOut,
         fmt::format("{} contour{} of ROI Number {} left out: the file names no {}structure of "
                     "that number.",
                     contours,
                     contours == 1 ? "" : "s",
                     number.empty() ? "(none)" : number,
                     m_roisByNumber.contains(parseWhole(number).value_or(-1)) ? "further " : "")});
  }

  void takeContours(DcmItem& item, ParsedRoi& roi) {
    std::vector<double> color;
    const bool numbers = forEachNumber(trimmed(bytesOf(item, DCM_ROIDisplayColor)),
                                       [&](double value) { color.push_back(value); });
    if (numbers && color.size() == 3) {
      const auto byte = [](double v) {
        return static_cast<std::uint8_t>(std::clamp(v, 0.0, 255.0));
      };
      roi.color = Color{byte(color[0]), byte(color[1]), byte(color[2])};
    }
    forEachItem(item, DCM_ContourSequence, [&](DcmItem& child) {
      ParsedContour contour;
      contour.type = utf8Text(textOf(child, DCM_ContourGeometricType));
      contour.declaredPoints = wholeOf(child, DCM_NumberOfContourPoints).value_or(0);
      takePoints(child, contour);
      takeInstances(child);
      roi.contours.push_back(std::move(contour));
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

  void takeObservation(DcmItem& item, ParsedRoi& roi) {
    roi.interpretedType = utf8Of(item, DCM_RTROIInterpretedType);
    forEachItem(item, DCM_RTROIIdentificationCodeSequence, [&](DcmItem& code) {
      Code read{utf8Of(code, DCM_CodingSchemeDesignator),
                utf8Of(code, DCM_CodeValue),
                utf8Of(code, DCM_CodeMeaning)};
      if (read.value.empty()) {
        read.value = utf8Of(code, DCM_LongCodeValue);
      }
      if (!roi.code && !read.value.empty()) {
        roi.code = std::move(read);
      }
    });
  }

  static constexpr std::size_t kNamed = 8;  // in one warning, or warnings of one kind

  DcmDataset& m_dataset;
  std::string m_characterSet;
  ParsedRtStruct m_result;
  std::map<std::int64_t, std::vector<std::size_t>> m_roisByNumber;
  std::vector<std::string> m_repaired;
  std::size_t m_repairedCount = 0;
  std::size_t m_orphans = 0;
};

}  // namespace

Result<ParsedRtStruct> parseRtStruct(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const auto file, loadObject(path, LoadPart::All));
  const std::string name = displayed(path.filename());
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
