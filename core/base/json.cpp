// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"

#include "core/base/file.h"

namespace argand {

Result<Json> parseJson(std::string_view text, std::string_view what) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& exception) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is not valid JSON: {}.", what, exception.what()));
  }
}

Result<Json> readJsonFile(const std::filesystem::path& path) {
  ARGAND_ASSIGN(const std::string text, readTextFile(path));
  return parseJson(text, path.string());
}

Result<void> writeJsonFile(const std::filesystem::path& path, const Json& json) {
  return writeFileAtomically(path, json.dump(2) + "\n");
}

}  // namespace argand
