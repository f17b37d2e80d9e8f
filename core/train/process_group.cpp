// SPDX-License-Identifier: Apache-2.0
// LibTorch has Gloo inside; its headers come from the system's package.
#define USE_C10D_GLOO
#include "core/train/process_group.h"

#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/engine/run/backend.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

namespace argand::train {

namespace {

constexpr int kDefaultPort = 29500;  // torchrun's

Failure wrong(std::string message) {
  return fail(ErrorCode::Usage, std::move(message));
}

Result<int> number(const char* name, const std::string& text) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0) {
    return wrong(fmt::format("The environment's {} is '{}'; it must be a number.", name, text));
  }
  return value;
}

struct Names {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local;
};

bool isLoopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

Result<std::string> masterAddress(const Environment& environment, const Names& names, int size) {
  if (const auto address = environment("MASTER_ADDR")) {
    return *address;
  }
  if (const auto node = environment("SLURM_LAUNCH_NODE_IPADDR");
      node && std::string_view(names.launcher) == "srun") {
    return *node;
  }
  const auto onThisMachine = environment("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (onThisMachine && *onThisMachine == std::to_string(size)) {
    return std::string("127.0.0.1");
  }
  return wrong(
      fmt::format("{} started {} processes, but not where the first one is: set "
                  "MASTER_ADDR to its address.",
                  names.launcher,
                  size));
}

Result<int> masterPort(const Environment& environment) {
  if (const auto port = environment("MASTER_PORT")) {
    return number("MASTER_PORT", *port);
  }
  if (const auto job = environment("SLURM_JOB_ID")) {
    ARGAND_ASSIGN(const int id, number("SLURM_JOB_ID", *job));
    return 20000 + id % 10000;  // jobs that share a node do not meet
  }
  return kDefaultPort;
}

}  // namespace

