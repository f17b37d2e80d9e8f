// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/devices.h"

#include "core/engine/cuda/loader.h"
#include "core/engine/plan/device_profile.h"

#include <sched.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <tuple>

namespace argand::engine {

namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, ',');) {
    const auto first = part.find_first_not_of(" \t");
    const auto last = part.find_last_not_of(" \t");
    parts.push_back(first == std::string::npos ? "" : part.substr(first, last - first + 1));
  }
  return parts;
}

constexpr std::string_view kHelp =
    "Devices are named cpu, cpu:0,cpu:1,..., cuda:0,cuda:1,... (cuda:0/0,cuda:0/1 share one) or, "
    "not there, sim:8xh100-nvlink.";

// A device as it is named: "cuda:1/0" is part 0 of the CUDA device 1.
struct DeviceName {
  DeviceKind kind = DeviceKind::Cpu;
  int index = 0;
  std::optional<int> part;
};

Result<DeviceName> readName(const std::string& name) {
  const auto colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  DeviceName read;
  read.kind = kind == "cuda" ? DeviceKind::Cuda : DeviceKind::Cpu;
  bool good = kind == "cpu" || kind == "cuda";
  if (good && colon != std::string::npos) {
    const char* const end = name.data() + name.size();
    auto parsed = std::from_chars(name.data() + colon + 1, end, read.index);
    good = parsed.ec == std::errc() && read.index >= 0;
    if (good && read.kind == DeviceKind::Cuda && parsed.ptr != end && *parsed.ptr == '/') {
      parsed = std::from_chars(parsed.ptr + 1, end, read.part.emplace());
      good = parsed.ec == std::errc() && *read.part >= 0;
    }
    good = good && parsed.ptr == end;
  }
  if (!good) {
    return fail(ErrorCode::Usage, fmt::format("'{}' is no device. {}", name, kHelp));
  }
  return read;
}

// The devices that the CUDA plugin lists, asked once and only where one is named.
class CudaDevices {
 public:
  explicit CudaDevices(const CudaPlugin& plugin) : m_plugin(plugin) {}

  Result<CudaDevice> at(const std::string& name, int index) {
    if (!m_devices) {
      m_devices = cudaDevices(m_plugin);
    }
    if (!*m_devices) {
      return failureOf(*m_devices);
    }
    const std::vector<CudaDevice>& devices = **m_devices;
    if (static_cast<std::size_t>(index) >= devices.size()) {
      return fail(ErrorCode::NoPlan,
                  fmt::format("This machine has no device {}; it has {} CUDA devices. Use cpu{}.",
                              name,
                              devices.size(),
                              devices.empty() ? "" : " or cuda:0"));
    }
    const CudaDevice& device = devices[static_cast<std::size_t>(index)];
    if (!device.problem.empty()) {
      return fail(ErrorCode::NoPlan,
                  fmt::format("{} ({}) cannot be used: {}. Use cpu.",
                              name,
                              device.name.empty() ? "unknown" : device.name,
                              device.problem));
    }
    return device;
  }

 private:
  const CudaPlugin& m_plugin;
  std::optional<Result<std::vector<CudaDevice>>> m_devices;
};

Result<DeviceSpec> deviceByName(const std::string& name, CudaDevices& cuda) {
  ARGAND_ASSIGN(const DeviceName read, readName(name));
  DeviceSpec spec;
  spec.name = name;
  spec.kind = read.kind;
  spec.index = read.index;
  if (spec.kind == DeviceKind::Cuda) {
    ARGAND_ASSIGN(const CudaDevice device, cuda.at(name, read.index));
    spec.budgetBytes = cudaBudgetBytes(device.freeBytes);
    spec.profile = profileNameOfGpu(device.name);
  }
  return spec;
}

// Each device once, and none both whole and in parts.
Result<void> checkNames(const std::vector<std::string>& names) {
  std::set<std::tuple<DeviceKind, int, std::optional<int>>> seen;
  for (const std::string& name : names) {
    ARGAND_ASSIGN(const DeviceName read, readName(name));
    if (!seen.emplace(read.kind, read.index, read.part).second) {
      return fail(ErrorCode::Usage, fmt::format("The device {} is named twice.", name));
    }
  }
  for (const auto& [kind, index, part] : seen) {
    if (part && seen.contains({kind, index, std::nullopt})) {
      return fail(ErrorCode::Usage,
                  fmt::format("The device cuda:{} is named whole and in parts.", index));
    }
  }
  return {};
}

