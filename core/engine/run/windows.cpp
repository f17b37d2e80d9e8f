// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/windows.h"

#include "core/base/assert.h"
#include "core/engine/run/worker_group.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace argand::engine {

namespace {

constexpr double kSigma = 0.125;  // of the window along each axis
constexpr double kLeastWeight = 1e-3;

using Clock = std::chrono::steady_clock;

Result<void> checkWindow(const Graph& graph,
                         const PlanRequest& request,
                         const WindowOptions& window) {
  const Extent alignment = graph.alignment();
  for (int axis = 0; axis < 3; ++axis) {
    if (window.size[axis] < 1 || window.size[axis] % alignment[axis] != 0) {
      return fail(
          ErrorCode::Usage,
          fmt::format("A window of {} does not suit this network, which needs multiples of {}.",
                      toString(window.size),
                      toString(alignment)));
    }
  }
  if (!(window.overlap >= 0.0 && window.overlap < 1.0)) {
    return fail(ErrorCode::Usage, "The overlap of windows is a share: 0 or more and less than 1.");
  }
  if (request.words.find("slabs") != std::string::npos || request.training) {
    return fail(ErrorCode::Usage,
                "In windows each device runs whole windows: leave out the plan's word 'slabs'.");
  }
  return {};
}

// Rows of the volume that a window at `start` covers.
RowRange covered(std::int64_t start, std::int64_t window, std::int64_t extent) {
  return {std::max<std::int64_t>(0, start), std::min(extent, start + window)};
}

// Weighted sums of the scores of the rows that windows still reach: a ring of
// as many rows as a window is deep.
class ScoreSums {
 public:
  ScoreSums(const WindowPlan& plan, std::int64_t classes)
      : m_size(plan.input.size),
        m_window(plan.window.size),
        m_classes(classes),
        m_rows(std::min(m_size.d, m_window.d)),
        m_windowWeights(windowWeights(m_window)),
        m_sums(static_cast<std::size_t>(m_rows * m_size.h * m_size.w * classes)),
        m_weights(static_cast<std::size_t>(m_rows * m_size.h * m_size.w)) {}

  // What such sums take.
  static std::int64_t bytes(const WindowPlan& plan, std::int64_t classes) {
    const Extent& size = plan.input.size;
    const std::int64_t voxels = std::min(size.d, plan.window.size.d) * size.h * size.w;
    return (voxels * (classes + 1) + plan.window.size.voxels()) *
           static_cast<std::int64_t>(sizeof(float));
  }

  void add(const Extent& start, std::span<const float> scores) {
    const RowRange depth = covered(start.d, m_window.d, m_size.d);
    const RowRange height = covered(start.h, m_window.h, m_size.h);
    const RowRange width = covered(start.w, m_window.w, m_size.w);
    for (std::int64_t d = depth.begin; d < depth.end; ++d) {
      for (std::int64_t h = height.begin; h < height.end; ++h) {
        const std::int64_t from =
            ((d - start.d) * m_window.h + h - start.h) * m_window.w + width.begin - start.w;
        const std::int64_t to = (d % m_rows * m_size.h + h) * m_size.w + width.begin;
        addLine(width.count(),
                m_windowWeights.data() + from,
                scores.data() + from * m_classes,
                m_weights.data() + to,
                m_sums.data() + to * m_classes);
      }
    }
  }

  // Averages to `output`, and the room of these rows free again.
  Result<void> finish(RowRange rows, const Output& output) {
    while (rows.begin < rows.end) {
      const std::int64_t slot = rows.begin % m_rows;
      const RowRange part{rows.begin, std::min(rows.end, rows.begin + m_rows - slot)};
      const std::int64_t plane = m_size.h * m_size.w;
      const auto first = static_cast<std::size_t>(slot * plane);
      const auto voxels = static_cast<std::size_t>(part.count() * plane);
      const auto classes = static_cast<std::size_t>(m_classes);
      const std::span<float> weights = std::span(m_weights).subspan(first, voxels);
      const std::span<float> scores = std::span(m_sums).subspan(first * classes, voxels * classes);
      for (std::size_t v = 0; v < voxels; ++v) {
        for (std::size_t c = 0; c < classes; ++c) {
          scores[v * classes + c] /= weights[v];
        }
      }
      ARGAND_TRY(handOn({part, m_size.h, m_size.w, m_classes, scores, {}}, output));
      std::fill(weights.begin(), weights.end(), 0.0F);
      std::fill(scores.begin(), scores.end(), 0.0F);
      rows.begin = part.end;
    }
    return {};
  }

 private:
  void addLine(std::int64_t voxels,
               const float* weights,
               const float* scores,
               float* toWeights,
               float* toSums) const {
    for (std::int64_t v = 0; v < voxels; ++v) {
      toWeights[v] += weights[v];
      for (std::int64_t c = 0; c < m_classes; ++c) {
        toSums[v * m_classes + c] += weights[v] * scores[v * m_classes + c];
      }
    }
  }