Environment processEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<std::optional<Rank>> rankFromEnvironment(const Environment& environment) {
  constexpr Names kLaunchers[] = {
      {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"},
      {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
      {"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"}};
  for (const Names& names : kLaunchers) {
    const auto rankText = environment(names.rank);
    const auto sizeText = environment(names.size);
    // A batch script has Slurm's variables too; only srun's tasks have a step.
    const bool isSlurm = std::string_view(names.launcher) == "srun";
    if (!rankText || !sizeText || (isSlurm && !environment("SLURM_STEP_ID"))) {
      continue;
    }
    Rank found;
    ARGAND_ASSIGN(found.rank, number(names.rank, *rankText));
    ARGAND_ASSIGN(found.size, number(names.size, *sizeText));
    if (const auto local = environment(names.local)) {
      ARGAND_ASSIGN(found.local, number(names.local, *local));
    }
    if (found.size < 1 || found.rank >= found.size) {
      return wrong(fmt::format("{} is {} and {} is {}; a rank is below the number of processes.",
                               names.rank,
                               found.rank,
                               names.size,
                               found.size));
    }
    if (found.size == 1) {
      return std::optional<Rank>();
    }
    ARGAND_ASSIGN(found.masterAddress, masterAddress(environment, names, found.size));
    ARGAND_ASSIGN(found.masterPort, masterPort(environment));
    return std::optional(found);
  }
  return std::optional<Rank>();
}

namespace {

class GlooGroup final : public engine::GroupSum {
 public:
  GlooGroup(const c10::intrusive_ptr<c10d::Store>& store,
            const Rank& rank,
            std::chrono::seconds timeout) {
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = timeout;
    // What stays on this machine opens no port to others.
    options->devices.push_back(
        isLoopback(rank.masterAddress)
            ? c10d::ProcessGroupGloo::createDeviceForHostname(rank.masterAddress)
            : c10d::ProcessGroupGloo::createDefaultDevice());
    m_gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
        store, rank.rank, rank.size, std::move(options));
  }

  void sum(at::Tensor& values) override {
    std::vector<at::Tensor> tensors{values};
    m_gloo->allreduce(tensors)->wait();
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupGloo> m_gloo;
};

}  // namespace

Result<std::vector<engine::DeviceSpec>> devicesOfProcess(
    const std::vector<engine::DeviceSpec>& named,
    const Rank& rank,
    const engine::CudaPlugin& plugin) {
  if (named.front().kind != engine::DeviceKind::Cuda) {
    return named;
  }
  const auto local = static_cast<std::size_t>(rank.local);
  if (named.size() > 1) {
    if (local >= named.size()) {
      return fail(ErrorCode::NoPlan,
                  fmt::format("{} CUDA devices are named, and process {} of this machine has none. "
                              "Name one for each process, or start fewer.",
                              named.size(),
                              rank.local));
    }
    return std::vector{named[local]};
  }
  ARGAND_ASSIGN(
      auto own,
      engine::parseDevices(fmt::format("cuda:{}", rank.local), {}, named.front().threads, plugin));
  own.front().budgetBytes = std::min(own.front().budgetBytes, named.front().budgetBytes);
  return own;
}

struct ProcessGroup::Impl {
  Rank rank;
  c10::intrusive_ptr<c10d::Store> store;
  std::unique_ptr<engine::GroupSum> group;

  // Torch's message says which connection was lost; the person wants to know what it means.
  template <typename Body>
  Result<void> together(const Body& body) const {
    const Result<void> done = guarded(ErrorCode::Internal, "training together", body);
    if (!done) {
      log::warning("{}", done.error().message);
      return fail(ErrorCode::InputRefused,
                  fmt::format("Process {} of {} has lost the others: one of them has ended. Its "
                              "own message says why; the checkpoint of the epoch before is kept.",
                              rank.rank,
                              rank.size));
    }
    return {};
  }
};

ProcessGroup::ProcessGroup(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}

ProcessGroup::~ProcessGroup() = default;
ProcessGroup::ProcessGroup(ProcessGroup&&) noexcept = default;
ProcessGroup& ProcessGroup::operator=(ProcessGroup&&) noexcept = default;

Result<ProcessGroup> ProcessGroup::join(const Rank& rank,
                                        const engine::DeviceSpec& device,
                                        int timeoutSeconds) {
  auto impl = std::make_unique<Impl>();
  impl->rank = rank;
  const std::chrono::seconds timeout(timeoutSeconds);
  const bool nccl = device.kind == engine::DeviceKind::Cuda;
  std::optional<engine::CudaFactory> factory;
  if (nccl) {
    ARGAND_ASSIGN(factory, engine::cudaFactory());
  }
  const Result<void> joined =
      guarded(ErrorCode::Internal, "joining the others", [&]() -> Result<void> {
        c10d::TCPStoreOptions options;
        options.port = static_cast<std::uint16_t>(rank.masterPort);
        options.isServer = rank.rank == 0;
        options.numWorkers = static_cast<std::size_t>(rank.size);
        options.timeout = timeout;
        impl->store = c10::make_intrusive<c10d::TCPStore>(rank.masterAddress, options);
        if (nccl) {
          ARGAND_ASSIGN(
              impl->group,
              factory->group({impl->store, rank.rank, rank.size, device, timeoutSeconds}));
        } else {
          impl->group = std::make_unique<GlooGroup>(impl->store, rank, timeout);
        }
        return {};
      });
  if (!joined) {
    log::warning("{}", joined.error().message);
    return fail(
        ErrorCode::InputRefused,
        fmt::format("Process {} of {} could not join the others at {}:{} over {} within {} s.",
                    rank.rank,
                    rank.size,
                    rank.masterAddress,
                    rank.masterPort,
                    nccl ? "NCCL" : "Gloo",
                    timeoutSeconds));
  }
  return ProcessGroup(std::move(impl));
}

int ProcessGroup::rank() const {
  return m_impl->rank.rank;
}

int ProcessGroup::size() const {
  return m_impl->rank.size;
}

Result<void> ProcessGroup::sum(at::Tensor& values) {
  ARGAND_ASSERT(values.is_contiguous());
  return m_impl->together([&] { m_impl->group->sum(values); });
}

Result<void> ProcessGroup::agree(const Result<void>& own) {
  at::Tensor failures = at::zeros({size()}, at::kFloat);
  failures[rank()] = own ? 0.0 : 1.0;
  const Result<void> told = sum(failures);
  ARGAND_TRY(own);
  ARGAND_TRY(told);
  for (int n = 0; n < size(); ++n) {
    if (failures[n].item<float>() > 0.0F) {
      return fail(ErrorCode::InputRefused,
                  fmt::format("Process {} of {} has failed; its own message says why. All others "
                              "end with it.",
                              n,
                              size()));
    }
  }
  return {};
}

Share shareOf(std::size_t count, int rank, int size) {
  const auto r = static_cast<std::size_t>(rank);
  const auto s = static_cast<std::size_t>(size);
  return {count * r / s, count * (r + 1) / s};
}

}  // namespace argand::train
