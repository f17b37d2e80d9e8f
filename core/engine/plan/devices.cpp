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

// Networks run on the CPU in this version; says of the device named what is there.
std::string whyNotCuda(const DeviceSpec& spec) {
  const auto devices = cudaDevices();
  if (!devices) {
    return devices.error().message;
  }
  const auto index = static_cast<std::size_t>(spec.index);
  if (index >= devices->size()) {
    return fmt::format("This machine has no device {}; it has {} CUDA devices. Use cpu.",
                       spec.name,
                       devices->size());
  }
  const CudaDevice& device = (*devices)[index];
  if (!device.problem.empty()) {
    return fmt::format("{} ({}) cannot be used: {}. Use cpu.",
                       spec.name,
                       device.name.empty() ? "unknown" : device.name,
                       device.problem);
  }
  return fmt::format(
      "{} is an {} with {} (compute capability {}.{}); this version runs networks on the CPU only. "
      "Use cpu, or cpu:0,cpu:1 for virtual devices.",
      spec.name,
      device.name,
      formatBytes(device.memoryBytes),
      device.computeMajor,
      device.computeMinor);
}

Result<DeviceSpec> deviceByName(const std::string& name) {
  constexpr std::string_view kHelp =
      "Devices are named cpu, cpu:0,cpu:1,..., cuda:0,cuda:1,... or, not there, sim:8xh100-nvlink.";
  const auto colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  if (kind != "cpu" && kind != "cuda") {
    return fail(ErrorCode::Usage, fmt::format("'{}' is no device. {}", name, kHelp));
  }
  DeviceSpec spec;
  spec.name = name;
  spec.kind = kind == "cpu" ? DeviceKind::Cpu : DeviceKind::Cuda;
  if (colon != std::string::npos) {
    const char* begin = name.data() + colon + 1;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(begin, end, spec.index);
    if (parsed.ec != std::errc() || parsed.ptr != end || spec.index < 0) {
      return fail(ErrorCode::Usage, fmt::format("'{}' is no device. {}", name, kHelp));
    }
  }
  if (spec.kind == DeviceKind::Cuda) {
    return fail(ErrorCode::NoPlan, whyNotCuda(spec));
  }
  return spec;
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
  const auto count = static_cast<std::int64_t>(devices.size());
  const std::vector<std::string> given = split(budgets);
  if (given.empty()) {
    const std::int64_t share = freeMemoryBytes() / count;
    for (DeviceSpec& device : devices) {
      device.budgetBytes = device.kind == DeviceKind::Simulated ? device.budgetBytes : share;
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

Result<std::vector<DeviceSpec>> parseDevices(std::string_view names,
                                             std::string_view budgets,
                                             std::optional<int> threads) {
  if (threads && *threads < 1) {
    return fail(ErrorCode::Usage, fmt::format("{} threads are too few; use at least 1.", *threads));
  }
  std::vector<DeviceSpec> devices;
  std::set<std::pair<DeviceKind, int>> seen;
  for (const std::string& name : split(names)) {
    if (name.rfind("sim:", 0) == 0) {
      ARGAND_TRY(appendSimulated(name, devices));
      continue;
    }
    ARGAND_ASSIGN(DeviceSpec device, deviceByName(name));
    if (!seen.emplace(device.kind, device.index).second) {
      return fail(ErrorCode::Usage, fmt::format("The device {} is named twice.", name));
    }
    devices.push_back(std::move(device));
  }
  if (devices.empty()) {
    return fail(ErrorCode::Usage, "No device is named; use cpu, or cpu:0,cpu:1 for virtual ones.");
  }
  const auto simulated = std::count_if(devices.begin(), devices.end(), [](const DeviceSpec& d) {
    return d.kind == DeviceKind::Simulated;
  });
  if (simulated != 0 && simulated != static_cast<std::ptrdiff_t>(devices.size())) {
    return fail(ErrorCode::Usage,
                "Devices that are there and devices that are not cannot share a plan.");
  }
  const int share = std::max(1, coreCount() / static_cast<int>(devices.size()));
  std::error_code ignored;
  const bool measured = simulated == 0 && std::filesystem::exists(measuredProfilePath(), ignored);
  for (DeviceSpec& device : devices) {
    device.threads = threads.value_or(simulated == 0 ? share : device.threads);
    if (measured && device.kind == DeviceKind::Cpu) {
      device.profile = kMeasuredProfile;
    }
  }
  ARGAND_TRY(setBudgets(devices, budgets));
  return devices;
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
