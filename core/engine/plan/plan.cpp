// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/plan.h"

#include "core/engine/plan/schedule.h"
#include "core/engine/plan/training_plan.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

namespace argand::engine {

namespace {

constexpr std::string_view kHeading = "argand plan 1";

std::string numbers(const std::vector<std::int64_t>& values) {
  std::string text;
  for (const std::int64_t value : values) {
    text += fmt::format(" {}", value);
  }
  return text;
}

std::int64_t numberOf(const std::string& word, bool& ok) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value);
  ok = ok && parsed.ec == std::errc() && parsed.ptr == word.data() + word.size();
  return value;
}

// Reads the words of one line in turn; `ok` turns false at the first that does not fit.
class Words {
 public:
  explicit Words(std::string_view line) : m_stream(std::string(line.substr(0, line.find(" #")))) {}

  template <typename T>
  T take() {
    std::string word;
    T value{};
    if (!(m_stream >> word)) {
      ok = false;
      return value;
    }
    if constexpr (std::is_same_v<T, std::string>) {
      value = word;
    } else {
      const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value);
      ok = ok && parsed.ec == std::errc() && parsed.ptr == word.data() + word.size();
    }
    return value;
  }

  void expect(std::string_view word) { ok = take<std::string>() == word && ok; }

  bool more() { return static_cast<bool>(m_stream >> std::ws) && m_stream.peek() != EOF; }

  bool ok = true;

 private:
  std::istringstream m_stream;
};

std::string_view kindName(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::Cpu:
      return "cpu";
    case DeviceKind::Cuda:
      return "cuda";
    default:
      return "sim";
  }
}

DevicePlan takeDevice(Words& words) {
  DevicePlan device;
  device.device.name = words.take<std::string>();
  const auto kind = words.take<std::string>();
  words.ok = words.ok && (kind == "cpu" || kind == "cuda" || kind == "sim");
  device.device.kind = kind == "sim"    ? DeviceKind::Simulated
                       : kind == "cuda" ? DeviceKind::Cuda
                                        : DeviceKind::Cpu;
  device.device.index = words.take<int>();
  words.expect("threads");
  device.device.threads = words.take<int>();
  words.expect("budget");
  device.device.budgetBytes = words.take<std::int64_t>();
  words.expect("peak");
  device.predictedPeakBytes = words.take<std::int64_t>();
  words.expect("weights");
  device.weightBytes = words.take<std::int64_t>();
  words.expect("busy");
  device.busySeconds = words.take<double>();
  while (words.ok && words.more()) {
    const auto key = words.take<std::string>();
    words.ok = words.ok && (key == "at" || key == "speed");
    (key == "at" ? device.peakStep : device.device.profile) = words.take<std::string>();
  }
  return device;
}

bool takeLine(Plan& plan, const std::string& key, Words& words, std::string_view line) {
  if (key == "kind") {
    plan.kind = words.take<std::string>();
    return plan.kind == "single" || plan.kind == "slabs" || plan.kind == "pipeline";
  }
  if (key == "input") {
    plan.input.samples = words.take<std::int64_t>();
    plan.input.channels = words.take<std::int64_t>();
    for (int axis = 0; axis < 3; ++axis) {
      plan.input.size[axis] = words.take<std::int64_t>();
    }
    return true;
  }
  if (key == "dtype") {
    const auto dtype = parseDType(words.take<std::string>());
    plan.dtype = dtype.value_or(DType::Float32);
    return dtype.has_value();
  }
  if (key == "training") {
    const auto word = words.take<std::string>();
    plan.training = word == "yes";
    return word == "yes" || word == "no";
  }
  if (key == "micro-batches") {
    plan.microBatches = words.take<int>();
    const auto word = words.take<std::string>();
    plan.schedule =
        word == "gpipe" ? PipelineSchedule::GPipe : PipelineSchedule::OneForwardOneBackward;
    return word == toString(plan.schedule);
  }
  if (key == "output-bytes-per-voxel") {
    plan.outputBytesPerVoxel = words.take<std::int64_t>();
    return true;
  }
  if (key == "host-peak") {
    plan.hostPeakBytes = words.take<std::int64_t>();
    return true;
  }
  if (key == "makespan") {
    plan.makespanSeconds = words.take<double>();
    return true;
  }
  if (key == "bound") {
    plan.boundSeconds = words.take<double>();
    return true;
  }
  if (key == "device") {
    plan.devices.push_back(takeDevice(words));
    return true;
  }
  if (key == "step") {
    StepPlan step;
    step.step = words.take<std::string>();
    std::vector<std::int64_t>* numbers = &step.bounds;
    while (words.ok && words.more()) {
      const auto word = words.take<std::string>();
      if (word == "joined") {
        step.joined = true;
      } else if (word == "rolling") {
        step.rolling = true;
      } else if (word == "recomputed") {
        step.recomputed = words.take<int>();
      } else if (word == "stage") {
        step.stage = words.take<int>();
      } else if (word == "spilled") {
        numbers = &step.spilledRows;
      } else {
        numbers->push_back(numberOf(word, words.ok));
      }
    }
    plan.steps.push_back(std::move(step));
    return true;
  }
  if (key == "reason") {
    const auto start = line.find(' ');
    plan.reason = start == std::string_view::npos ? "" : std::string(line.substr(start + 1));
    return true;
  }
  return false;
}

}  // namespace