  const Extent m_size;
  const Extent m_window;
  const std::int64_t m_classes;
  const std::int64_t m_rows;
  const std::vector<float> m_windowWeights;
  std::vector<float> m_sums;     // (row, height, width, class)
  std::vector<float> m_weights;  // (row, height, width)
};

// Lets the windows of all devices through one by one, in their order: a sum of
// floats then does not depend on which window was ready first.
class Turns {
 public:
  // False once somebody has failed.
  [[nodiscard]] bool await(std::size_t window) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_failed || m_next == window; });
    return !m_failed;
  }

  void pass() {
    const std::lock_guard lock(m_mutex);
    ++m_next;
    m_changed.notify_all();
  }

  void fail() {
    const std::lock_guard lock(m_mutex);
    m_failed = true;
    m_changed.notify_all();
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::size_t m_next = 0;
  bool m_failed = false;
};

// A window's rows of the volume, zero outside.
InputProvider inputOf(std::span<const float> voxels,
                      const Shape& shape,
                      const Extent& window,
                      const Extent& start) {
  return [voxels, shape, window, start](const RowRange& rows, std::span<float> to) -> Result<void> {
    std::fill(to.begin(), to.end(), 0.0F);
    const RowRange height = covered(start.h, window.h, shape.size.h);
    const RowRange width = covered(start.w, window.w, shape.size.w);
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t d = start.d + row;
      if (d < 0 || d >= shape.size.d) {
        continue;
      }
      for (std::int64_t h = height.begin; h < height.end; ++h) {
        float* line = to.data() + (((row - rows.begin) * window.h + h - start.h) * window.w +
                                   width.begin - start.w) *
                                      shape.channels;
        for (std::int64_t c = 0; c < shape.channels; ++c) {
          const float* from = voxels.data() +
                              ((c * shape.size.d + d) * shape.size.h + h) * shape.size.w +
                              width.begin;
          for (std::int64_t w = 0; w < width.count(); ++w) {
            line[w * shape.channels + c] = from[w];
          }
        }
      }
    }
    return {};
  };
}

Result<WindowPlan> planOnDevices(const Graph& graph,
                                 const PlanRequest& request,
                                 const WindowOptions& window) {
  WindowPlan plan;
  plan.input = request.input;
  plan.window = window;
  plan.devices = request.devices;
  for (const std::int64_t d : windowStarts(request.input.size.d, window.size.d, window.overlap)) {
    for (const std::int64_t h : windowStarts(request.input.size.h, window.size.h, window.overlap)) {
      for (const std::int64_t w :
           windowStarts(request.input.size.w, window.size.w, window.overlap)) {
        plan.starts.push_back({d, h, w});
      }
    }
  }
  const std::int64_t shared = ScoreSums::bytes(plan, graph.outputChannels()) +
                              request.input.size.voxels() * request.outputBytesPerVoxel;
  const std::int64_t scores =
      window.size.voxels() * graph.outputChannels() * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t processors =
      std::count_if(request.devices.begin(), request.devices.end(), [](const DeviceSpec& device) {
        return device.kind == DeviceKind::Cpu;
      });
  std::vector<double> seconds;
  for (const DeviceSpec& device : request.devices) {
    PlanRequest one = request;
    one.input.size = window.size;
    one.devices = {device};
    one.outputBytesPerVoxel = 0;
    one.lastResort.reset();
    const bool counts = device.kind == DeviceKind::Cpu;
    plan.sumBytes.push_back(counts ? (shared + processors - 1) / processors + scores : 0);
    one.devices.front().budgetBytes -= plan.sumBytes.back();
    if (one.devices.front().budgetBytes <= 0) {
      return fail(ErrorCode::NoPlan,
                  fmt::format("The sums of the windows' scores alone take {} on {}, which has {}.",
                              formatBytes(plan.sumBytes.back()),
                              device.name,
                              formatBytes(device.budgetBytes)));
    }
    auto made = makePlan(graph, one);
    if (!made) {
      return fail(made.error().code,
                  fmt::format("{} (Of its budget, {} is for the sums of the windows' scores.)",
                              made.error().message,
                              formatBytes(plan.sumBytes.back())));
    }
    seconds.push_back(made->makespanSeconds);
    plan.plans.push_back(std::move(*made));
  }
  plan.owner = divideWindows(plan.starts.size(), seconds);
  for (std::size_t n = 0; n < seconds.size(); ++n) {
    plan.makespanSeconds =
        std::max(plan.makespanSeconds,
                 seconds[n] * static_cast<double>(plan.windowsOf(static_cast<int>(n))));
  }
  return plan;
}

}  // namespace

