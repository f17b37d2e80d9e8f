// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/object_writer.h"

#include "core/base/text.h"
#include "core/base/version.h"
#include "core/dicom/character_set.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <set>

namespace argand::dicom {

namespace {

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

// Values whose letters depend on Specific Character Set (PS3.5 6.1.2.3).
bool isText(const std::string& vr) {
  constexpr std::array<std::string_view, 7> kTexts{"SH", "LO", "ST", "LT", "PN", "UC", "UT"};
  return std::find(kTexts.begin(), kTexts.end(), vr) != kTexts.end();
}

// Each of several values with at most `longest` characters.
std::string cutValues(const std::string& text, std::size_t longest) {
  std::string result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\\', begin), text.size());
    result.append(begin > 0 ? "\\" : "").append(cutUtf8(text.substr(begin, end - begin), longest));
    begin = end + 1;
  }
  return result;
}

// A text of the source in UTF-8, as long as it may be.
struct SourceText {
  std::string text;
  bool asDeclared = true;
  bool cut = false;
};

SourceText sourceText(const SourceAttribute& attribute, const std::string& characterSet) {
  auto [text, asDeclared] = screenText(attribute.value, characterSet);
  // Whom the study is about is never altered; a wrong length there is the source's own.
  const bool identity = attribute.tag == 0x00100010U || attribute.tag == 0x00100020U;
  const std::size_t longest = longestOf(attribute.vr);
  if (identity || longest == std::string::npos) {
    return {std::move(text), asDeclared, false};
  }
  std::string cut = cutValues(text, longest);
  const bool shorter = cut != text;
  return {std::move(cut), asDeclared, shorter};
}

}  // namespace

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

std::string singleValue(const std::string& text, std::size_t longest) {
  std::string clean = utf8Text(text);
  for (char& c : clean) {
    c = c == '\\' ? '/' : (static_cast<unsigned char>(c) < 0x20 || c == '\x7f' ? ' ' : c);
  }
  // Blanks at the ends are no part of a value (PS3.5 6.2).
  return std::string(trimmed(cutUtf8(std::string(trimmed(clean)), longest)));
}

std::vector<std::string> distinctValues(const std::vector<std::string>& texts,
                                        std::size_t longest,
                                        Warnings& warnings) {
  std::map<std::string, std::string> textOfValue;
  std::vector<std::string> values;
  for (const std::string& text : texts) {
    std::string value = singleValue(text, longest);
    std::string other;
    for (int n = 2; textOfValue.contains(value) && textOfValue.at(value) != text; ++n) {
      other = other.empty() ? textOfValue.at(value) : other;
      const std::string ending = fmt::format("~{}", n);
      value = singleValue(text, longest - ending.size()) + ending;
    }
    textOfValue.emplace(value, text);
    if (value != text) {
      warnings.push_back(
          {WarningCode::Renamed,
           fmt::format("'{}' is written as '{}': a name has at most {} characters, "
                       "no backslash and no line break{}.",
                       text,
                       value,
                       longest,
                       other.empty() ? "" : fmt::format(" and would be that of '{}'", other))});
    }
    values.push_back(std::move(value));
  }
  return values;
}

std::string localTime(const char* format) {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 16> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), format, &local);
  return {text.data(), length};
}

ObjectWriter::ObjectWriter(const SourceSeries& source)
    : m_source(source), m_dataset(*m_file.getDataset()), m_status(EC_Normal) {}

void ObjectWriter::put(DcmItem& item, const DcmTagKey& key, const std::string& value) {
  note(item.putAndInsertString(key, value.c_str()));
}

void ObjectWriter::putNumber(DcmItem& item, const DcmTagKey& key, Uint16 value) {
  note(item.putAndInsertUint16(key, value));
}

void ObjectWriter::note(const OFCondition& status) {
  if (m_status.good() && status.bad()) {
    m_status = status;
  }
}

