// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/attributes.h"

#include "core/base/text.h"

#include <cmath>
#include <limits>

namespace argand::dicom {

namespace {

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, std::move(reason));
}

}  // namespace

Result<void> Attributes::addGroups(DcmItem& groups) {
  std::vector<DcmItem*> inner;
  for (unsigned long n = 0; n < groups.card(); ++n) {
    const DcmTag tag = groups.getElement(n)->getTag();
    if (DcmTag(tag.getXTag()).getEVR() != EVR_SQ) {  // private, or a group length
      continue;
    }
    ARGAND_ASSIGN(DcmSequenceOfItems * sequence, sequenceOf(groups, tag));
    if (sequence != nullptr && sequence->card() > 0) {
      inner.push_back(sequence->getItem(0));
    }
  }
  // The group's item too: sequences such as Real World Value Mapping are looked up in it.
  inner.push_back(&groups);
  m_items.insert(m_items.begin(), inner.begin(), inner.end());
  return {};
}

DcmElement* Attributes::find(const DcmTagKey& tag) const {
  for (DcmItem* item : m_items) {
    DcmElement* element = nullptr;
    if (item->findAndGetElement(tag, element).good() && element != nullptr &&
        element->getLength() > 0) {
      return element;
    }
  }
  return nullptr;
}

std::string Attributes::text(const DcmTagKey& tag) const {
  DcmElement* element = find(tag);
  if (element == nullptr) {
    return {};
  }
  return screenText(trimmed(rawTextOf(*element)), m_characterSet).text;
}

Result<std::vector<double>> Attributes::numbers(const DcmTagKey& tag) const {
  DcmElement* element = find(tag);
  if (element == nullptr) {
    return std::vector<double>{};
  }
  ARGAND_ASSIGN(Numbers numbers, readNumbers(*element));
  if (numbers.repair) {
    m_warnings->push_back(std::move(*numbers.repair));
  }
  return std::move(numbers.values);
}

Result<std::optional<double>> Attributes::number(const DcmTagKey& tag) const {
  ARGAND_ASSIGN(const auto values, numbers(tag));
  if (values.size() > 1) {
    return refused(
        fmt::format("Its {} has {} values where one is expected.", nameOf(tag), values.size()));
  }
  return values.empty() ? std::nullopt : std::optional(values.front());
}

Result<int> Attributes::whole(const DcmTagKey& tag, int fallback) const {
  ARGAND_ASSIGN(const auto value, number(tag));
  if (!value) {
    return fallback;
  }
  if (*value != std::trunc(*value) || *value < std::numeric_limits<int>::min() ||
      *value > std::numeric_limits<int>::max()) {
    return refused(
        fmt::format("Its {} is {}, where a whole number is expected.", nameOf(tag), *value));
  }
  return static_cast<int>(*value);
}

Result<std::vector<double>> Attributes::required(const DcmTagKey& tag, std::size_t count) const {
  if (find(tag) == nullptr) {
    return refused(
        fmt::format("It has no {}, so where it lies in the patient is unknown.", nameOf(tag)));
  }
  ARGAND_ASSIGN(auto values, numbers(tag));
  if (values.size() != count) {
    return refused(fmt::format("Its {} is not {} numbers.", nameOf(tag), count));
  }
  return values;
}

std::optional<double> Attributes::dispensable(const DcmTagKey& tag) const {
  const auto value = number(tag);
  if (!value) {
    warn(value.error().message + " It is left out.");
    return std::nullopt;
  }
  return *value;
}

Result<DcmSequenceOfItems*> Attributes::sequence(const DcmTagKey& tag) const {
  for (DcmItem* item : m_items) {
    ARGAND_ASSIGN(DcmSequenceOfItems * found, sequenceOf(*item, tag));
    if (found != nullptr && found->card() > 0) {
      return found;
    }
  }
  return nullptr;
}

}  // namespace argand::dicom
