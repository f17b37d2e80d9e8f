// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/engine/plan/devices.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

// Training over several processes, on one machine or more: each takes its share
// of every batch. LibTorch's own c10d, over NCCL where they train on CUDA devices and over
// Gloo elsewhere; the launcher is the person's.
namespace argand::train {

struct Rank {
  int rank = 0;
  int size = 1;
  int local = 0;  // on its machine
  std::string masterAddress;
  int masterPort = 0;
};

// The value of an environment variable; none where it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

[[nodiscard]] Environment processEnvironment();

// What the launcher says, none where this process was started by itself:
// torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), mpirun
// (OMPI_COMM_WORLD_*) or srun (SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID). The
// latter two find each other by MASTER_ADDR and MASTER_PORT too; without, by the
// launching node (Slurm) or on this machine (mpirun, where all ranks are on it).
// Fails with Usage where a part is missing or no number.
[[nodiscard]] Result<std::optional<Rank>> rankFromEnvironment(const Environment& environment);

// What one of several processes trains on. CUDA devices are shared out by its rank on
// the machine: one that is named stands for cuda:LOCAL_RANK, of several each process
// takes the one at its place. Others are for every process. Fails with NoPlan where there
// are too few.
[[nodiscard]] Result<std::vector<engine::DeviceSpec>> devicesOfProcess(
    const std::vector<engine::DeviceSpec>& named,
    const Rank& rank,
    const engine::CudaPlugin& plugin = {});

// All processes of a training. Every call is made by all of them, in the same
// order; each fails with a sentence where another one has ended or failed.
class ProcessGroup {
 public:
  // Waits for all the others, at most `timeoutSeconds`; the same for each call. `device`
  // is the one that this process trains on, or its first.
  [[nodiscard]] static Result<ProcessGroup> join(const Rank& rank,
                                                 const engine::DeviceSpec& device,
                                                 int timeoutSeconds = 1800);

  ~ProcessGroup();
  ProcessGroup(ProcessGroup&&) noexcept;
  ProcessGroup& operator=(ProcessGroup&&) noexcept;

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;

  // The sum over all processes, the same bits in each; fp32 or fp64, contiguous.
  [[nodiscard]] Result<void> sum(at::Tensor& values);

  // Fails everywhere once one process comes with a failure.
  [[nodiscard]] Result<void> agree(const Result<void>& own);

 private:
  struct Impl;
  explicit ProcessGroup(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> m_impl;
};

// This process's share of `count` things, one part of as even ones as can be.
struct Share {
  std::size_t begin = 0;
  std::size_t end = 0;
};

[[nodiscard]] Share shareOf(std::size_t count, int rank, int size);

}  // namespace argand::train
