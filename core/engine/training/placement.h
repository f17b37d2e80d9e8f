// SPDX-License-Identifier: Apache-2.0
// Internal to what trains networks: brings Torch in.
#pragma once

#include "core/engine/plan/plan.h"
#include "core/engine/run/backend.h"

#include <c10/core/Device.h>

#include <memory>
#include <vector>

namespace argand::engine {

// Where the tensors of a device lie, and what a thread does that works there.
class Placement {
 public:
  // The processor.
  Placement() = default;

  // Fails with NoPlan where a CUDA device cannot be used here.
  [[nodiscard]] static Result<Placement> of(const DeviceSpec& device);

  [[nodiscard]] const c10::Device& where() const { return m_where; }

  // While it lives, this thread works on the device, and what it allocates there is
  // charged to `ledger`; to where it was charged before where there is none.
  [[nodiscard]] std::unique_ptr<DeviceScope> enter(Ledger* ledger) const;

 private:
  c10::Device m_where{c10::DeviceType::CPU};
  std::unique_ptr<DeviceScope> (*m_enter)(const c10::Device&, Ledger*) = nullptr;
};

// Of every device of a plan.
[[nodiscard]] Result<std::vector<Placement>> placementsOf(const Plan& plan);

// Whether this thread works on the processor, where what passes over voxels is the
// engine's own code. Elsewhere it is Torch's.
[[nodiscard]] bool onProcessor();

}  // namespace argand::engine
