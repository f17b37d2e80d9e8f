// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/dcmtk_tools.h"

// Internal to core/dicom: the attributes of one frame, wherever they stand.
namespace argand::dicom {

// One frame's attributes: its own functional groups, the shared ones, the
// object's top level, the first that has the tag (PS3.3 C.7.6.16). A classic
// image has the top level only. Numbers that had to be repaired are named in
// `warnings`.
class Attributes {
 public:
  Attributes(DcmItem& top, Warnings& warnings)
      : m_items{&top},
        m_warnings(&warnings),
        m_characterSet(textOf(top, DCM_SpecificCharacterSet)) {}

  // `groups` is an item of Per-Frame or Shared Functional Groups Sequence. Those of
  // the shared groups are added first. Fails where a group is no sequence.
  [[nodiscard]] Result<void> addGroups(DcmItem& groups);

  // The element with a value, or nullptr.
  [[nodiscard]] DcmElement* find(const DcmTagKey& tag) const;

  // In UTF-8, without padding; empty where it is absent.
  [[nodiscard]] std::string text(const DcmTagKey& tag) const;

  // Empty where it is absent; fails where it is there and is no numbers.
  [[nodiscard]] Result<std::vector<double>> numbers(const DcmTagKey& tag) const;

  // The one value; fails where there are several.
  [[nodiscard]] Result<std::optional<double>> number(const DcmTagKey& tag) const;

  // The same for a whole number within -2^31 and 2^31 - 1.
  [[nodiscard]] Result<int> whole(const DcmTagKey& tag, int fallback) const;

  // `count` numbers, or a refusal that names the attribute.
  [[nodiscard]] Result<std::vector<double>> required(const DcmTagKey& tag, std::size_t count) const;

  // One number that the image can do without: where it is none it is left out, which
  // is named in the warnings.
  [[nodiscard]] std::optional<double> dispensable(const DcmTagKey& tag) const;

  // The items of a sequence, or nullptr; fails where it is there and is none.
  [[nodiscard]] Result<DcmSequenceOfItems*> sequence(const DcmTagKey& tag) const;

  void warn(std::string text) const {
    m_warnings->push_back({WarningCode::ValueRepaired, std::move(text)});
  }

 private:
  std::vector<DcmItem*> m_items;
  Warnings* m_warnings;
  std::string m_characterSet;
};

}  // namespace argand::dicom
