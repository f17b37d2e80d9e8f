// SPDX-License-Identifier: Apache-2.0
#include "models/networks/nnunet_plain.h"

namespace argand::models {

namespace {

Result<NnunetPlainOptions> completed(const NnunetPlainOptions& options) {
  NnunetPlainOptions all = options;
  ARGAND_ASSIGN(static_cast<NnunetStages&>(all), nnunet::completed(options, 2));
  ARGAND_ASSIGN(all.convs,
                nnunet::perStage(options.convs, all.channels.size(), 2, "numbers of convolutions"));
  return all;
}

}  // namespace

Result<void> NnunetPlainOptions::check() const {
  ARGAND_TRY(completed(*this));
  return {};
}

engine::Graph nnunetPlain(const NnunetPlainOptions& options) {
  const NnunetPlainOptions all = completed(options).value();
  engine::Graph graph;
  engine::NodeId x = graph.add("input", engine::InputOp{all.inputChannels});
  std::vector<engine::NodeId> skips;
  for (std::size_t n = 0; n < all.channels.size(); ++n) {
    x = nnunet::stacked(
        graph, all, fmt::format("encoder{}", n), x, n, all.strides[n], all.convs[n]);
    skips.push_back(x);
  }
  nnunet::decode(graph, all, skips);
  return graph;
}

}  // namespace argand::models
