// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/engine/graph/costs.h"
#include "core/engine/plan/devices.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How fast a kind of device is, and how much it holds: read from resources/devices
// for devices that are not there and for GPUs by name, from the person's cache folder for a
// processor that the profiler has timed, assumed for one that it has not.
namespace argand::engine {

struct Link {
  double bytesPerSecond = 0.0;
  double latencySeconds = 0.0;
  bool operator==(const Link&) const = default;
};

// FLOP/s of convolutions by channels, in rising order; between two by the logarithm
// of the channels, beyond the ends the value at the end.
using ThroughputCurve = std::vector<std::pair<double, double>>;

struct DeviceProfile {
  std::string name;                      // of the file: "h100-nvlink"
  std::string title;                     // "NVIDIA H100 SXM, 80 GB, NVLink"
  std::string source;                    // where the figures come from, in words
  std::vector<std::string> driverNames;  // what the driver calls such GPUs
  // A GPU computes while it reads and writes; a core does one after the other.
  bool gpu = false;
  int threads = 1;  // that the throughputs and bandwidths are of; a GPU counts as one
  std::int64_t memoryBytes = 0;
  std::int64_t reservedBytes = 0;  // of it, not for us
  double memoryBytesPerSecond = 0.0;
  double launchSeconds = 0.0;  // per chunk of a step
  std::map<DType, ThroughputCurve> convolution;
  std::map<DType, ThroughputCurve> transposed;  // empty: as `convolution`
  std::map<DType, ThroughputCurve> winograd;    // fp32 for all; empty: as `convolution`
  Link link;                                    // to another device of the kind
  Link hostLink;

  enum class Kernel { Convolution, Transposed, Winograd };

  // FLOPs are those of the plain sum, whatever the kernel saves of them.
  [[nodiscard]] double flopsPerSecond(DType dtype, double channels, Kernel kernel) const;

  [[nodiscard]] static Result<DeviceProfile> fromJson(const Json& json, const std::string& what);
  [[nodiscard]] Json toJson() const;

  bool operator==(const DeviceProfile&) const = default;
};

// Where the descriptions lie: ARGAND_DEVICES, else beside the installed program, else
// the source tree.
[[nodiscard]] std::filesystem::path deviceFolder();

// "h100-nvlink" from `folder`; fails with Usage, naming those there are.
[[nodiscard]] Result<DeviceProfile> readDeviceProfile(
    const std::string& name, const std::filesystem::path& folder = deviceFolder());

// The description of a GPU that the driver calls so; empty where there is none.
[[nodiscard]] std::string profileNameOfGpu(const std::string& driverName,
                                           const std::filesystem::path& folder = deviceFolder());

// One thread of a processor that nobody has timed, and a GPU that nobody has described.
[[nodiscard]] DeviceProfile assumedProcessor();
[[nodiscard]] DeviceProfile assumedGpu();

// The file that holds what the profiler found on this machine; it may not exist.
[[nodiscard]] std::filesystem::path measuredProfilePath();

// The name, in DeviceSpec::profile, of what that file holds.
inline constexpr std::string_view kMeasuredProfile = "measured";

// What the speed of `device` is taken from.
[[nodiscard]] Result<DeviceProfile> profileOf(const DeviceSpec& device);

}  // namespace argand::engine
