// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/cuda_streams.h"

#include "core/base/assert.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/PeerToPeerAccess.h>

#include <stdexcept>

namespace argand::engine::cuda {

namespace {

// Tasks that may be queued: enough that a GPU never waits for the processor.
constexpr std::size_t kTasksAhead = 4;

}  // namespace

CudaStreams::CudaStreams(c10::DeviceIndex device, Ledger& ledger)
    : m_charges(ledger),
      m_compute(c10::cuda::getStreamFromPool(true, device)),
      m_copy(c10::cuda::getStreamFromPool(false, device)),
      m_guard(m_compute) {}

// A run that failed may have left copies under way, from and to memory that goes now.
CudaStreams::~CudaStreams() {
  cudaStreamSynchronize(m_copy.stream());
  cudaStreamSynchronize(m_compute.stream());
}

at::Tensor CudaStreams::hostMemory(at::IntArrayRef sizes, at::ScalarType type) {
  return at::empty(sizes, at::TensorOptions(type).pinned_memory(true));
}

at::Tensor CudaStreams::fetch(const at::Tensor& from) {
  ARGAND_ASSERT(from.is_contiguous());
  at::Tensor to;
  {
    const c10::cuda::CUDAStreamGuard copying(m_copy);
    to = at::empty(from.sizes(), from.options().device(device()).pinned_memory(false));
    if (from.is_cuda() && from.get_device() != device().index()) {
      meet(from.device().index());
      C10_CUDA_CHECK(cudaMemcpyPeerAsync(to.mutable_data_ptr(),
                                         device().index(),
                                         from.const_data_ptr(),
                                         from.get_device(),
                                         from.nbytes(),
                                         m_copy.stream()));
    } else {
      to.copy_(from, true);
    }
  }
  c10::cuda::CUDAEvent arrived;
  arrived.record(m_copy);
  arrived.block(m_compute);
  to.record_stream(m_compute);
  return to;
}

// Copies between the two go directly from now on, where the machine can do that, and
// else by way of host memory.
void CudaStreams::meet(c10::DeviceIndex peer) {
  if (m_peers.insert(peer).second && c10::cuda::get_p2p_access(device().index(), peer)) {
    c10::cuda::CUDACachingAllocator::enablePeerAccess(device().index(), peer);
  }
}

void CudaStreams::store(const at::Tensor& from, const at::Tensor& to) {
  c10::cuda::CUDAEvent computed;
  computed.record(m_compute);
  computed.block(m_copy);
  const c10::cuda::CUDAStreamGuard copying(m_copy);
  to.copy_(from, true);
  from.record_stream(m_copy);
}

void CudaStreams::pace() {
  checkBudget();
  m_queued.emplace_back();
  m_queued.back().record(m_compute);
  while (m_queued.size() > kTasksAhead) {
    m_queued.front().synchronize();
    m_queued.pop_front();
  }
}

void CudaStreams::settle() {
  checkBudget();
  m_copy.synchronize();
  m_compute.synchronize();
  m_queued.clear();
}

void CudaStreams::checkBudget() const {
  if (!m_charges.problem().empty()) {
    throw std::runtime_error(m_charges.problem());
  }
}

}  // namespace argand::engine::cuda
