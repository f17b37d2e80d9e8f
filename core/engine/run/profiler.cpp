// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/profiler.h"

#include "core/engine/plan/planner.h"
#include "core/engine/plan/step_bytes.h"
#include "core/engine/plan/time_model.h"
#include "core/engine/run/executor.h"
#include "core/engine/run/parameters.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <span>
#include <system_error>
#include <vector>

namespace argand::engine {

namespace {

// A chain of `length` steps of one kind behind a step that makes their input.
struct Chain {
  enum class Kind { Convolution, Winograd, FromOneChannel, Transposed, Pass };

  Kind kind = Kind::Convolution;
  std::int64_t channels = 16;
  std::int64_t edge = 32;  // voxels along each axis
  DType dtype = DType::Float32;

  [[nodiscard]] Graph graph(int length) const {
    Graph made;
    NodeId x = made.add("input", InputOp{channels});
    ConvOp first;
    first.channels = channels;
    first.kernel = {1, 1, 1};
    first.padding = {0, 0, 0};
    x = made.add("first", first, {x});
    for (int n = 0; n < length; ++n) {
      x = append(made, fmt::format("step{}", n), x);
    }
    return made;
  }

  [[nodiscard]] NodeId append(Graph& made, const std::string& name, NodeId x) const {
    ConvOp conv;
    conv.channels = channels;
    switch (kind) {
      case Kind::Convolution:
        // Of a kernel that the library does on every processor.
        conv.kernel = {5, 3, 3};
        conv.padding = {2, 1, 1};
        return made.add(name, conv, {x});
      case Kind::Winograd:
        return made.add(name, conv, {x});
      case Kind::FromOneChannel: {
        // To sixteen channels, and back by one product a voxel and channel.
        conv.channels = 16;
        ConvOp back;
        back.kernel = {1, 1, 1};
        back.padding = {0, 0, 0};
        return made.add(name + ".back", back, {made.add(name, conv, {x})});
      }
      case Kind::Transposed: {
        // Every eighth voxel, at an eighth of the work, so that the chain keeps its size.
        conv.kernel = {1, 1, 1};
        conv.padding = {0, 0, 0};
        conv.stride = {2, 2, 2};
        TransposedConvOp up;
        up.channels = channels;
        return made.add(name + ".up", up, {made.add(name + ".down", conv, {x})});
      }
      default:
        return made.add(name, AddOp{}, {x, x});
    }
  }
};

// What a chain's steps take of one device, and what they have to do there.
struct Timing {
  double seconds = 0.0;
  double flops = 0.0;
  double bytes = 0.0;
  double chunks = 0.0;
};

class Profiler {
 public:
  Profiler(std::stop_token stop, const ProgressFn& progress)
      : m_stop(std::move(stop)), m_progress(progress) {
    const int devices = std::min(coreCount(), kMostDevices);
    for (int n = 0; n < devices; ++n) {
      DeviceSpec spec;
      spec.name = fmt::format("cpu:{}", n);
      spec.index = n;
      spec.budgetBytes = freeMemoryBytes() / devices;
      m_devices.push_back(spec);
    }
  }

  Result<DeviceProfile> run() {
    const Chain passes{Chain::Kind::Pass, 32, 64, DType::Float32};
    const Chain tiny{Chain::Kind::Pass, 1, 8, DType::Float32};
    std::vector<Chain> convolutions;
    for (const DType dtype : {DType::Float32, DType::BFloat16, DType::Float64}) {
      for (const std::int64_t channels : {1, 16, 64}) {
        if (dtype == DType::Float64 && channels > 16) {
          continue;  // one kernel for all
        }
        const std::int64_t edge = channels >= 64 ? 16 : 32;
        const auto kind = channels == 1 ? Chain::Kind::FromOneChannel : Chain::Kind::Convolution;
        convolutions.push_back({kind, channels, edge, dtype});
      }
    }
    for (const std::int64_t channels : {16, 32, 64}) {
      if (processorHasLineVectors()) {  // the library does them elsewhere
        const std::int64_t edge = channels >= 64 ? 32 : 48;
        convolutions.push_back({Chain::Kind::Winograd, channels, edge, DType::Float32});
      }
    }
    for (const std::int64_t channels : {16, 64}) {
      convolutions.push_back({Chain::Kind::Transposed, channels, 24, DType::Float32});
    }
    std::vector<Chain> all{passes, tiny};
    all.insert(all.end(), convolutions.begin(), convolutions.end());
    ARGAND_ASSIGN(const std::vector<Timing> timings, timeAll(all));

    DeviceProfile profile = assumedProcessor();
    profile.name = kMeasuredProfile;
    profile.title = "a thread of this machine's processor";
    profile.source =
        fmt::format("Measured on this machine by the engine itself, {} threads at work at once.",
                    m_devices.size());
    profile.memoryBytes = freeMemoryBytes();
    // Passes first: what they tell of memory is taken off everything else.
    profile.launchSeconds = std::max(0.0, timings[1].seconds / timings[1].chunks);
    profile.memoryBytesPerSecond =
        timings[0].bytes / positive(timings[0].seconds - timings[0].chunks * profile.launchSeconds,
                                    timings[0].seconds);
    profile.link.bytesPerSecond = profile.hostLink.bytesPerSecond = profile.memoryBytesPerSecond;
    profile.convolution.clear();
    profile.winograd.clear();
    profile.transposed.clear();
    for (std::size_t n = 0; n < convolutions.size(); ++n) {
      const Chain& chain = convolutions[n];
      auto& curves = chain.kind == Chain::Kind::Winograd     ? profile.winograd
                     : chain.kind == Chain::Kind::Transposed ? profile.transposed
                                                             : profile.convolution;
      curves[chain.dtype].emplace_back(static_cast<double>(chain.channels),
                                       rate(timings[n + 2], profile));
    }
    return profile;
  }

