// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/bounded_stream.h"

#include <dcmtk/dcmdata/dcerror.h>

#include <cstdint>

namespace argand::dicom {

namespace {

// A sixteenth of the stack that a thread has; DCMTK 3.6 takes 1.5 KiB for each sequence.
constexpr std::uintptr_t kMostStackBytes = std::uintptr_t{512} << 10U;

std::uintptr_t stackNow() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

}  // namespace

BoundedStream::BoundedStream(const std::filesystem::path& path)
    : DcmInputFileStream(OFFilename(path.c_str())), m_start(stackNow()) {}

bool BoundedStream::lookAtStack() const {
  // Stacks grow downwards; above its start nothing is used.
  const std::uintptr_t now = stackNow();
  m_tooDeep = m_tooDeep || (now < m_start && m_start - now > kMostStackBytes);
  return !m_tooDeep;
}

OFBool BoundedStream::good() const {
  return lookAtStack() && DcmInputFileStream::good();
}

OFCondition BoundedStream::status() const {
  return lookAtStack() ? DcmInputFileStream::status() : EC_CorruptedData;
}

OFBool BoundedStream::eos() {
  return !lookAtStack() || DcmInputFileStream::eos();
}

offile_off_t BoundedStream::avail() {
  return lookAtStack() ? DcmInputFileStream::avail() : 0;
}

offile_off_t BoundedStream::read(void* bytes, offile_off_t count) {
  return lookAtStack() ? DcmInputFileStream::read(bytes, count) : 0;
}

}  // namespace argand::dicom
