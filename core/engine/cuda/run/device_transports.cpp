// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/device_transports.h"

#include "core/engine/cuda/run/calls.h"

#include <fmt/format.h>

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

namespace argand::engine::cuda {

namespace {

void mustNccl(ncclResult_t status, const char* doing) {
  if (status != ncclSuccess) {
    throw std::runtime_error(
        fmt::format("NCCL says '{}' while {}", ncclGetErrorString(status), doing));
  }
}

const std::byte* copyTo(const Landing& landing, const std::byte* rows, std::int64_t bytes) {
  must(cudaMemcpyAsync(landing.memory,
                       rows,
                       static_cast<std::size_t>(bytes),
                       cudaMemcpyDefault,
                       static_cast<cudaStream_t>(landing.stream)),
       "copying rows from another device");
  return landing.memory;
}

class PeerTransport final : public Transport {
 public:
  using Transport::Transport;

 private:
  const std::byte* carry(
      int, int, const std::byte* rows, std::int64_t bytes, const Landing& landing) override {
    return copyTo(landing, rows, bytes);
  }
};

class NcclTransport final : public Transport {
 public:
  explicit NcclTransport(const std::vector<int>& gpus)
      : Transport(static_cast<int>(gpus.size())), m_gpus(gpus) {
    std::sort(m_gpus.begin(), m_gpus.end());
    m_gpus.erase(std::unique(m_gpus.begin(), m_gpus.end()), m_gpus.end());
    for (const int gpu : gpus) {
      m_ranks.push_back(
          static_cast<int>(std::lower_bound(m_gpus.begin(), m_gpus.end(), gpu) - m_gpus.begin()));
    }
    int before = 0;
    must(cudaGetDevice(&before), "asking for the current device");
    m_senders.assign(m_gpus.size(), nullptr);
    for (std::size_t n = 0; n < m_gpus.size(); ++n) {
      must(cudaSetDevice(m_gpus[n]), "choosing a device");
      must(cudaStreamCreateWithFlags(&m_senders[n], cudaStreamNonBlocking), "making a stream");
    }
    must(cudaSetDevice(before), "choosing a device");
    m_communicators.assign(m_gpus.size(), nullptr);
    mustNccl(
        ncclCommInitAll(m_communicators.data(), static_cast<int>(m_gpus.size()), m_gpus.data()),
        "joining the GPUs");
  }

  ~NcclTransport() override {
    for (const ncclComm_t communicator : m_communicators) {
      ncclCommDestroy(communicator);
    }
    for (const cudaStream_t sender : m_senders) {
      cudaStreamDestroy(sender);
    }
  }

  NcclTransport(const NcclTransport&) = delete;
  NcclTransport& operator=(const NcclTransport&) = delete;

 private:
  const std::byte* carry(int to,
                         int from,
                         const std::byte* rows,
                         std::int64_t bytes,
                         const Landing& landing) override {
    cudaPointerAttributes where{};
    must(cudaPointerGetAttributes(&where, rows), "asking where rows lie");
    if (where.type != cudaMemoryTypeDevice) {
      return copyTo(landing, rows, bytes);
    }
    const int sender = m_ranks[static_cast<std::size_t>(from)];
    const int receiver = m_ranks[static_cast<std::size_t>(to)];
    auto* const stream = static_cast<cudaStream_t>(landing.stream);
    const auto count = static_cast<std::size_t>(bytes);
    // One order for all communicators, or two workers could wait for each other.
    const std::lock_guard lock(m_mutex);
    mustNccl(ncclGroupStart(), "sending rows");
    mustNccl(ncclSend(rows,
                      count,
                      ncclUint8,
                      receiver,
                      m_communicators[static_cast<std::size_t>(sender)],
                      sender == receiver ? stream : m_senders[static_cast<std::size_t>(sender)]),
             "sending rows");
    mustNccl(ncclRecv(landing.memory,
                      count,
                      ncclUint8,
                      sender,
                      m_communicators[static_cast<std::size_t>(receiver)],
                      stream),
             "receiving rows");
    mustNccl(ncclGroupEnd(), "sending rows");
    return landing.memory;
  }

  std::vector<int> m_gpus;   // by rank
  std::vector<int> m_ranks;  // by device of the plan
  std::vector<cudaStream_t> m_senders;
  std::vector<ncclComm_t> m_communicators;
  std::mutex m_mutex;
};

}  // namespace

std::unique_ptr<Transport> peerTransport(const std::vector<int>& gpus) {
  return std::make_unique<PeerTransport>(static_cast<int>(gpus.size()));
}

std::unique_ptr<Transport> ncclTransport(const std::vector<int>& gpus) {
  return std::make_unique<NcclTransport>(gpus);
}

}  // namespace argand::engine::cuda
