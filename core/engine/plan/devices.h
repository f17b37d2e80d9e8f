// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/cuda/loader.h"

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
  std::string name = "cpu:0";  // as the person named it: "cpu", "cpu:1", "cuda:0/1"
  DeviceKind kind = DeviceKind::Cpu;
  int index = 0;                 // of a CUDA device the driver's: virtual ones share it
  std::int64_t budgetBytes = 0;  // never exceeded; a plan that would is refused
  int threads = 1;
  // What its speed is taken from: a description in resources/devices, "measured",
  // or nothing where it is assumed.
  std::string profile{};
  bool operator==(const DeviceSpec&) const = default;
};

// Devices by name: "cpu" (or "cpu:0" alone) is all cores; "cpu:0,cpu:1,..." are
// virtual devices that share cores and free memory equally. "cuda" (or "cuda:0") is
// the first GPU of those that `plugin` lists; "cuda:0/0,cuda:0/1" are virtual devices
// that share its free memory equally. "sim:8xh100-nvlink" is eight devices that are
// not there, as resources/devices describes them. Devices of one kind only may stand
// together. `budgets` is empty, one for all or one per device: "2GiB,1500MiB", a bare
// number is bytes.
// `threads` is per device. Fails with Usage on an unknown name, NoPlan on a
// device that this machine does not have or that this build cannot use.
[[nodiscard]] Result<std::vector<DeviceSpec>> parseDevices(
    std::string_view names,
    std::string_view budgets = {},
    std::optional<int> threads = std::nullopt,
    const CudaPlugin& plugin = {});

// What a plan may use, and what is taken where nothing fits on that (PlanRequest).
struct DeviceChoice {
  std::vector<DeviceSpec> devices;
  std::optional<DeviceSpec> lastResort;
};

// parseDevices, or by "auto" all GPUs that this build can use, with the processor as the
// last resort; the processor where there are none. Then one budget is for all of them.
[[nodiscard]] Result<DeviceChoice> chooseDevices(std::string_view names,
                                                 std::string_view budgets = {},
                                                 std::optional<int> threads = std::nullopt,
                                                 const CudaPlugin& plugin = {});

// Whether one plan may use all of these: what one of them computes the others must be
// able to read. Fails with Usage.
[[nodiscard]] Result<void> checkKinds(const std::vector<DeviceSpec>& devices);

// Of `devices` those on the same GPU as `device`, itself included: they share its
// memory and its speed. 1 for what is no CUDA device.
[[nodiscard]] int sharersOf(const DeviceSpec& device, const std::vector<DeviceSpec>& devices);

// What of a GPU's free memory is left to it: the libraries' own (cuBLAS's and cuDNN's
// handles and kernels), and what the allocator loses between blocks.
[[nodiscard]] std::int64_t cudaBudgetBytes(std::int64_t freeBytes);

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
