// SPDX-License-Identifier: Apache-2.0
#include "core/engine/cuda/run/cuda_streams.h"

#include "core/base/assert.h"

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAException.h>

#include <stdexcept>

namespace argand::engine::cuda {

namespace {

// Tasks that may be queued behind the one that runs: a GPU then never waits for the
// processor, and what they have fetched is there at most so many times.
constexpr std::size_t kTasksAhead = 1;

// cuBLAS keeps a workspace per thread and stream for as long as the process lives: it is
// made before charges begin, and among what a budget leaves to the libraries.
c10::cuda::CUDAStream withBlas(const c10::cuda::CUDAStream& stream) {
  const c10::cuda::CUDAStreamGuard guard(stream);
  at::cuda::getCurrentCUDABlasHandle();
  return stream;
}

}  // namespace

CudaStreams::CudaStreams(c10::DeviceIndex device, Ledger& ledger)
    : m_compute(withBlas(c10::cuda::getStreamFromPool(true, device))),
      m_copy(c10::cuda::getStreamFromPool(false, device)),
      m_guard(m_compute),
      m_charges(ledger) {}

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
    to.copy_(from, true);
  }
  awaited(to);
  return to;
}

at::Tensor CudaStreams::receive(const at::Tensor& from, const Copy& copy) {
  ARGAND_ASSERT(from.is_contiguous());
  at::Tensor to;
  {
    const c10::cuda::CUDAStreamGuard copying(m_copy);
    to = at::empty(from.sizes(), from.options().device(device()).pinned_memory(false));
    copy(static_cast<std::byte*>(to.mutable_data_ptr()), m_copy.stream());
  }
  awaited(to);
  return to;
}

void CudaStreams::awaited(const at::Tensor& copied) {
  c10::cuda::CUDAEvent arrived;
  arrived.record(m_copy);
  arrived.block(m_compute);
  copied.record_stream(m_compute);
}

// cuDNN chooses by its rules, never by a trial, and without TF32, so that every
// plan gets the same algorithm for the same chunk.
at::Tensor CudaStreams::convolve(const at::Tensor& in,
                                 const at::Tensor& weight,
                                 const at::Tensor& bias,
                                 const ConvOp& conv) {
  const std::int64_t zeros[] = {0, 0, 0};
  return at::_convolution(in,
                          weight,
                          bias.defined() ? std::optional(bias) : std::nullopt,
                          {conv.stride.d, conv.stride.h, conv.stride.w},
                          {0, conv.padding.h, conv.padding.w},
                          {conv.dilation.d, conv.dilation.h, conv.dilation.w},
                          false,
                          zeros,
                          conv.groups,
                          false,
                          true,
                          true,
                          false);
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
  Queued& task = m_queued.emplace_back();
  task.computed.record(m_compute);
  task.copied.record(m_copy);
  while (m_queued.size() > kTasksAhead) {
    m_queued.front().computed.synchronize();
    m_queued.front().copied.synchronize();
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