double Plan::gap() const {
  // What rounding leaves below the bound is none.
  return boundSeconds > 0.0 ? std::max(0.0, (makespanSeconds - boundSeconds) / boundSeconds) : 0.0;
}

bool Plan::simulated() const {
  return std::any_of(devices.begin(), devices.end(), [](const DevicePlan& d) {
    return d.device.kind == DeviceKind::Simulated;
  });
}

int Plan::devicesUsed() const {
  int used = 0;
  for (std::size_t n = 0; n < devices.size(); ++n) {
    used += std::any_of(steps.begin(), steps.end(), [&](const StepPlan& step) {
      return step.rows(static_cast<int>(n)).count() > 0;
    });
  }
  return used;
}

std::string toText(const Plan& plan) {
  std::string text = fmt::format("{}\nkind {}\nreason {}\n", kHeading, plan.kind, plan.reason);
  text += fmt::format("input {} {} {} {} {} # samples, channels, depth, height, width\n",
                      plan.input.samples,
                      plan.input.channels,
                      plan.input.size.d,
                      plan.input.size.h,
                      plan.input.size.w);
  text += fmt::format("dtype {}\ntraining {}\noutput-bytes-per-voxel {}\n",
                      toString(plan.dtype),
                      plan.training ? "yes" : "no",
                      plan.outputBytesPerVoxel);
  if (plan.microBatches > 1) {
    text += fmt::format("micro-batches {} {}\n", plan.microBatches, toString(plan.schedule));
  }
  for (const DevicePlan& d : plan.devices) {
    text += fmt::format("device {} {} {} threads {} budget {} peak {} weights {} busy {}{}{}",
                        d.device.name,
                        kindName(d.device.kind),
                        d.device.index,
                        d.device.threads,
                        d.device.budgetBytes,
                        d.predictedPeakBytes,
                        d.weightBytes,
                        d.busySeconds,
                        d.peakStep.empty() ? "" : " at " + d.peakStep,
                        d.device.profile.empty() ? "" : " speed " + d.device.profile);
    text += fmt::format(" # needs {} of {}, busy for about {:.2f} s\n",
                        formatBytes(d.predictedPeakBytes),
                        formatBytes(d.device.budgetBytes),
                        d.busySeconds);
  }
  if (plan.hostPeakBytes > 0) {
    text += fmt::format("host-peak {} # {} of it in host memory\n",
                        plan.hostPeakBytes,
                        formatBytes(plan.hostPeakBytes));
  }
  text += fmt::format(
      "makespan {} # seconds, {}\nbound {} # all devices at full speed; gap {:.1f} %\n",
      plan.makespanSeconds,
      plan.simulated() ? "simulated: not all of these devices are there" : "an estimate",
      plan.boundSeconds,
      100.0 * plan.gap());
  for (const StepPlan& step : plan.steps) {
    text += fmt::format("step {}{}{}{}{}{}{}\n",
                        step.step,
                        numbers(step.bounds),
                        step.joined ? " joined" : "",
                        step.rolling ? " rolling" : "",
                        step.recomputed > 0 ? fmt::format(" recomputed {}", step.recomputed) : "",
                        step.stage > 0 ? fmt::format(" stage {}", step.stage) : "",
                        step.spilledRows.empty() ? "" : " spilled" + numbers(step.spilledRows));
  }
  return text;
}

