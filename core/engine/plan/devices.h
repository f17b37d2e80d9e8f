// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace argand::engine {

// Simulated: not there; plans for it can be made and never run.
enum class DeviceKind { Cpu, Cuda, Simulated };

// Where a slab of the network runs, and what it may use there.
struct DeviceSpec {
  std::string name = "cpu:0";  // as the person named it: "cpu", "cpu:1"
  DeviceKind kind = DeviceKind::Cpu;
  int index = 0;
  std::int64_t budgetBytes = 0;  // never exceeded; a plan that would is refused
  int threads = 1;
  // What its speed is taken from: a description in resources/devices, "measured",
  // or nothing where it is assumed.
  std::string profile{};
  bool operator==(const DeviceSpec&) const = default;
};

// Devices by name: "cpu" (or "cpu:0" alone) is all cores; "cpu:0,cpu:1,..." are
// virtual devices that share cores and free memory equally; "sim:8xh100-nvlink" is
// eight devices that are not there, as resources/devices describes them, and stands
// with others of its kind only. `budgets` is empty, one for all or one per device:
// "2GiB,1500MiB", a bare number is bytes.
// `threads` is per device. Fails with Usage on an unknown name, NoPlan on a
// device that this machine does not have.
[[nodiscard]] Result<std::vector<DeviceSpec>> parseDevices(
    std::string_view names,
    std::string_view budgets = {},
    std::optional<int> threads = std::nullopt);

// "1500MiB", "2GiB", "64k", "123": KiB, MiB, GiB, TiB are binary, KB, MB, GB, TB decimal.
[[nodiscard]] Result<std::int64_t> parseBytes(std::string_view text);

// "1.50 GiB", with enough digits to compare two figures.
[[nodiscard]] std::string formatBytes(std::int64_t bytes);

// What may still be allocated here: MemAvailable, and the room left in this
// process's control group where that is smaller.
[[nodiscard]] std::int64_t freeMemoryBytes();

// Cores this process may run on.
[[nodiscard]] int coreCount();

}  // namespace argand::engine
