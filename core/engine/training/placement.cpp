// SPDX-License-Identifier: Apache-2.0
#include "core/engine/training/placement.h"

#include "core/engine/run/ledger.h"

#include <optional>
#include <utility>

namespace argand::engine {

namespace {

thread_local bool elsewhere = false;

class Entered final : public DeviceScope {
 public:
  explicit Entered(Ledger* ledger) : m_before(std::exchange(elsewhere, false)) {
    if (ledger != nullptr) {
      m_charges.emplace(*ledger);
    }
  }

  explicit Entered(std::unique_ptr<DeviceScope> device)
      : m_before(std::exchange(elsewhere, true)), m_device(std::move(device)) {}

  ~Entered() override { elsewhere = m_before; }

  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

  void check() const override {
    if (m_device) {
      m_device->check();
    }
  }

 private:
  const bool m_before;
  std::optional<LedgerScope> m_charges;  // of the processor
  std::unique_ptr<DeviceScope> m_device;
};

}  // namespace

Result<Placement> Placement::of(const DeviceSpec& device) {
  Placement placement;
  if (device.kind == DeviceKind::Simulated) {
    return fail(ErrorCode::NoPlan,
                fmt::format("{} is a device that is not there: it can be planned for, and nothing "
                            "can run on it.",
                            device.name));
  }
  if (device.kind == DeviceKind::Cuda) {
    ARGAND_ASSIGN(const CudaFactory factory, cudaFactory());
    ARGAND_ASSIGN(placement.m_where, factory.device(device));
    placement.m_enter = factory.enter;
  }
  return placement;
}

std::unique_ptr<DeviceScope> Placement::enter(Ledger* ledger) const {
  return m_enter == nullptr ? std::make_unique<Entered>(ledger)
                            : std::make_unique<Entered>(m_enter(m_where, ledger));
}

Result<std::vector<Placement>> placementsOf(const Plan& plan) {
  std::vector<Placement> placements;
  for (const DevicePlan& device : plan.devices) {
    ARGAND_ASSIGN(Placement placement, Placement::of(device.device));
    placements.push_back(placement);
  }
  return placements;
}

bool onProcessor() {
  return !elsewhere;
}

}  // namespace argand::engine
