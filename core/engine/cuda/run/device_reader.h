// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/cuda/kernels/kernels.h"
#include "core/engine/cuda/run/calls.h"
#include "core/engine/cuda/run/device_streams.h"
#include "core/engine/cuda/run/device_weights.h"

namespace argand::engine::cuda {

[[nodiscard]] Scalar scalarOf(at::ScalarType type);

// Reads rows of what a step reads into one tensor of the device: concatenated
// along channels, with norm, activation and gate applied on the way. What other
// devices have, and what is spilled, is fetched first.
class DeviceReader {
 public:
  DeviceReader(RunContext& context, const DeviceTables& tables, int device, DeviceStreams& streams)
      : m_context(context), m_tables(tables), m_device(device), m_streams(streams) {}

  // (row, height, width, channel) in the plan's type; rows outside the volume are
  // zero. `group` says whose pieces are this device's own.
  [[nodiscard]] Result<at::Tensor> read(const StepGroup& group,
                                        const ReadList& reads,
                                        const Extent& size,
                                        const RowRange& rows);

  // The same into `to`, or added to what is there.
  [[nodiscard]] Result<void> readInto(const StepGroup& group,
                                      const ReadList& reads,
                                      const Extent& size,
                                      const RowRange& rows,
                                      const at::Tensor& to,
                                      bool accumulate);

  // Drops the table of a norm whose source is gone.
  void forget(NodeId norm) { m_norms.erase(norm); }

 private:
  // Rows of a source, in pieces that this device reads; `held` keeps them.
  struct Pieces {
    std::vector<RowPiece> list;
    std::vector<at::Tensor> held;
  };

  [[nodiscard]] Result<Pieces> inputPieces(const RowRange& rows);
  [[nodiscard]] Pieces sourcePieces(const StepGroup& group, StepId source, const RowRange& rows);
  [[nodiscard]] at::Tensor near(const at::Tensor& tensor, int owner, bool spilled);
  [[nodiscard]] Transform transformOf(const Part& part);
  [[nodiscard]] const NormTable& tableOf(const Part& part);
  [[nodiscard]] NormTable countedTable(const Part& part);
  [[nodiscard]] const at::Tensor& gateOf(StepId id);

  RunContext& m_context;
  const DeviceTables& m_tables;
  const int m_device;
  DeviceStreams& m_streams;
  std::map<NodeId, NormTable> m_norms;   // whose statistics are counted, while their source lives
  std::map<StepId, at::Tensor> m_gates;  // in wide numbers
};

}  // namespace argand::engine::cuda
