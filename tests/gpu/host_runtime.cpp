// SPDX-License-Identifier: Apache-2.0
// The calls of CUDA's runtime and of NCCL that the transports make, on the processor:
// streams are nothing, copies are done at once, and the sends and receives of a group
// meet at its end. What would hang or fail on GPUs aborts.
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

struct ncclComm {
  int rank = 0;
  int size = 1;
};

namespace {

struct Call {
  bool sends = false;
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t bytes = 0;
  int peer = 0;
  ncclComm* communicator = nullptr;
};

thread_local int depth = 0;
thread_local std::vector<Call> calls;

[[noreturn]] void impossible(const char* what) {
  std::fprintf(stderr, "NCCL on the processor: %s\n", what);
  std::abort();
}

void add(const Call& call) {
  if (call.peer < 0 || call.peer >= call.communicator->size) {
    impossible("a peer that is not in the communicator");
  }
  if (depth == 0) {
    impossible("a send or receive outside a group waits for ever in one thread");
  }
  calls.push_back(call);
}

}  // namespace

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t) {
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(
    void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  attributes->type = cudaMemoryTypeDevice;
  return cudaSuccess;
}

ncclResult_t ncclCommInitAll(ncclComm_t* communicators, int count, const int* devices) {
  if (std::set<int>(devices, devices + count).size() != static_cast<std::size_t>(count)) {
    return ncclInvalidUsage;  // two ranks on one GPU
  }
  for (int rank = 0; rank < count; ++rank) {
    communicators[rank] = new ncclComm{rank, count};
  }
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  delete communicator;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t) {
  return "an error";
}

ncclResult_t ncclGroupStart() {
  ++depth;
  return ncclSuccess;
}

ncclResult_t ncclSend(const void* from,
                      std::size_t count,
                      ncclDataType_t,
                      int peer,
                      ncclComm_t communicator,
                      cudaStream_t) {
  add({true, from, nullptr, count, peer, communicator});
  return ncclSuccess;
}

ncclResult_t ncclRecv(
    void* to, std::size_t count, ncclDataType_t, int peer, ncclComm_t communicator, cudaStream_t) {
  add({false, nullptr, to, count, peer, communicator});
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (--depth > 0) {
    return ncclSuccess;
  }
  std::size_t met = 0;
  for (const Call& receive : calls) {
    for (Call& send : calls) {
      if (!receive.sends && send.sends && send.from != nullptr &&
          send.peer == receive.communicator->rank && send.communicator->rank == receive.peer) {
        if (send.bytes != receive.bytes) {
          impossible("a send and its receive differ in size");
        }
        std::memcpy(receive.to, send.from, send.bytes);
        send.from = nullptr;
        met += 2;
        break;
      }
    }
  }
  if (met != calls.size()) {
    impossible("a send without a receive, or the other way round");
  }
  calls.clear();
  return ncclSuccess;
}
