// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/base/warning.h"
#include "core/dicom/character_set.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Internal to core/dicom: objects and attributes of DCMTK. Included by
// .cpp files and internal headers of this folder only.
namespace argand::dicom {

// Silences DCMTK's log, once; fails where DCMTK's data dictionary is not
// installed, without which no attribute has a type.
[[nodiscard]] Result<void> prepareDcmtk();

enum class LoadPart { HeaderOnly, All };  // a header ends before Pixel Data

// A whole object, with or without preamble and file meta information.
[[nodiscard]] Result<std::unique_ptr<DcmFileFormat>> loadObject(const std::filesystem::path& path,
                                                                LoadPart part);

// Preamble and "DICM", or a first element that only DICOM starts with.
[[nodiscard]] bool looksLikeDicom(const std::filesystem::path& path);

// The value as it stands in the object: all values with backslashes, padding
// trimmed, the source's character set. Empty where the attribute is absent.
[[nodiscard]] std::string textOf(DcmItem& item, const DcmTagKey& tag);

// Value bytes, trailing padding included where it is part of the value.
[[nodiscard]] std::string rawTextOf(DcmElement& element);

// The numbers of one attribute, read by the one policy of docs/conformance.md, "Numbers".
struct Numbers {
  std::vector<double> values;     // empty where the attribute has no value
  std::optional<Warning> repair;  // what was not read as it stands
};

// Fails, naming the attribute and the value, where one of its values is no finite
// number: a number with a unit, an empty value beside others, NaN. Nothing is ever
// cut. A decimal comma is read as a point, which `repair` says. Elements of an unknown
// or wrong representation (UN, OB) are read by that of the data dictionary.
[[nodiscard]] Result<Numbers> readNumbers(DcmElement& element);

// The same for what nothing depends on: empty where the attribute is absent or
// no numbers.
[[nodiscard]] std::vector<double> numbersOf(DcmItem& item, const DcmTagKey& tag);

// Text of the object in UTF-8 whatever its bytes are (see screenText); of an item,
// whose object has the character set given. The only way in which text of a file
// reaches a message, the screen or an output.
[[nodiscard]] std::string screenTextOf(DcmDataset& dataset, const DcmTagKey& tag);
[[nodiscard]] std::string screenTextOf(DcmItem& item,
                                       const DcmTagKey& tag,
                                       const std::string& characterSet);

// A UID or another term of the standard; empty, as if it were absent, where it is no
// printable ASCII of at most 64 characters (PS3.5 6.2).
[[nodiscard]] std::string uidOf(DcmItem& item, const DcmTagKey& tag);

// Calls `visit` with each item of a sequence of `item`; not at all where it is absent.
template <typename Visit>
void forEachItem(DcmItem& item, const DcmTagKey& key, Visit&& visit) {
  DcmSequenceOfItems* sequence = nullptr;
  if (item.findAndGetSequence(key, sequence).bad() || sequence == nullptr) {
    return;
  }
  DcmObject* object = nullptr;
  while ((object = sequence->nextInContainer(object)) != nullptr) {
    if (auto* child = dynamic_cast<DcmItem*>(object); child != nullptr) {
      visit(*child);
    }
  }
}

// A new UID under 2.25 (PS3.5 B.2: from a random UUID), at most 44 characters.
[[nodiscard]] std::string newUid();

// A number in at most the 16 characters of a DS, with every digit that fits.
[[nodiscard]] std::string decimalString(double value);

// The items of a sequence, or nothing where it is absent. Fails where the attribute is
// there but is no sequence (its bytes are then not looked into).
[[nodiscard]] Result<DcmSequenceOfItems*> sequenceOf(DcmItem& item, const DcmTagKey& tag);

// True where `word` is one of the values of an attribute such as Image Type.
[[nodiscard]] bool holdsValue(std::string_view values, std::string_view word);

// Fails, with UID and name, where the file says that it is in a transfer syntax whose pixels
// this program does not read (docs/conformance.md, "Transfer syntaxes").
[[nodiscard]] Result<void> checkTransferSyntax(DcmFileFormat& file);

// "High-Throughput JPEG 2000 (1.2.840.10008.1.2.4.203)"; a UID alone where it has no name.
[[nodiscard]] std::string transferSyntaxName(const std::string& uid);

// "ImageOrientationPatient (0020,0037)"
[[nodiscard]] std::string nameOf(const DcmTagKey& tag);

}  // namespace argand::dicom
