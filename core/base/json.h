// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string_view>

namespace argand {

// Keeps keys in the order they were written, so that files and output are stable.
using Json = nlohmann::ordered_json;

// `what` names the text in the message: a file's path, "the model card".
[[nodiscard]] Result<Json> parseJson(std::string_view text, std::string_view what);
// Text of `json` on one line, or indented where `indent` is not negative. Strings
// that are not UTF-8 do not stop it: their bytes become U+FFFD.
[[nodiscard]] std::string dumped(const Json& json, int indent = -1);
// Reads a file of JSON; text that is not UTF-8 is taken as ISO 8859-1.
[[nodiscard]] Result<Json> readJsonFile(const std::filesystem::path& path);
[[nodiscard]] Result<void> writeJsonFile(const std::filesystem::path& path, const Json& json);

// The member `key` of `object` as a T; fails with a sentence that names
// `what`, the key and the type wanted.
template <typename T>
[[nodiscard]] Result<T> jsonMember(const Json& object,
                                   std::string_view key,
                                   std::string_view what) {
  const auto found = object.find(key);
  if (!object.is_object() || found == object.end()) {
    return fail(ErrorCode::InputRefused, fmt::format("'{}' is missing from {}.", key, what));
  }
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception& exception) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'{}' in {} cannot be used: {}.", key, what, exception.what()));
  }
}

// The same, with a default for a key that is absent.
template <typename T>
[[nodiscard]] Result<T> jsonMemberOr(const Json& object,
                                     std::string_view key,
                                     T fallback,
                                     std::string_view what) {
  if (!object.is_object() || !object.contains(key)) {
    return fallback;
  }
  return jsonMember<T>(object, key, what);
}

}  // namespace argand