void ObjectWriter::putUtf8(DcmItem& item,
                           const DcmTagKey& key,
                           const std::string& text,
                           std::size_t longest) {
  const std::string clean = singleValue(text, longest);
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

DcmSequenceOfItems& ObjectWriter::newSequence(DcmItem& item, const DcmTagKey& key) {
  auto* sequence = new DcmSequenceOfItems(key);  // the item takes it over
  note(item.insert(sequence, OFTrue));
  return *sequence;
}

DcmItem& ObjectWriter::newItem(DcmSequenceOfItems& sequence) {
  auto* item = new DcmItem();  // the sequence takes it over
  sequence.append(item);
  return *item;
}

void ObjectWriter::putCode(DcmItem& item, const Code& code) {
  put(item, code.value.size() > kLongestSh ? DCM_LongCodeValue : DCM_CodeValue, code.value);
  put(item, DCM_CodingSchemeDesignator, code.scheme);
  putUtf8(item, DCM_CodeMeaning, code.meaning, kLongestLo);
}

void ObjectWriter::copySourceAttribute(const SourceAttribute& attribute) {
  const DcmTagKey key(static_cast<Uint16>(attribute.tag >> 16),
                      static_cast<Uint16>(attribute.tag & 0xFFFFU));
  const auto warn = [&](WarningCode code, const std::string& what) {
    m_warnings.push_back(
        {code, fmt::format("{} of the study {}.", DcmTag(key).getTagName(), what)});
  };
  if (!isText(attribute.vr) && !isPlainAscii(attribute.value)) {
    warn(WarningCode::ValueRepaired, "holds letters that its kind has not, and is left out");
    return;
  }
  const SourceText source = sourceText(attribute, m_source.characterSet);
  if (!source.asDeclared) {
    warn(WarningCode::TextRepaired,
         fmt::format("is not in the character set that it declares ({}), and is written in UTF-8",
                     m_source.characterSet.empty() ? "ASCII" : utf8Text(m_source.characterSet)));
  }
  if (source.cut) {
    warn(WarningCode::ValueRepaired,
         fmt::format("has more than {} characters and is written shortened",
                     longestOf(attribute.vr)));
  }
  // Byte for byte where nothing has to change.
  const bool asIs = m_characterSet == m_source.characterSet && !source.cut;
  const std::string value =
      asIs ? attribute.value : fromUtf8(source.text, m_characterSet).value_or(source.text);
  const DcmTag tag(key, DcmVR(attribute.vr.c_str()));
  if (m_dataset.putAndInsertString(tag, value.c_str()).bad()) {
    warn(WarningCode::ValueRepaired, "could not be copied");
  }
}

void ObjectWriter::chooseCharacterSet(const std::vector<std::string>& texts) {
  m_characterSet = m_source.characterSet;
  const auto& own = m_source.patientAndStudy;
  const bool kept =
      isPlainAscii(m_characterSet) &&
      std::all_of(texts.begin(),
                  texts.end(),
                  [&](const std::string& text) {
                    return fromUtf8(utf8Text(text), m_characterSet).has_value();
                  }) &&
      std::all_of(own.begin(), own.end(), [&](const SourceAttribute& attribute) {
        const SourceText text = sourceText(attribute, m_source.characterSet);
        return !isText(attribute.vr) ||
               (text.asDeclared && (!text.cut || fromUtf8(text.text, m_characterSet).has_value()));
      });
  if (!kept) {
    m_characterSet = "ISO_IR 192";
  }
}

void ObjectWriter::setPatientAndStudy(const std::vector<std::string>& texts) {
  chooseCharacterSet(texts);
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

void ObjectWriter::setSeriesAndEquipment(const char* sopClassUid,
                                         const char* modality,
                                         const char* seriesNumber,
                                         const std::string& description,
                                         const std::vector<Structure>& structures) {
  put(m_dataset, DCM_SOPClassUID, sopClassUid);
  put(m_dataset, DCM_SOPInstanceUID, newUid());
  put(m_dataset, DCM_InstanceCreationDate, localTime("%Y%m%d"));
  put(m_dataset, DCM_InstanceCreationTime, localTime("%H%M%S"));
  put(m_dataset, DCM_Modality, modality);
  put(m_dataset, DCM_SeriesInstanceUID, newUid());
  put(m_dataset, DCM_SeriesNumber, seriesNumber);  // after the images; a DICOMDIR needs one
  putUtf8(m_dataset, DCM_SeriesDescription, description, kLongestLo);
  put(m_dataset, DCM_Manufacturer, "Argand");
  put(m_dataset, DCM_ManufacturerModelName, "Argand");
  put(m_dataset, DCM_SoftwareVersions, std::string(kVersion));
  // One serial number stands for one network's weights.
  std::set<std::string> hashes;
  for (const Structure& structure : structures) {
    hashes.insert(structure.modelHash);
  }
  hashes.erase(std::string());
  if (hashes.size() == 1) {
    putUtf8(m_dataset, DCM_DeviceSerialNumber, *hashes.begin(), kLongestLo);
  }
  put(m_dataset, DCM_FrameOfReferenceUID, m_source.frameOfReferenceUid);
  putUtf8(
      m_dataset, DCM_PositionReferenceIndicator, m_source.positionReferenceIndicator, kLongestLo);
}

void ObjectWriter::addInstances(DcmSequenceOfItems& instances, Naming naming) {
  std::map<std::string, std::string> frames;  // of multi-frame instances
  for (const SourceSlice& slice : m_source.slices) {
    if (slice.frame > 0) {
      std::string& list = frames[slice.sopInstanceUid];
      list.append(list.empty() ? "" : "\\").append(std::to_string(slice.frame));
    }
  }
  std::set<std::string> written;
  for (const SourceSlice& slice : m_source.slices) {
    if (!written.insert(slice.sopInstanceUid).second) {
      continue;
    }
    DcmItem& image = newItem(instances);
    put(image, DCM_ReferencedSOPClassUID, slice.sopClassUid);
    put(image, DCM_ReferencedSOPInstanceUID, slice.sopInstanceUid);
    if (slice.frame > 0 && naming == Naming::Images) {
      put(image, DCM_ReferencedFrameNumber, frames[slice.sopInstanceUid]);
    }
  }
}

void ObjectWriter::addInstance(DcmSequenceOfItems& instances, std::int64_t k) {
  const SourceSlice& slice = m_source.slices[static_cast<std::size_t>(k)];
  DcmItem& image = newItem(instances);
  put(image, DCM_ReferencedSOPClassUID, slice.sopClassUid);
  put(image, DCM_ReferencedSOPInstanceUID, slice.sopInstanceUid);
  if (slice.frame > 0) {
    put(image, DCM_ReferencedFrameNumber, std::to_string(slice.frame));
  }
}

Result<void> ObjectWriter::save(const std::filesystem::path& path, E_TransferSyntax syntax) {
  OFCondition status = m_status;
  if (status.good()) {
    status =
        m_file.saveFile(path.c_str(), syntax, EET_ExplicitLength, EGL_recalcGL, EPD_withoutPadding);
  }
  if (status.bad()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("'{}' could not be written: {}. Check that the folder exists and the "
                            "disk has room.",
                            displayed(path.filename()),
                            status.text()));
  }
  return {};
}

}  // namespace argand::dicom