std::vector<std::int64_t> windowStarts(std::int64_t extent, std::int64_t window, double overlap) {
  ARGAND_ASSERT(extent > 0 && window > 0 && overlap >= 0.0 && overlap < 1.0);
  if (extent <= window) {
    return {-((window - extent) / 2)};
  }
  const auto step = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(static_cast<double>(window) * (1.0 - overlap)));
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; start + window < extent; start += step) {
    starts.push_back(start);
  }
  starts.push_back(extent - window);
  return starts;
}

std::vector<float> windowWeights(const Extent& window) {
  const auto along = [](std::int64_t size) {
    std::vector<double> weights;
    const double sigma = kSigma * static_cast<double>(size);
    for (std::int64_t n = 0; n < size; ++n) {
      const double x = (static_cast<double>(n) - static_cast<double>(size - 1) / 2.0) / sigma;
      weights.push_back(std::exp(-0.5 * x * x));
    }
    return weights;
  };
  const std::vector<double> depth = along(window.d);
  const std::vector<double> height = along(window.h);
  const std::vector<double> width = along(window.w);
  std::vector<float> weights;
  weights.reserve(static_cast<std::size_t>(window.voxels()));
  for (const double d : depth) {
    for (const double h : height) {
      for (const double w : width) {
        weights.push_back(static_cast<float>(std::max(kLeastWeight, d * h * w)));
      }
    }
  }
  return weights;
}

std::vector<int> divideWindows(std::size_t windows, const std::vector<double>& seconds) {
  std::vector<double> end = seconds;
  std::vector<int> owner;
  for (std::size_t n = 0; n < windows; ++n) {
    const auto first = std::min_element(end.begin(), end.end()) - end.begin();
    owner.push_back(static_cast<int>(first));
    end[static_cast<std::size_t>(first)] += seconds[static_cast<std::size_t>(first)];
  }
  return owner;
}

std::int64_t WindowPlan::windowsOf(int device) const {
  return std::count(owner.begin(), owner.end(), device);
}

std::int64_t WindowPlan::predictedPeakBytes(int device) const {
  const auto n = static_cast<std::size_t>(device);
  return windowsOf(device) == 0 ? 0 : plans[n].devices.front().predictedPeakBytes + sumBytes[n];
}

Result<WindowPlan> planWindows(const Graph& graph,
                               const PlanRequest& request,
                               const WindowOptions& window) {
  ARGAND_TRY(checkWindow(graph, request, window));
  auto plan = planOnDevices(graph, request, window);
  if (plan || plan.error().code != ErrorCode::NoPlan || !request.lastResort) {
    return plan;
  }
  PlanRequest instead = request;
  instead.devices = {*request.lastResort};
  instead.words.clear();
  ARGAND_ASSIGN(WindowPlan last, planOnDevices(graph, instead, window));
  last.reason = fmt::format(
      "On {} instead, as nothing else fits: {}", request.lastResort->name, plan.error().message);
  return last;
}

std::string toText(const WindowPlan& plan) {
  std::string text = fmt::format("windows {} of {} overlap {}\n",
                                 plan.starts.size(),
                                 toString(plan.window.size),
                                 plan.window.overlap);
  text += plan.reason.empty() ? "" : fmt::format("reason {}\n", plan.reason);
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    text += fmt::format("{} windows on {}\n{}",
                        plan.windowsOf(static_cast<int>(n)),
                        plan.devices[n].name,
                        toText(plan.plans[n]));
  }
  return text;
}

std::string describe(const WindowPlan& plan) {
  std::vector<std::string> shares;
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    if (const std::int64_t windows = plan.windowsOf(static_cast<int>(n)); windows > 0) {
      shares.push_back(fmt::format("{} on {}", windows, plan.devices[n].name));
    }
  }
  return fmt::format("{} window{} of {} voxels, about {} s. {}.{}{}",
                     plan.starts.size(),
                     plan.starts.size() == 1 ? "" : "s",
                     toString(plan.window.size),
                     shortSeconds(plan.makespanSeconds),
                     fmt::join(shares, ", "),
                     plan.reason.empty() ? "" : " ",
                     plan.reason);
}

struct WindowExecutor::State {
  WindowPlan plan;
  std::int64_t classes = 0;
  std::vector<Executor> executors;

  // What all devices share in one run.
  struct Run {
    std::span<const float> input;
    const Output& output;
    std::stop_token stop;
    const ProgressFn& progress;
    ScoreSums sums;
    Turns turns;
    RunReport report;
    std::vector<std::int64_t> hostBytes;  // by device
  };

  Result<void> work(Run& run, int device);
  Result<void> compute(Run& run, int device, std::size_t window, std::span<float> scores);
  Result<void> commit(Run& run, std::size_t window, std::span<const float> scores);
};

