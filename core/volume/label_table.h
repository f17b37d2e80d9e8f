// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/volume/segmentation.h"

#include <filesystem>
#include <map>
#include <string>

namespace argand {

// Names, codes and colours of label values.
class LabelTable {
 public:
  struct Entry {
    std::string name;
    std::optional<Code> code;
    std::optional<Color> color;
    Side side = Side::None;
  };

  void set(LabelValue value, Entry entry) { m_entries[value] = std::move(entry); }

  [[nodiscard]] const std::map<LabelValue, Entry>& entries() const { return m_entries; }

  [[nodiscard]] bool empty() const { return m_entries.empty(); }

  // The entry's name, else "Label_<value>".
  [[nodiscard]] std::string nameOf(LabelValue value) const;
  // The entry's colour, else that of the structure the name is known for, else one of a
  // palette that keeps neighbours apart.
  [[nodiscard]] Color colorOf(LabelValue value) const;

  // {"1": "Liver"} or {"1": {"name": ..., "code": [scheme, value, meaning],
  // "color": [r, g, b], "side": "left"}}, or {"Liver": 1}, or the same under a
  // key "labels" (nnU-Net, TotalSegmentator and our own files).
  [[nodiscard]] static Result<LabelTable> fromJson(const Json& json, std::string_view what);
  [[nodiscard]] static Result<LabelTable> read(const std::filesystem::path& path);
  [[nodiscard]] Json toJson() const;

 private:
  std::map<LabelValue, Entry> m_entries;
};

// A colour of the palette for the n-th structure.
[[nodiscard]] Color paletteColor(std::size_t n);

}  // namespace argand