// "sim:8xh100-nvlink": appends eight.
Result<void> appendSimulated(const std::string& name, std::vector<DeviceSpec>& devices) {
  constexpr int kMost = 64;
  int count = 0;
  const char* begin = name.data() + std::string_view("sim:").size();
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(begin, end, count);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != 'x' || count < 1 ||
      count > kMost) {
    return fail(
        ErrorCode::Usage,
        fmt::format("'{}' is no device that is not there; write sim:8xh100-nvlink for eight "
                    "(of at most {}).",
                    name,
                    kMost));
  }
  const std::string kind(parsed.ptr + 1, end);
  ARGAND_ASSIGN(const DeviceProfile profile, readDeviceProfile(kind));
  for (int n = 0; n < count; ++n) {
    DeviceSpec spec;
    spec.index = static_cast<int>(devices.size());
    spec.name = fmt::format("sim:{}", spec.index);
    spec.kind = DeviceKind::Simulated;
    spec.profile = kind;
    spec.threads = profile.threads;
    spec.budgetBytes = profile.memoryBytes - profile.reservedBytes;
    devices.push_back(std::move(spec));
  }
  return {};
}

// Bytes that the control group still allows, following the hierarchy upwards.
std::int64_t groupRoomBytes() {
  std::int64_t room = std::numeric_limits<std::int64_t>::max();
  std::ifstream membership("/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    if (line.rfind("0::", 0) != 0) {
      continue;
    }
    std::filesystem::path below = line.substr(3);
    while (true) {
      const std::filesystem::path folder = "/sys/fs/cgroup" + below.string();
      std::ifstream limitFile(folder / "memory.max");
      std::ifstream usedFile(folder / "memory.current");
      std::int64_t limit = 0;
      std::int64_t used = 0;
      if (limitFile >> limit && usedFile >> used) {  // "max" does not parse: no limit here
        room = std::min(room, std::max<std::int64_t>(0, limit - used));
      }
      if (!below.has_relative_path()) {
        break;
      }
      below = below.parent_path();
    }
  }
  std::ifstream limitFile("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  std::ifstream usedFile("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  std::int64_t limit = 0;
  std::int64_t used = 0;
  if (limitFile >> limit && usedFile >> used) {
    room = std::min(room, std::max<std::int64_t>(0, limit - used));
  }
  return room;
}

Result<void> setBudgets(std::vector<DeviceSpec>& devices, std::string_view budgets) {
  const std::vector<std::string> given = split(budgets);
  if (given.empty()) {
    const auto count = static_cast<std::int64_t>(devices.size());
    const std::int64_t share = freeMemoryBytes() / count;
    for (DeviceSpec& device : devices) {
      device.budgetBytes = device.kind == DeviceKind::Cpu ? share : device.budgetBytes;
    }
    return {};
  }
  if (given.size() != 1 && given.size() != devices.size()) {
    return fail(ErrorCode::Usage,
                fmt::format("{} budgets were given for {} devices; give one for all or one per "
                            "device.",
                            given.size(),
                            devices.size()));
  }
  for (std::size_t n = 0; n < devices.size(); ++n) {
    ARGAND_ASSIGN(devices[n].budgetBytes, parseBytes(given[given.size() == 1 ? 0 : n]));
  }
  return {};
}

}  // namespace

Result<void> checkKinds(const std::vector<DeviceSpec>& devices) {
  const auto has = [&](DeviceKind kind) {
    return std::any_of(
        devices.begin(), devices.end(), [&](const DeviceSpec& d) { return d.kind == kind; });
  };
  if (has(DeviceKind::Simulated) && (has(DeviceKind::Cpu) || has(DeviceKind::Cuda))) {
    return fail(ErrorCode::Usage,
                "Devices that are there and devices that are not cannot share a plan.");
  }
  if (has(DeviceKind::Cpu) && has(DeviceKind::Cuda)) {
    return fail(
        ErrorCode::Usage,
        "The processor and CUDA devices cannot share a plan: the processor cannot read what "
        "lies on a GPU, and the two round differently. Name devices of one kind.");
  }
  return {};
}

int sharersOf(const DeviceSpec& device, const std::vector<DeviceSpec>& devices) {
  if (device.kind != DeviceKind::Cuda) {
    return 1;
  }
  return static_cast<int>(std::count_if(devices.begin(), devices.end(), [&](const DeviceSpec& d) {
    return d.kind == DeviceKind::Cuda && d.index == device.index;
  }));
}

std::int64_t cudaBudgetBytes(std::int64_t freeBytes) {
  constexpr std::int64_t kLibraries = std::int64_t{512} << 20;
  constexpr std::int64_t kShareBetweenBlocks = 16;
  return std::max<std::int64_t>(0, freeBytes - kLibraries - freeBytes / kShareBetweenBlocks);
}

