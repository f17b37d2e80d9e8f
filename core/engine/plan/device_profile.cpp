// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/device_profile.h"

#include "core/base/text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <system_error>

namespace argand::engine {

namespace {

namespace fs = std::filesystem;

constexpr double kGiga = 1e9;
constexpr double kMicro = 1e-6;

Result<double> positive(const Json& json, std::string_view key, const std::string& what) {
  ARGAND_ASSIGN(const double value, jsonMember<double>(json, key, what));
  if (!(value > 0.0) || !std::isfinite(value)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'{}' in {} is {}; it must be above 0.", key, what, value));
  }
  return value;
}

Result<Link> linkOf(const Json& json, std::string_view key, const std::string& what) {
  ARGAND_ASSIGN(const Json object, jsonMember<Json>(json, key, what));
  Link link;
  ARGAND_ASSIGN(link.bytesPerSecond, positive(object, "gb_per_s", what));
  link.bytesPerSecond *= kGiga;
  ARGAND_ASSIGN(link.latencySeconds, jsonMember<double>(object, "latency_us", what));
  link.latencySeconds = std::max(0.0, link.latencySeconds) * kMicro;
  return link;
}

Result<std::map<DType, ThroughputCurve>> curvesOf(const Json& json, const std::string& what) {
  std::map<DType, ThroughputCurve> curves;
  for (const auto& [key, value] : json.items()) {
    ARGAND_ASSIGN(const DType dtype, parseDType(key));
    ThroughputCurve& curve = curves[dtype];
    const auto read = guarded(ErrorCode::InputRefused,
                              fmt::format("reading '{}' in {}", key, what),
                              [&] { curve = value.get<ThroughputCurve>(); });
    ARGAND_TRY(read);
    const bool good =
        !curve.empty() && std::is_sorted(curve.begin(), curve.end()) &&
        curve.front().first >= 1.0 &&
        std::all_of(curve.begin(), curve.end(), [](const auto& p) { return p.second > 0.0; });
    if (!good) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("'{}' in {} must be pairs [channels, GFLOP/s] in rising order of the "
                              "channels.",
                              key,
                              what));
    }
    for (auto& [channels, speed] : curve) {
      speed *= kGiga;
    }
  }
  return curves;
}

Json curvesJson(const std::map<DType, ThroughputCurve>& curves) {
  Json json = Json::object();
  for (const auto& [dtype, curve] : curves) {
    Json& pairs = json[std::string(toString(dtype))] = Json::array();
    for (const auto& [channels, speed] : curve) {
      pairs.push_back({channels, speed / kGiga});
    }
  }
  return json;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// "AMD EPYC 9R14 96-Core Processor" as a part of a file's name.
std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  std::string name = "processor";
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) {
      name = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  }
  std::string safe;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain || (!safe.empty() && safe.back() != '-')) {
      safe += plain ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
    }
  }
  return safe;
}

std::set<std::string> namesIn(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".json") {
      names.insert(entry->path().stem().string());
    }
  }
  return names;
}

