// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/run/backend.h"
#include "core/engine/run/ledger.h"

#include <optional>

namespace argand::engine::test {

// CUDA devices that train where there is no GPU. Their tensors lie on the processor, so
// that what the code of GPUs computes is compared, or nowhere (the device Meta), so that
// what lies on the wrong device is found.
template <c10::DeviceType kWhere>
[[nodiscard]] CudaFactory fakeCuda() {
  class Scope final : public DeviceScope {
   public:
    explicit Scope(Ledger* ledger) {
      if (ledger != nullptr) {
        m_charges.emplace(*ledger);
      }
    }

   private:
    std::optional<LedgerScope> m_charges;
  };

  CudaFactory factory{};
  factory.device = [](const DeviceSpec&) -> Result<c10::Device> { return c10::Device(kWhere); };
  factory.enter = [](const c10::Device&, Ledger* ledger) -> std::unique_ptr<DeviceScope> {
    return std::make_unique<Scope>(ledger);
  };
  return factory;
}

}  // namespace argand::engine::test