Result<std::vector<DeviceSpec>> parseDevices(std::string_view names,
                                             std::string_view budgets,
                                             std::optional<int> threads,
                                             const CudaPlugin& plugin) {
  if (threads && *threads < 1) {
    return fail(ErrorCode::Usage, fmt::format("{} threads are too few; use at least 1.", *threads));
  }
  std::vector<DeviceSpec> devices;
  std::vector<std::string> present;
  CudaDevices cuda(plugin);
  for (const std::string& name : split(names)) {
    if (name.rfind("sim:", 0) == 0) {
      ARGAND_TRY(appendSimulated(name, devices));
      continue;
    }
    present.push_back(name);
    ARGAND_TRY(checkNames(present));
    ARGAND_ASSIGN(DeviceSpec device, deviceByName(name, cuda));
    devices.push_back(std::move(device));
  }
  if (devices.empty()) {
    return fail(ErrorCode::Usage, "No device is named; use cpu, or cpu:0,cpu:1 for virtual ones.");
  }
  ARGAND_TRY(checkKinds(devices));
  const bool simulated = devices.front().kind == DeviceKind::Simulated;
  for (DeviceSpec& device : devices) {
    device.budgetBytes /= sharersOf(device, devices);
  }
  const int share = std::max(1, coreCount() / static_cast<int>(devices.size()));
  std::error_code ignored;
  const bool measured = !simulated && std::filesystem::exists(measuredProfilePath(), ignored);
  for (DeviceSpec& device : devices) {
    device.threads = threads.value_or(simulated ? device.threads : share);
    if (measured && device.kind == DeviceKind::Cpu) {
      device.profile = kMeasuredProfile;
    }
  }
  ARGAND_TRY(setBudgets(devices, budgets));
  return devices;
}

Result<DeviceChoice> chooseDevices(std::string_view names,
                                   std::string_view budgets,
                                   std::optional<int> threads,
                                   const CudaPlugin& plugin) {
  DeviceChoice choice;
  if (names != "auto") {
    ARGAND_ASSIGN(choice.devices, parseDevices(names, budgets, threads, plugin));
    return choice;
  }
  if (split(budgets).size() > 1) {
    return fail(ErrorCode::Usage,
                "With auto the devices are not known before: give one budget for all of them, or "
                "name the devices.");
  }
  std::string gpus;
  if (const auto found = cudaDevices(plugin)) {
    for (std::size_t n = 0; n < found->size(); ++n) {
      if ((*found)[n].problem.empty()) {
        gpus += fmt::format("{}cuda:{}", gpus.empty() ? "" : ",", n);
      }
    }
  }
  ARGAND_ASSIGN(choice.devices, parseDevices("cpu", budgets, threads, plugin));
  if (!gpus.empty()) {
    choice.lastResort = choice.devices.front();
    ARGAND_ASSIGN(choice.devices, parseDevices(gpus, budgets, threads, plugin));
  }
  return choice;
}

Result<std::int64_t> parseBytes(std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789.");
  const std::string number(text.substr(0, digits));
  std::string unit(digits == std::string_view::npos ? std::string_view{} : text.substr(digits));
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  double factor = 1.0;
  bool known = unit.empty() || unit == "b";
  constexpr std::string_view kPrefixes = "kmgt";
  if (!known && kPrefixes.find(unit[0]) != std::string_view::npos) {
    const auto power = static_cast<double>(kPrefixes.find(unit[0]) + 1);
    const std::string rest = unit.substr(1);
    known = rest == "ib" || rest == "i" || rest == "b" || rest.empty();
    factor = std::pow(rest == "b" ? 1000.0 : 1024.0, power);
  }
  double value = 0.0;
  const char* end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, value);
  const bool whole = number.find('.') == std::string::npos || factor > 1.0;
  const double bytes = value * factor;
  if (!known || !whole || parsed.ec != std::errc() || parsed.ptr != end || !(bytes >= 1.0) ||
      bytes > 9e18) {
    return fail(ErrorCode::Usage,
                fmt::format("'{}' is no amount of memory; write 2GiB, 1500MiB or bytes.", text));
  }
  return static_cast<std::int64_t>(bytes);
}

std::string formatBytes(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= std::int64_t{1} << 30) {
    return fmt::format("{:.2f} GiB", value / (1LL << 30));
  }
  if (bytes >= std::int64_t{1} << 20) {
    return fmt::format("{:.1f} MiB", value / (1LL << 20));
  }
  return fmt::format("{} bytes", bytes);
}

std::int64_t freeMemoryBytes() {
  std::int64_t available = 0;
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    std::istringstream words(line);
    std::string key;
    std::int64_t kib = 0;
    if (words >> key >> kib && key == "MemAvailable:") {
      available = kib * 1024;
      break;
    }
  }
  return std::min(available, groupRoomBytes());
}

int coreCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) {
    return 1;
  }
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace argand::engine
