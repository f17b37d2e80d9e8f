// SPDX-License-Identifier: Apache-2.0
#include "core/engine/run/transport.h"

namespace argand::engine {

namespace {

class HostTransport final : public Transport {
 public:
  using Transport::Transport;

 private:
  const std::byte* carry(int, int, const std::byte* rows, std::int64_t, const Landing&) override {
    return rows;
  }
};

}  // namespace

std::unique_ptr<Transport> hostTransport(int devices) {
  return std::make_unique<HostTransport>(devices);
}

}  // namespace argand::engine
