// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/planner.h"
#include "core/engine/run/executor.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

// A network run in overlapping windows, for one that was trained on patches.
//
// The rule is that of nnU-Net and MONAI: windows in steps of size * (1 - overlap),
// the last along each axis moved back to end with the volume; their scores are
// averaged with a Gaussian weight of an eighth of the window, so that the
// uncertain borders of a window count little.
namespace argand::engine {

struct WindowOptions {
  Extent size{64, 64, 64};  // multiples of the graph's alignment
  double overlap = 0.25;    // the share of a window that the next one sees too; [0, 1)
};

// The first voxel of each window along an axis of `extent` voxels, in order. A
// volume smaller than the window lies in the middle of one that begins before
// it; what is outside the volume is zero.
[[nodiscard]] std::vector<std::int64_t> windowStarts(std::int64_t extent,
                                                     std::int64_t window,
                                                     double overlap);

// The weight of each voxel (depth, height, width) of a window: Gaussian, highest
// in the middle, at least 0.001.
[[nodiscard]] std::vector<float> windowWeights(const Extent& window);

// Which device runs each window, where device n takes `seconds[n]` for one:
// always the one that would end it first. The windows of all devices then end
// about in their order.
[[nodiscard]] std::vector<int> divideWindows(std::size_t windows,
                                             const std::vector<double>& seconds);

struct WindowPlan {
  Shape input;
  WindowOptions window;
  std::vector<Extent> starts;       // of every window; depth is the slowest, may be negative
  std::vector<int> owner;           // the device of every window
  std::vector<DeviceSpec> devices;  // as they were asked for
  std::vector<Plan> plans;          // by device: of one window, within what is left of its budget
  // By device: its share of the sums of scores and of what the consumer keeps, and
  // the scores of its window. They lie in the processor's memory and count there only.
  std::vector<std::int64_t> sumBytes;
  double makespanSeconds = 0.0;  // an estimate
  std::string reason;            // why the last resort was taken; empty where it was not

  [[nodiscard]] std::int64_t windowsOf(int device) const;
  // 0 for a device that is left unused.
  [[nodiscard]] std::int64_t predictedPeakBytes(int device) const;
};

// `request` as for makePlan, but any input size, and words that leave each
// window on one device. The last resort is taken for all windows. Fails with NoPlan where a device
// cannot run a window, Usage where the window or the words cannot be.
[[nodiscard]] Result<WindowPlan> planWindows(const Graph& graph,
                                             const PlanRequest& request,
                                             const WindowOptions& window);

// The windows and the plan of each device.
[[nodiscard]] std::string toText(const WindowPlan& plan);

// For the person at the screen: "27 windows of 64x64x64 voxels, about 3.0 s. 14 on cpu:0, 13 on
// cpu:1."
[[nodiscard]] std::string describe(const WindowPlan& plan);

// Runs a window plan: each device runs whole windows, at the same time.
class WindowExecutor {
 public:
  [[nodiscard]] static Result<WindowExecutor> create(const Graph& graph,
                                                     const Parameters& parameters,
                                                     WindowPlan plan);
  ~WindowExecutor();
  WindowExecutor(WindowExecutor&&) noexcept;
  WindowExecutor& operator=(WindowExecutor&&) noexcept;

  // `input` is (channel, depth, height, width). Scores go to `output` a few
  // rows at a time, in the order of depth, once no window reaches them any
  // more: of the sums only as many rows as a window is deep exist. They are
  // the same, bit for bit, for any number of devices.
  [[nodiscard]] Result<RunReport> run(std::span<const float> input,
                                      const Output& output,
                                      std::stop_token stop = {},
                                      const ProgressFn& progress = {});

  [[nodiscard]] const WindowPlan& plan() const;

 private:
  struct State;
  explicit WindowExecutor(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace argand::engine
