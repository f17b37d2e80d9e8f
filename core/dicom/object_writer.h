// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/volume/segmentation.h"
#include "core/volume/source_series.h"

#include <string>
#include <vector>

// Internal to core/dicom.
namespace argand::dicom {

// The most characters that a text may have (PS3.5 6.2).
inline constexpr std::size_t kLongestDs = 16;
inline constexpr std::size_t kLongestLo = 64;
inline constexpr std::size_t kLongestSh = 16;
inline constexpr std::size_t kLongestSt = 1024;

// Returns the first `longest` characters of UTF-8 text.
[[nodiscard]] std::string cutUtf8(const std::string& text, std::size_t longest);

// Returns the text as one value of a DICOM text of at most `longest` characters may be:
// UTF-8, cut, no backslash (it separates values), no control character, no blanks at the
// ends.
[[nodiscard]] std::string singleValue(const std::string& text, std::size_t longest);

// The same for names that must stay apart: where two that differ become equal the later
// ones end in "~2", "~3". What had to be changed is a warning, with both names.
[[nodiscard]] std::vector<std::string> distinctValues(const std::vector<std::string>& texts,
                                                      std::size_t longest,
                                                      Warnings& warnings);

// Returns the local time in a form of strftime: "%Y%m%d" is a DA, "%H%M%S" a TM.
[[nodiscard]] std::string localTime(const char* format);

// An object that is made from a series and belongs to its study: what RT
// Structure Sets and segmentations have in common. The first failure of DCMTK
// is kept and told by save().
class ObjectWriter {
 public:
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  [[nodiscard]] const Warnings& warnings() const { return m_warnings; }

 protected:
  // `source` has every UID and outlives this object.
  explicit ObjectWriter(const SourceSeries& source);
  ~ObjectWriter() = default;

  void put(DcmItem& item, const DcmTagKey& key, const std::string& value);
  void putNumber(DcmItem& item, const DcmTagKey& key, Uint16 value);
  // Text of the program in the object's character set, cut to `longest` characters;
  // what had to be changed is a warning.
  void putUtf8(DcmItem& item, const DcmTagKey& key, const std::string& text, std::size_t longest);
  void putCode(DcmItem& item, const Code& code);
  DcmSequenceOfItems& newSequence(DcmItem& item, const DcmTagKey& key);
  static DcmItem& newItem(DcmSequenceOfItems& sequence);
  void note(const OFCondition& status);  // keeps the first failure

  // The patient and study modules of the source. Its character set is kept, and its
  // values byte for byte, where that set holds `texts` and its own values are in it;
  // else all is converted to UTF-8 (ISO_IR 192).
  void setPatientAndStudy(const std::vector<std::string>& texts);
  // The general series, equipment and frame of reference modules, which name the
  // program and, where all structures share one network, the hash of its weights.
  void setSeriesAndEquipment(const char* sopClassUid,
                             const char* modality,
                             const char* seriesNumber,
                             const std::string& description,
                             const std::vector<Structure>& structures);
  // One item per instance of the source; with the numbers of its frames where the
  // sequence names images (PS3.3 10.3) and not only instances (10.8).
  enum class Naming { Instances, Images };
  void addInstances(DcmSequenceOfItems& instances, Naming naming);
  // The image of slice `k`.
  void addInstance(DcmSequenceOfItems& instances, std::int64_t k);

  [[nodiscard]] Result<void> save(const std::filesystem::path& path, E_TransferSyntax syntax);

  const SourceSeries& m_source;
  DcmFileFormat m_file;
  DcmDataset& m_dataset;
  Warnings m_warnings;

 private:
  void chooseCharacterSet(const std::vector<std::string>& texts);
  void copySourceAttribute(const SourceAttribute& attribute);

  OFCondition m_status;  // the first failure
  std::string m_characterSet;
};

}  // namespace argand::dicom
