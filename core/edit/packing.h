// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/label_layer.h"

#include <cstddef>
#include <span>
#include <vector>

// Label values as patches keep them: one zstd frame with its content's size.
namespace argand::edit {

[[nodiscard]] std::vector<std::byte> packed(std::span<const LabelValue> values);

// Fails where `bytes` is not a whole frame of exactly `count` values.
[[nodiscard]] Result<std::vector<LabelValue>> unpacked(std::span<const std::byte> bytes,
                                                       std::size_t count);

}  // namespace argand::edit
