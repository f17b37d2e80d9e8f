// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmf.h>

#include <cstdint>
#include <filesystem>

// Internal to core/dicom: a file as DCMTK reads it.
namespace argand::dicom {

// Turns bad where DCMTK, which reads a sequence within a sequence by recursion, has used
// so much of the stack that a file of nothing but the beginnings of sequences would
// overflow it. That is beyond 300 sequences within one another; objects of today's
// classes have less than ten. Read on the thread that made it.
class BoundedStream : public DcmInputFileStream {
 public:
  explicit BoundedStream(const std::filesystem::path& path);

  [[nodiscard]] bool tooDeep() const { return m_tooDeep; }

  OFBool good() const override;
  OFCondition status() const override;
  OFBool eos() override;
  offile_off_t avail() override;
  offile_off_t read(void* bytes, offile_off_t count) override;

 private:
  bool lookAtStack() const;

  std::uintptr_t m_start;  // of the stack that reading takes
  mutable bool m_tooDeep = false;
};

}  // namespace argand::dicom
