// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/group_check.h"

#include "core/engine/run/backend.h"
#include "tests/gpu/runner_networks.h"

#include <ATen/ATen.h>
#include <sys/wait.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>

#include <spawn.h>
#include <unistd.h>

#include <filesystem>

namespace argand::gpu_check {

namespace {

constexpr std::int64_t kValues = 1000;

at::Tensor valuesOf(int rank, at::ScalarType type) {
  return at::sin(at::arange(kValues, at::kDouble) + static_cast<double>(rank)).to(type);
}

}  // namespace

int runRank(int rank, int size, const std::string& file) {
  using namespace engine;
  const c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::FileStore>(file, size);
  DeviceSpec device;
  device.name = fmt::format("cuda:{}", rank);
  device.kind = DeviceKind::Cuda;
  device.index = rank;
  const auto group = valueOf(valueOf(cudaFactory()).group({store, rank, size, device, 120}));
  const c10::Device gpu(at::kCUDA, static_cast<c10::DeviceIndex>(rank));
  double worst = 0.0;
  // What lies on the processor goes to the GPU and back.
  for (const c10::Device& where : {gpu, c10::Device(at::kCPU)}) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      at::Tensor sum = valuesOf(rank, type).to(where);
      group->sum(sum);
      at::Tensor truth = at::zeros({kValues}, at::kDouble);
      for (int n = 0; n < size; ++n) {
        truth += valuesOf(n, type).to(at::kDouble);
      }
      worst = std::max(worst, (sum.to(at::kCPU, at::kDouble) - truth).abs().max().item<double>());
    }
  }
  return worst < 1e-6 ? 0 : 1;
}

void checkGroup(Figures& figures, int gpus) {
  const int size = std::min(gpus, 2);
  const std::string file =
      std::filesystem::temp_directory_path() / fmt::format("argand-nccl-{}", ::getpid());
  std::vector<pid_t> processes;
  for (int rank = 0; rank < size; ++rank) {
    std::vector<std::string> words{
        "argand_gpu_training", "rank", std::to_string(rank), std::to_string(size), file};
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t process = 0;
    if (::posix_spawn(&process, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) !=
        0) {
      throw std::runtime_error("a process for NCCL could not be started");
    }
    processes.push_back(process);
  }
  double failed = 0.0;
  for (const pid_t process : processes) {
    int status = 0;
    ::waitpid(process, &status, 0);
    failed += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0.0 : 1.0;
  }
  std::filesystem::remove(file);
  figures.add(fmt::format("NCCL: of {} processes those without the sum", size), failed, 0.0);
}

}  // namespace argand::gpu_check
