// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/graph/program.h"
#include "core/engine/plan/device_profile.h"

#include <vector>

// What the parts of a program take on each of a plan's devices. All of it is
// estimates: by measured speeds where the profiler has run, else by assumed ones.
namespace argand::engine {

// What one step has to do. A part reads and writes each stored byte once.
struct StepWork {
  double flopsPerRow = 0.0;    // of convolutions; everything else is bytes
  double writtenPerRow = 0.0;  // bytes per row of output
  double readPerRow = 0.0;     // bytes per row of what it reads, all reads together
  double channels = 1.0;       // the fewer of a convolution's input and output
  bool wholeChunks = false;    // computes whole chunks of the grid, whatever of them is asked for
  std::int64_t depth = 1;
  std::int64_t readDepth = 1;
  std::int64_t grid = 1;  // rows of a chunk
  // In training, beside what the operation itself reads and writes: how often its
  // output is read or written by what follows (norms, activations) and its input by
  // what precedes (concats).
  double outputPasses = 0.0;
  double outputPassesBack = 0.0;
  double inputPasses = 0.0;
  bool readsInput = false;  // the network's, which needs no gradient
};

struct TrainingSeconds {
  double forward = 0.0;
  double backward = 0.0;

  [[nodiscard]] double both() const { return forward + backward; }
};

// No plan is faster than this, however much memory there were: a linear programme's
// dual. `seconds` is by device and step; with weights l_d >= 0 of sum 1, makespan >= sum
// over steps of min_d l_d t_(d,step), since the busiest device is at least as busy as
// any weighted mean. The weights are the devices' shares of the whole speed, which for
// devices of one kind gives all work divided by their number.
[[nodiscard]] double leastSeconds(const std::vector<std::vector<double>>& seconds);

class TimeModel {
 public:
  // Fails where a device's profile cannot be read.
  [[nodiscard]] static Result<TimeModel> create(const std::vector<DeviceSpec>& devices,
                                                DType dtype,
                                                const Graph& graph,
                                                const Program& program,
                                                const std::vector<Shape>& shapes);

  [[nodiscard]] int deviceCount() const { return static_cast<int>(m_devices.size()); }

  [[nodiscard]] const StepWork& work(StepId step) const {
    return m_work[static_cast<std::size_t>(step)];
  }

  // The rows computed for `rows` of a step's output.
  [[nodiscard]] RowRange computedRows(StepId step, const RowRange& rows) const;

  // To compute `rows` of a step's output; 0 for none.
  [[nodiscard]] double stepSeconds(int device, StepId step, const RowRange& rows) const;

  // Of a training step, for all samples: every value is stored, and backward makes the
  // gradients of values and weights.
  [[nodiscard]] TrainingSeconds trainingSeconds(int device,
                                                StepId step,
                                                const RowRange& rows) const;

  // From one device to another: the bytes, and how long until the first arrives.
  [[nodiscard]] double transferSeconds(int from, int to, double bytes) const;
  [[nodiscard]] double latencySeconds(int from, int to) const;

  // Of spilled rows to or from host memory.
  [[nodiscard]] double hostSeconds(int device, double bytes) const;

  // A GPU's copies run beside its work; a core makes them itself.
  [[nodiscard]] bool copiesBeside(int device) const;

  // Whole-network speed, for shares: seconds of all steps on one device.
  [[nodiscard]] double aloneSeconds(int device) const {
    return m_alone[static_cast<std::size_t>(device)];
  }

  [[nodiscard]] double trainingAloneSeconds(int device) const;

  // leastSeconds of inference.
  [[nodiscard]] double boundSeconds() const { return m_bound; }

 private:
  [[nodiscard]] const Link& slower(int a, int b) const;

  struct Speeds {
    DeviceProfile profile;
    double scale = 1.0;                         // its share of what the profile describes
    std::vector<double> flopsPerSecond;         // by step
    std::vector<double> libraryFlopsPerSecond;  // what training takes
  };

  const Graph* m_graph = nullptr;
  const Program* m_program = nullptr;
  std::vector<Speeds> m_devices;
  std::vector<StepWork> m_work;
  std::vector<double> m_alone;
  double m_bound = 0.0;
};

}  // namespace argand::engine
