// SPDX-License-Identifier: Apache-2.0
#include "tests/core/engine/run/odd_network.h"

namespace argand::engine::test {

Graph oddNetwork(const Op& norm) {
  Graph graph;
  const NodeId input = graph.add("input", InputOp{2});
  ConvOp a;
  a.channels = 6;
  a.kernel = {3, 1, 5};
  a.padding = {2, 0, 2};
  a.dilation = {2, 1, 1};
  NodeId x = graph.add("a", a, {input});
  ConvOp b;
  b.channels = 6;
  b.groups = 3;
  const NodeId y = graph.add("b", b, {x});
  x = graph.add("sum", AddOp{}, {x, y, graph.add("act", LeakyReluOp{0.2}, {y})});
  x = graph.add("norm", InstanceNormOp{1e-3, false}, {x});
  ConvOp down;
  down.channels = 5;
  down.kernel = {4, 4, 2};
  down.stride = {3, 2, 2};
  down.padding = {1, 1, 0};
  down.bias = false;
  const NodeId deep = graph.add("down", down, {x});
  TransposedConvOp up;
  up.channels = 3;
  up.kernel = {5, 4, 2};
  up.stride = {3, 2, 2};
  up.padding = {1, 1, 0};
  NodeId z = graph.add("up", up, {deep});
  z = graph.add("concat", ConcatOp{}, {z, input, x});
  z = graph.add("norm2", norm, {z});
  z = graph.add("act2", LeakyReluOp{0.0}, {z});
  z = graph.add("act3", LeakyReluOp{0.5}, {z});
  ConvOp head;
  head.channels = 3;
  head.kernel = {1, 1, 1};
  head.padding = {0, 0, 0};
  graph.add("head", head, {z});
  return graph;
}

}  // namespace argand::engine::test
