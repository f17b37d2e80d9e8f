// SPDX-License-Identifier: Apache-2.0
#include "core/infer/model_source.h"

namespace argand::infer {

Result<void> checkNetwork(const ModelCard& card, const engine::Graph& graph) {
  if (graph.inputChannels() != static_cast<std::int64_t>(card.inputs.size())) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("The network '{}' of model '{}' takes {} channel(s), but its card lists "
                    "{} input(s).",
                    card.network,
                    card.id,
                    graph.inputChannels(),
                    card.inputs.size()));
  }
  if (graph.outputChannels() != card.classes()) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("The network '{}' of model '{}' gives {} classes, but its card lists {} "
                    "structure(s) and the background.",
                    card.network,
                    card.id,
                    graph.outputChannels(),
                    card.structures.size()));
  }
  return {};
}

}  // namespace argand::infer
