// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/volume/segmentation.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What is known of anatomical structures whoever outlines them: names, codes,
// colours. resources/structures.json, described in docs/structures.md, is built in.
namespace argand {

struct KnownStructure {
  std::string name;          // at most 16 characters, no spaces
  bool tg263 = false;        // the name is one of AAPM TG-263's; otherwise it is in their manner
  Side side = Side::None;    // None too for a pair without its side ("Kidney")
  std::optional<Code> code;  // SNOMED CT, without the side; absent where none says just this
  std::optional<Code> category;  // what `code` is one of, where it is no anatomical structure
  Color color;
  std::string interpretedType = "ORGAN";  // RT ROI Interpreted Type
};

class StructureTable {
 public:
  [[nodiscard]] static const StructureTable& shipped();

  // Fails, naming the row, where a key is missing, a name is too long or has
  // spaces, a code is not of digits, or one name stands for two structures.
  [[nodiscard]] static Result<StructureTable> fromJson(const Json& json, std::string_view what);

  [[nodiscard]] const std::vector<KnownStructure>& entries() const { return m_entries; }

  // The structure of that name, of any of its other names, and of these with the side
  // before or behind ("left kidney", "Kidney-Lt"); case, spaces and punctuation do not
  // matter. Null where the table has none.
  [[nodiscard]] const KnownStructure* find(std::string_view name) const;
  // A structure that has this code, whichever its side.
  [[nodiscard]] const KnownStructure* findByCode(const Code& code) const;

 private:
  [[nodiscard]] Result<void> add(const Json& row, std::string_view what);
  [[nodiscard]] Result<void> addEntry(KnownStructure entry, const std::vector<std::string>& names);

  std::vector<KnownStructure> m_entries;
  std::map<std::string, std::size_t, std::less<>> m_byName;  // in the letters that matter
};

// Gives a structure what the shipped table knows of its name and it has not: code,
// category, side, and the interpreted type where that is still ORGAN. Name and colour
// stay. False where the table does not know the name.
bool complete(Structure& structure);

// The same segmentation with TG-263's names, where there are such and no other
// structure has them already; every other structure keeps its own.
[[nodiscard]] Segmentation withTg263Names(Segmentation segmentation);

}  // namespace argand
