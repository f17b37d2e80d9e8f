// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"

#include "core/base/file.h"
#include "core/base/text.h"

namespace argand {

Result<Json> parseJson(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& exception) {
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
