// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"

#include "core/base/file.h"
#include "core/base/text.h"

#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

namespace argand {

namespace {

// Copies and texts of values that lie within one another are made by recursion.
constexpr int kDeepest = 100;
// An object of n members takes n * n / 2 comparisons of keys, since it is searched from
// its beginning: enough for one of 65 536, which is a name for every label.
constexpr std::uint64_t kMostComparisons = std::uint64_t{1} << 31U;

// Looks at values as they are read, and throws at the first that is refused.
class Limits {
 public:
  void take(int depth, Json::parse_event_t event, const Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        if (depth >= kDeepest) {
          throw std::runtime_error(
              fmt::format("more than {} values lie within one another", kDeepest));
        }
        if (event == Json::parse_event_t::object_start) {
          m_keys.emplace_back();
        }
        break;
      case Json::parse_event_t::object_end:
        m_keys.pop_back();
        break;
      case Json::parse_event_t::key:
        takeKey(value.get_ref<const std::string&>());
        break;
      default:
        break;
    }
  }

 private:
  void takeKey(const std::string& key) {
    // The later one would win, and the earlier one be lost without a word.
    if (!m_keys.back().insert(key).second) {
      throw std::runtime_error(fmt::format("the key '{}' occurs twice in one object", key));
    }
    m_comparisons += m_keys.back().size();
    if (m_comparisons > kMostComparisons) {
      throw std::runtime_error("an object has too many members");
    }
  }

  std::vector<std::unordered_set<std::string>> m_keys;  // of the objects that are open
  std::uint64_t m_comparisons = 0;
};

}  // namespace

Result<Json> parseJson(std::string_view text, std::string_view what) {
  try {
    Limits limits;
    return Json::parse(text, [&](int depth, Json::parse_event_t event, Json& value) {
      limits.take(depth, event, value);
      return true;
    });
  } catch (const std::exception& exception) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is not valid JSON: {}.", what, exception.what()));
  }
}

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Result<Json> readJsonFile(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const std::string text, readTextFile(path));
  return parseJson(utf8Text(text), displayed(path));
}

Result<void> writeJsonFile(const std::filesystem::path& path, const Json& json) {
  return writeFileAtomically(path, dumped(json, 2) + "\n");
}

}  // namespace argand