std::string knownNames(const fs::path& folder) {
  const std::set<std::string> names = namesIn(folder);
  return names.empty() ? fmt::format("none, in {}", displayed(folder))
                       : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

double DeviceProfile::flopsPerSecond(DType dtype, double channels, Kernel kernel) const {
  const auto& own = kernel == Kernel::Winograd ? winograd : transposed;
  const auto& curves = kernel == Kernel::Convolution || own.empty() ? convolution : own;
  auto found = curves.find(dtype);
  if (found == curves.end()) {
    found = curves.begin();  // fp32, the first of all
  }
  const ThroughputCurve& curve = found->second;
  const auto above = std::lower_bound(
      curve.begin(), curve.end(), channels, [](const auto& p, double c) { return p.first < c; });
  if (above == curve.begin()) {
    return above->second;
  }
  if (above == curve.end()) {
    return curve.back().second;
  }
  const auto below = std::prev(above);
  const double share = std::log(channels / below->first) / std::log(above->first / below->first);
  return below->second + share * (above->second - below->second);
}

Result<DeviceProfile> DeviceProfile::fromJson(const Json& json, const std::string& what) {
  DeviceProfile profile;
  ARGAND_ASSIGN(profile.name, jsonMember<std::string>(json, "name", what));
  ARGAND_ASSIGN(profile.title, jsonMember<std::string>(json, "title", what));
  ARGAND_ASSIGN(profile.source, jsonMember<std::string>(json, "source", what));
  ARGAND_ASSIGN(const auto kind, jsonMember<std::string>(json, "kind", what));
  if (kind != "gpu" && kind != "cpu") {
    return fail(ErrorCode::InputRefused,
                fmt::format("'kind' in {} is '{}', neither gpu nor cpu.", what, kind));
  }
  profile.gpu = kind == "gpu";
  ARGAND_ASSIGN(profile.driverNames,
                jsonMemberOr<std::vector<std::string>>(
                    json, "driver_names", std::vector<std::string>(), what));
  ARGAND_ASSIGN(profile.threads, jsonMemberOr<int>(json, "threads", 1, what));
  ARGAND_ASSIGN(const double memory, positive(json, "memory_gb", what));
  ARGAND_ASSIGN(const double reserved, jsonMember<double>(json, "reserved_gb", what));
  ARGAND_ASSIGN(const double bandwidth, positive(json, "memory_gb_per_s", what));
  ARGAND_ASSIGN(const double launch, jsonMember<double>(json, "launch_us", what));
  if (profile.threads < 1 || reserved < 0.0 || reserved >= memory || launch < 0.0) {
    return fail(ErrorCode::InputRefused,
                fmt::format("'threads', 'reserved_gb' or 'launch_us' in {} cannot be.", what));
  }
  profile.memoryBytes = std::llround(memory * kGiga);
  profile.reservedBytes = std::llround(reserved * kGiga);
  profile.memoryBytesPerSecond = bandwidth * kGiga;
  profile.launchSeconds = launch * kMicro;
  ARGAND_ASSIGN(const Json curves, jsonMember<Json>(json, "gflop_per_s", what));
  ARGAND_ASSIGN(profile.convolution, curvesOf(curves, what));
  ARGAND_ASSIGN(const Json transposed,
                jsonMemberOr<Json>(json, "transposed_gflop_per_s", Json::object(), what));
  ARGAND_ASSIGN(profile.transposed, curvesOf(transposed, what));
  ARGAND_ASSIGN(const Json winograd,
                jsonMemberOr<Json>(json, "winograd_gflop_per_s", Json::object(), what));
  ARGAND_ASSIGN(profile.winograd, curvesOf(winograd, what));
  if (profile.convolution.count(DType::Float32) == 0 ||
      (!profile.transposed.empty() && profile.transposed.count(DType::Float32) == 0) ||
      (!profile.winograd.empty() && profile.winograd.count(DType::Float32) == 0)) {
    return fail(ErrorCode::InputRefused, fmt::format("The speeds in {} lack fp32.", what));
  }
  ARGAND_ASSIGN(profile.link, linkOf(json, "link", what));
  ARGAND_ASSIGN(profile.hostLink, linkOf(json, "host_link", what));
  return profile;
}

Json DeviceProfile::toJson() const {
  const auto linkJson = [](const Link& of) {
    return Json{{"gb_per_s", of.bytesPerSecond / kGiga},
                {"latency_us", of.latencySeconds / kMicro}};
  };
  Json json{{"name", name},
            {"title", title},
            {"kind", gpu ? "gpu" : "cpu"},
            {"source", source},
            {"memory_gb", static_cast<double>(memoryBytes) / kGiga},
            {"reserved_gb", static_cast<double>(reservedBytes) / kGiga},
            {"memory_gb_per_s", memoryBytesPerSecond / kGiga},
            {"launch_us", launchSeconds / kMicro},
            {"threads", threads},
            {"gflop_per_s", curvesJson(convolution)},
            {"link", linkJson(link)},
            {"host_link", linkJson(hostLink)}};
  if (!driverNames.empty()) {
    json["driver_names"] = driverNames;
  }
  if (!transposed.empty()) {
    json["transposed_gflop_per_s"] = curvesJson(transposed);
  }
  if (!winograd.empty()) {
    json["winograd_gflop_per_s"] = curvesJson(winograd);
  }
  return json;
}

fs::path deviceFolder() {
  if (const std::string chosen = environment("ARGAND_DEVICES"); !chosen.empty()) {
    return chosen;
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path installed = program.parent_path().parent_path() / ARGAND_DEVICES_FROM_PREFIX;
    if (fs::is_directory(installed, error)) {
      return installed;
    }
  }
  return ARGAND_SOURCE_DEVICES;
}

Result<DeviceProfile> readDeviceProfile(const std::string& name, const fs::path& folder) {
  std::error_code ignored;
  const fs::path path = folder / (name + ".json");
  if (name.find('/') != std::string::npos || !fs::is_regular_file(path, ignored)) {
    return fail(
        ErrorCode::Usage,
        fmt::format("No device '{}' is described; there are {}.", name, knownNames(folder)));
  }
  ARGAND_ASSIGN(const Json json, readJsonFile(path));
  return DeviceProfile::fromJson(json, displayed(path));
}

std::string profileNameOfGpu(const std::string& driverName, const fs::path& folder) {
  for (const std::string& name : namesIn(folder)) {
    const auto profile = readDeviceProfile(name, folder);
    if (profile &&
        std::find(profile->driverNames.begin(), profile->driverNames.end(), driverName) !=
            profile->driverNames.end()) {
      return name;
    }
  }
  return {};
}

DeviceProfile assumedGpu() {
  DeviceProfile profile;
  profile.name = "assumed";
  profile.title = "a GPU";
  profile.source = "Assumed: a card of 20 TFLOP/s in fp32 on a PCIe 4 bus.";
  profile.gpu = true;
  profile.memoryBytesPerSecond = 500e9;
  profile.launchSeconds = 8e-6;
  profile.convolution = {{DType::Float32, {{1, 0.4e12}, {16, 2.4e12}, {64, 7e12}, {256, 10e12}}},
                         {DType::BFloat16, {{1, 0.8e12}, {16, 4.8e12}, {64, 14e12}, {256, 20e12}}},
                         {DType::Float16, {{1, 0.8e12}, {16, 4.8e12}, {64, 14e12}, {256, 20e12}}},
                         {DType::Float64, {{1, 0.2e12}}}};
  profile.link = profile.hostLink = {20e9, 15e-6};
  return profile;
}

DeviceProfile assumedProcessor() {
  DeviceProfile profile;
  profile.name = "assumed";
  profile.title = "one thread of a processor";
  profile.source =
      "Assumed: convolutions as oneDNN and the engine's own kernels do them on one core with "
      "AVX-512.";
  profile.memoryBytesPerSecond = 6e9;
  profile.convolution = {{DType::Float32, {{1, 12e9}, {16, 85e9}, {64, 105e9}}},
                         {DType::BFloat16, {{1, 12e9}, {16, 150e9}, {64, 210e9}}},
                         {DType::Float16, {{1, 12e9}, {16, 75e9}, {64, 95e9}}},
                         {DType::Float64, {{1, 12e9}}}};
  profile.winograd = {{DType::Float32, {{16, 250e9}, {32, 300e9}, {64, 350e9}}}};
  profile.link = profile.hostLink = {5e9, 2e-6};
  return profile;
}

fs::path measuredProfilePath() {
  fs::path cache = environment("XDG_CACHE_HOME");
  if (!cache.is_absolute()) {  // the XDG specification ignores relative ones
    const std::string home = environment("HOME");
    cache = home.empty() ? fs::temp_directory_path() : fs::path(home) / ".cache";
  }
  return cache / "argand" / fmt::format("profile-{}.json", processorName());
}

Result<DeviceProfile> profileOf(const DeviceSpec& device) {
  if (device.profile.empty()) {
    return device.kind == DeviceKind::Cuda ? assumedGpu() : assumedProcessor();
  }
  if (device.profile != kMeasuredProfile) {
    return readDeviceProfile(device.profile);
  }
  const fs::path path = measuredProfilePath();
  ARGAND_ASSIGN(const Json json, readJsonFile(path));
  return DeviceProfile::fromJson(json, displayed(path));
}

}  // namespace argand::engine
