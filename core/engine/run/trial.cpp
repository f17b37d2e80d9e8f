// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/trial.h"

#include "core/base/assert.h"
#include "core/engine/run/labels.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>
#include <utility>
#include <variant>

namespace argand::engine {

namespace {

constexpr std::int64_t kLabelBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));

// A line of /proc/self/status: "VmRSS" is held now, "VmHWM" was held at most.
std::int64_t statusBytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == key + ":") {
      std::int64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
    std::getline(status, word);
  }
  return 0;
}

// The most that the process holds while this lives: the kernel's own count,
// started again; looked at every few milliseconds where that is not allowed.
class ResidentPeak {
 public:
  ResidentPeak() {
    std::ofstream again("/proc/self/clear_refs");
    again << "5" << std::flush;
    if (!again) {
      m_sampler = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          m_sampled = std::max(m_sampled.load(), statusBytes("VmRSS"));
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      });
    }
  }

  [[nodiscard]] std::int64_t bytes() const {
    return m_sampler.joinable() ? m_sampled.load() : statusBytes("VmHWM");
  }

 private:
  std::atomic<std::int64_t> m_sampled{0};
  std::jthread m_sampler;
};

std::vector<float> noise(const Shape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

Result<Plan> wholePlan(const Graph& graph, const TrialRequest& request) {
  if (request.planText.empty()) {
    return makePlan(graph, request.plan);
  }
  ARGAND_ASSIGN(Plan plan, parsePlan(request.planText));
  if (plan.input != request.plan.input || plan.dtype != request.plan.dtype) {
    return fail(ErrorCode::Usage,
                fmt::format("The plan is for an input of {} in {}, not {} in {}.",
                            toString(plan.input.size),
                            toString(plan.dtype),
                            toString(request.plan.input.size),
                            toString(request.plan.dtype)));
  }
  plan.outputBytesPerVoxel = kLabelBytes;
  return adoptPlan(graph, std::move(plan), request.plan.devices);
}

}  // namespace

struct Trial::State {
  Shape input;
  Extent labelled;
  std::vector<float> voxels;
  std::vector<std::uint16_t> labels;
  std::variant<std::monostate, Executor, WindowExecutor> executor;
  std::int64_t flops = 0;
  std::int64_t baseBytes = 0;
  std::int64_t residentPeakBytes = 0;
};

Trial::Trial(std::unique_ptr<State> state) : m_state(std::move(state)) {}

Trial::~Trial() = default;
Trial::Trial(Trial&&) noexcept = default;
Trial& Trial::operator=(Trial&&) noexcept = default;

Result<Trial> Trial::create(const Graph& graph, const TrialRequest& request) {
  TrialRequest wanted = request;
  wanted.plan.outputBytesPerVoxel = kLabelBytes;
  auto state = std::make_unique<State>();
  state->input = request.plan.input;
  state->labelled = state->input.size;
  std::variant<std::monostate, Plan, WindowPlan> plan;
  if (request.window) {
    if (!request.planText.empty()) {
      return fail(ErrorCode::Usage,
                  "In windows each device has a plan of its own: give words, not a plan's file.");
    }
    ARGAND_ASSIGN(plan, planWindows(graph, wanted.plan, *request.window));
    const auto& windows = std::get<WindowPlan>(plan);
    ARGAND_ASSIGN(state->flops, totalFlops(graph, windows.plans.front().input));
    state->flops *= static_cast<std::int64_t>(windows.starts.size());
  } else {
    ARGAND_ASSIGN(plan, wholePlan(graph, wanted));
    ARGAND_ASSIGN(state->flops, totalFlops(graph, state->input));
    ARGAND_ASSIGN(const std::vector<Shape> shapes, graph.shapes(state->input));
    state->labelled = shapes.back().size;
  }
  state->voxels = noise(state->input, request.seed);
  state->labels.assign(static_cast<std::size_t>(state->labelled.voxels()), 0);
  ARGAND_ASSIGN(const Parameters parameters, Parameters::initialised(graph, request.seed));
  malloc_trim(0);  // what was freed is not counted as held
  state->baseBytes = statusBytes("VmRSS");
  if (request.window) {
    ARGAND_ASSIGN(state->executor,
                  WindowExecutor::create(graph, parameters, std::move(std::get<WindowPlan>(plan))));
  } else {
    ARGAND_ASSIGN(state->executor,
                  Executor::create(graph, parameters, std::move(std::get<Plan>(plan))));
  }
  return Trial(std::move(state));
}

Result<RunReport> Trial::run(std::stop_token stop, const ProgressFn& progress) {
  State& state = *m_state;
  state.labels = {};  // its room is that of the new ones
  LabelCollector labels(LabelGrid::own(state.labelled));
  const ResidentPeak resident;
  const bool whole = std::holds_alternative<Executor>(state.executor);
  auto report =
      whole ? std::get<Executor>(state.executor)
                  .run(inputFrom(state.voxels, state.input), &labels, stop, progress)
            : std::get<WindowExecutor>(state.executor).run(state.voxels, &labels, stop, progress);
  state.labels = labels.take();
  state.residentPeakBytes = std::max(state.residentPeakBytes, resident.bytes() - state.baseBytes);
  return report;
}

std::string Trial::planText() const {
  const bool whole = std::holds_alternative<Executor>(m_state->executor);
  return whole ? toText(std::get<Executor>(m_state->executor).plan())
               : toText(std::get<WindowExecutor>(m_state->executor).plan());
}

double Trial::predictedSeconds() const {
  const bool whole = std::holds_alternative<Executor>(m_state->executor);
  return whole ? std::get<Executor>(m_state->executor).plan().makespanSeconds
               : std::get<WindowExecutor>(m_state->executor).plan().makespanSeconds;
}

std::int64_t Trial::flops() const {
  return m_state->flops;
}

std::int64_t Trial::residentPeakBytes() const {
  return m_state->residentPeakBytes;
}

const std::vector<std::uint16_t>& Trial::labels() const {
  return m_state->labels;
}

std::uint64_t Trial::labelsHash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const std::uint16_t label : m_state->labels) {
    for (const int shift : {0, 8}) {
      hash = (hash ^ (static_cast<unsigned>(label) >> shift & 0xFFU)) * 0x100000001b3ULL;
    }
  }
  return hash;
}

double changedLabels(const Trial& one, const Trial& other) {
  const std::vector<std::uint16_t>& a = one.labels();
  const std::vector<std::uint16_t>& b = other.labels();
  ARGAND_ASSERT(a.size() == b.size() && !a.empty());
  std::size_t changed = 0;
  for (std::size_t n = 0; n < a.size(); ++n) {
    changed += a[n] != b[n] ? 1U : 0U;
  }
  return static_cast<double>(changed) / static_cast<double>(a.size());
}

}  // namespace argand::engine