 private:
  static constexpr int kMostDevices = 4;
  static constexpr int kShort = 1;
  static constexpr int kLong = 5;
  static constexpr int kRounds = 3;
  static constexpr int kRepeats = 2;  // of a round

  // A difference of two timings may come out at or below zero.
  static double positive(double value, double measured) {
    return std::max(value, 0.05 * std::max(measured, 1e-9));
  }

  static double rate(const Timing& timing, const DeviceProfile& profile) {
    const double rest = timing.seconds - timing.chunks * profile.launchSeconds -
                        timing.bytes / profile.memoryBytesPerSecond;
    return timing.flops / positive(rest, timing.seconds);
  }

  // What the steps of each chain take, as the difference of a long one and a short one. The
  // chains take turns, so that what disturbs the machine for a while spoils none of them.
  Result<std::vector<Timing>> timeAll(const std::vector<Chain>& chains) {
    constexpr int kLengths[] = {kShort, kLong};
    std::vector<Timing> best(2 * chains.size());
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t n = 0; n < best.size(); ++n) {
        ARGAND_TRY(checkStop(m_stop));
        const auto done = static_cast<double>(static_cast<std::size_t>(round) * best.size() + n);
        report(
            m_progress, "Timing the processor", done / static_cast<double>(kRounds * best.size()));
        ARGAND_ASSIGN(const Timing timing, timeOf(chains[n / 2], kLengths[n % 2]));
        if (round == 0 || timing.seconds < best[n].seconds) {
          best[n] = timing;
        }
      }
    }
    std::vector<Timing> steps;
    for (std::size_t n = 0; n < best.size(); n += 2) {
      const Timing& few = best[n];
      const Timing& many = best[n + 1];
      steps.push_back({many.seconds - few.seconds,
                       many.flops - few.flops,
                       many.bytes - few.bytes,
                       many.chunks - few.chunks});
    }
    return steps;
  }

  Result<Timing> timeOf(const Chain& chain, int length) {
    const Graph graph = chain.graph(length);
    PlanRequest request;
    request.input = {1, chain.channels, {chain.edge, chain.edge, chain.edge}};
    request.devices = m_devices;
    request.dtype = chain.dtype;
    request.words = m_devices.size() > 1 ? "slabs" : "single";
    ARGAND_ASSIGN(const Plan plan, makePlan(graph, request));
    ARGAND_ASSIGN(const Parameters parameters, Parameters::initialised(graph, 1));
    ARGAND_ASSIGN(Executor executor, Executor::create(graph, parameters, plan));
    const auto input = [](const RowRange&, std::span<float> voxels) -> Result<void> {
      std::fill(voxels.begin(), voxels.end(), 0.5F);
      return {};
    };
    const auto output = [](const ScoreSlab&) -> Result<void> { return {}; };
    Timing timing;
    timing.seconds = std::numeric_limits<double>::max();
    for (int repeat = 0; repeat <= kRepeats; ++repeat) {
      ARGAND_ASSIGN(const RunReport ran, executor.run(input, output, m_stop));
      // The first finds pages and caches cold.
      timing.seconds = repeat == 0 ? timing.seconds : std::min(timing.seconds, ran.seconds);
    }
    return workOf(graph, plan, timing);
  }

  // Adds what the busiest device has to do.
  Result<Timing> workOf(const Graph& graph, const Plan& plan, Timing timing) const {
    const Program program = lowered(graph);
    ARGAND_ASSIGN(const auto shapes, graph.shapes(plan.input));
    ARGAND_ASSIGN(const TimeModel times,
                  TimeModel::create(m_devices, plan.dtype, graph, program, shapes));
    for (StepId id = 0; id < static_cast<StepId>(program.steps.size()); ++id) {
      const StepWork& work = times.work(id);
      std::int64_t most = 0;
      for (int d = 0; d < static_cast<int>(m_devices.size()); ++d) {
        const RowRange rows = plan.steps[static_cast<std::size_t>(id)].rows(d);
        most = std::max(most, times.computedRows(id, rows).count());
      }
      const RowRange read = rowsRead(program.step(id), graph, {0, most}, work.readDepth);
      timing.flops += static_cast<double>(most) * work.flopsPerRow;
      timing.bytes += static_cast<double>(most) * work.writtenPerRow +
                      static_cast<double>(read.count()) * work.readPerRow;
      timing.chunks += static_cast<double>((most + work.grid - 1) / work.grid);
    }
    return timing;
  }

  const std::stop_token m_stop;
  const ProgressFn& m_progress;
  std::vector<DeviceSpec> m_devices;
};

}  // namespace

Result<DeviceProfile> measureProcessor(std::stop_token stop, const ProgressFn& progress) {
  return Profiler(std::move(stop), progress).run();
}

Result<void> profileProcessor(std::stop_token stop, const ProgressFn& progress) {
  ARGAND_ASSIGN(const DeviceProfile profile, measureProcessor(std::move(stop), progress));
  const std::filesystem::path path = measuredProfilePath();
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  return writeJsonFile(path, profile.toJson());
}

}  // namespace argand::engine