std::string shortSeconds(double seconds) {
  return fmt::format("{:.{}f}", seconds, seconds < 1.0 ? 2 : seconds < 10.0 ? 1 : 0);
}

std::string describe(const Plan& plan) {
  return fmt::format("{} voxels in {}, about {} s{}. {}",
                     toString(plan.input.size),
                     toString(plan.dtype),
                     shortSeconds(plan.makespanSeconds),
                     plan.simulated() ? " (simulated: not all of these devices are there)" : "",
                     plan.reason);
}

Result<Plan> parsePlan(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != kHeading) {
    return fail(ErrorCode::InputRefused,
                fmt::format("This is no plan: the first line is not '{}'.", kHeading));
  }
  Plan plan;
  int number = 1;
  while (std::getline(lines, line)) {
    ++number;
    if (line.empty() || line[0] == '#') {
      continue;
    }
    Words words(line);
    const auto key = words.take<std::string>();
    if (!takeLine(plan, key, words, line) || !words.ok || (key != "reason" && words.more())) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("Line {} of the plan cannot be read: '{}'.", number, line));
    }
  }
  for (const StepPlan& step : plan.steps) {
    if (step.bounds.size() != plan.devices.size() + 1) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("The plan gives '{}' {} bounds; {} device(s) need {}.",
                              step.step,
                              step.bounds.size(),
                              plan.devices.size(),
                              plan.devices.size() + 1));
    }
  }
  return plan;
}

Result<void> validate(const Plan& plan, const Graph& graph) {
  ARGAND_ASSIGN(const auto shapes, graph.shapes(plan.input));
  const Program program = lowered(graph);
  const auto refuse = [](std::string message) {
    return fail(ErrorCode::InputRefused, std::move(message));
  };
  if (plan.devices.empty()) {
    return refuse("The plan names no device.");
  }
  std::vector<DeviceSpec> devices;
  for (const DevicePlan& device : plan.devices) {
    devices.push_back(device.device);
  }
  ARGAND_TRY(checkKinds(devices));
  if (plan.steps.size() != program.steps.size()) {
    return refuse(fmt::format("The plan has {} steps, this network {}; it belongs to another one.",
                              plan.steps.size(),
                              program.steps.size()));
  }
  for (std::size_t n = 0; n < plan.steps.size(); ++n) {
    const StepPlan& step = plan.steps[n];
    const std::string name = program.name(graph, static_cast<StepId>(n));
    if (step.step != name) {
      return refuse(fmt::format(
          "Step {} of the plan is '{}', of this network '{}'.", n + 1, step.step, name));
    }
    const std::int64_t depth = outputShape(program.steps[n], graph, shapes).size.d;
    const bool complete = step.bounds.size() == plan.devices.size() + 1 &&
                          step.bounds.front() == 0 && step.bounds.back() == depth &&
                          std::is_sorted(step.bounds.begin(), step.bounds.end());
    if (!complete) {
      return refuse(
          fmt::format("The bounds of '{}' in the plan do not lead from 0 to {} in order, "
                      "one slab per device.",
                      name,
                      depth));
    }
    const auto id = static_cast<StepId>(n);
    if (step.joined && (n == 0 || !mayJoin(program, graph, groupStart(plan, id), id))) {
      return refuse(
          fmt::format("'{}' cannot run together with the step before it: it needs what "
                      "that step has only made once it is done.",
                      name));
    }
    const bool spills = step.spilledRows.size() <= plan.devices.size() &&
                        std::all_of(step.spilledRows.begin(),
                                    step.spilledRows.end(),
                                    [&](std::int64_t rows) { return rows >= 0 && rows <= depth; });
    if (!spills) {
      return refuse(fmt::format(
          "The spilled rows of '{}' in the plan are not one number per device, at most {}.",
          name,
          depth));
    }
  }
  return checkTraining(plan, graph, program);
}

}  // namespace argand::engine