WindowExecutor::WindowExecutor(std::unique_ptr<State> state) : m_state(std::move(state)) {}

WindowExecutor::~WindowExecutor() = default;
WindowExecutor::WindowExecutor(WindowExecutor&&) noexcept = default;
WindowExecutor& WindowExecutor::operator=(WindowExecutor&&) noexcept = default;

const WindowPlan& WindowExecutor::plan() const {
  return m_state->plan;
}

Result<WindowExecutor> WindowExecutor::create(const Graph& graph,
                                              const Parameters& parameters,
                                              WindowPlan plan) {
  auto state = std::make_unique<State>();
  state->classes = graph.outputChannels();
  for (const Plan& one : plan.plans) {
    ARGAND_ASSIGN(Executor executor, Executor::create(graph, parameters, one));
    state->executors.push_back(std::move(executor));
  }
  state->plan = std::move(plan);
  return WindowExecutor(std::move(state));
}

Result<void> WindowExecutor::State::compute(Run& run,
                                            int device,
                                            std::size_t window,
                                            std::span<float> scores) {
  const auto n = static_cast<std::size_t>(device);
  const auto keep = [&](const ScoreSlab& slab) -> Result<void> {
    ARGAND_ASSERT(!slab.scores.empty());
    std::copy(slab.scores.begin(),
              slab.scores.end(),
              scores.begin() + slab.rows.begin * slab.height * slab.width * slab.classes);
    return {};
  };
  ARGAND_ASSIGN(
      const RunReport one,
      executors[n].run(
          inputOf(run.input, plan.input, plan.window.size, plan.starts[window]), keep, run.stop));
  const DeviceReport& from = one.devices.front();
  DeviceReport& to = run.report.devices[n];
  to.peakBytes = std::max(to.peakBytes, from.peakBytes + plan.sumBytes[n]);
  to.busySeconds += from.busySeconds;
  run.hostBytes[n] = std::max(run.hostBytes[n], one.hostPeakBytes);
  return {};
}

// Adds a window whose turn it is, and hands on the rows that no later one reaches.
Result<void> WindowExecutor::State::commit(Run& run,
                                           std::size_t window,
                                           std::span<const float> scores) {
  const bool last = window + 1 == plan.starts.size();
  run.sums.add(plan.starts[window], scores);
  const std::int64_t begin = std::max<std::int64_t>(0, plan.starts[window].d);
  const std::int64_t end = last ? plan.input.size.d : plan.starts[window + 1].d;
  if (begin < end) {
    ARGAND_TRY(run.sums.finish({begin, end}, run.output));
  }
  const std::size_t done = window + 1;
  argand::report(run.progress,
                 "Network",
                 static_cast<double>(done) / static_cast<double>(plan.starts.size()),
                 fmt::format("window {} of {}", done, plan.starts.size()));
  return {};
}

Result<void> WindowExecutor::State::work(Run& run, int device) {
  std::vector<float> scores;
  for (std::size_t window = 0; window < plan.starts.size(); ++window) {
    if (plan.owner[window] != device) {
      continue;
    }
    scores.resize(static_cast<std::size_t>(plan.window.size.voxels() * classes));
    ARGAND_TRY(compute(run, device, window, scores));
    if (!run.turns.await(window)) {
      return {};  // another device failed and has said why
    }
    ARGAND_TRY(commit(run, window, scores));
    run.turns.pass();
  }
  return {};
}

Result<RunReport> WindowExecutor::run(std::span<const float> input,
                                      const Output& output,
                                      std::stop_token stop,
                                      const ProgressFn& progress) {
  State& state = *m_state;
  const WindowPlan& plan = state.plan;
  ARGAND_ASSERT(static_cast<std::int64_t>(input.size()) == plan.input.elements());
  const auto start = Clock::now();
  State::Run run{input, output, std::move(stop), progress, {plan, state.classes}, {}, {}, {}};
  run.hostBytes.resize(plan.devices.size());
  for (std::size_t n = 0; n < plan.devices.size(); ++n) {
    DeviceReport device;
    device.name = plan.devices[n].name;
    device.budgetBytes = plan.devices[n].budgetBytes;
    device.predictedPeakBytes = plan.predictedPeakBytes(static_cast<int>(n));
    run.report.devices.push_back(std::move(device));
  }
  WorkerGroup group(static_cast<int>(plan.devices.size()));
  ARGAND_TRY(group.run([&](int device) {
    auto done =
        guarded(ErrorCode::Internal, "running a window", [&] { return state.work(run, device); });
    if (!done) {
      run.turns.fail();
    }
    return done;
  }));
  for (const std::int64_t bytes : run.hostBytes) {
    run.report.hostPeakBytes += bytes;
  }
  run.report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return std::move(run.report);
}

}  // namespace argand::engine
