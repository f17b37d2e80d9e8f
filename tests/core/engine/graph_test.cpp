// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph.h"

#include "core/engine/costs.h"
#include "core/engine/program.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

Graph oneOp(const Op& op, std::int64_t channels = 1) {
  Graph graph;
  const NodeId input = graph.add("input", InputOp{channels});
  graph.add("op", op, {input});
  return graph;
}

TEST(Graph, GivesTheShapeOfAConvolutionByCountingWindows) {
  for (const std::int64_t kernel : {1, 2, 3, 5}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t padding : {0, 1, 2}) {
        for (const std::int64_t dilation : {1, 2}) {
          ConvOp op;
          op.kernel = {kernel, 1, 1};
          op.stride = {stride, 1, 1};
          op.padding = {padding, 0, 0};
          op.dilation = {dilation, 1, 1};
          const std::int64_t depth = 13;
          std::int64_t windows = 0;
          for (std::int64_t at = -padding; at + dilation * (kernel - 1) < depth + padding;
               at += stride) {
            ++windows;
          }
          const auto shapes = oneOp(op).shapes({1, 1, {depth, 4, 5}});
          ASSERT_TRUE(shapes);
          EXPECT_EQ(shapes->back().size, (Extent{windows, 4, 5}));
        }
      }
    }
  }
}

TEST(Graph, CountsAMultiplyAndAnAddApart) {
  ConvOp op;
  op.channels = 6;
  op.groups = 2;
  const Graph graph = oneOp(op, 4);
  const Shape input{1, 4, {5, 6, 7}};
  const auto shapes = *graph.shapes(input);
  const OpCost cost = costOf(graph, 1, shapes, DType::Float32);
  EXPECT_EQ(cost.flops, 2 * 6 * (5 * 6 * 7) * 2 * 27);
  EXPECT_EQ(cost.outputBytes, 4 * 6 * 5 * 6 * 7);
  EXPECT_EQ(cost.parameterBytes, 4 * (6 * 2 * 27 + 6));
}

TEST(Graph, NamesTheOperationThatASizeDoesNotSuit) {
  models::NnunetPlainOptions options;
  options.channels = {2, 4};
  const Graph graph = models::nnunetPlain(options);
  EXPECT_EQ(graph.alignment(), (Extent{2, 2, 2}));
  const auto odd = graph.shapes({1, 1, {9, 8, 8}});
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, ErrorCode::Usage);
  EXPECT_THAT(odd.error().message, HasSubstr("decoder0.concat"));
  EXPECT_FALSE(graph.shapes({1, 2, {8, 8, 8}}));
}

TEST(Graph, PrintsAndReadsBack) {
  models::LampUnetOptions options;
  options.depth = 2;
  for (const auto norm :
       {models::LampUnetOptions::Norm::Batch, models::LampUnetOptions::Norm::Instance}) {
    options.norm = norm;
    const Graph graph = models::lampUnet(options);
    const auto read = parseGraph(graph.toText());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, graph);
  }
}

TEST(Graph, RefusesTextsThatAreNoGraph) {
  const char* const texts[] = {"",
                               "x",
                               "input = input() channels=1\nx = conv(y) channels=1",
                               "input = input() channels=1\nx = bend(input)",
                               "input = input() channels=1\nx = leaky_relu(input)",
                               "input = input() channels=1\nx = leaky_relu(input) slope=a",
                               "input = input() channels=1\nx = leaky_relu(input) slope=0 more=1",
                               "input = input() channels=1\ninput = leaky_relu(input) slope=0",
                               "input = input() channels=1\nx = add(input)",
                               "input = input() channels=0"};
  for (const char* text : texts) {
    EXPECT_FALSE(parseGraph(text)) << text;
  }
}

TEST(Program, ReadsThroughNormActivationAndConcat) {
  models::NnunetPlainOptions options;
  options.channels = {2, 4};
  const Graph graph = models::nnunetPlain(options);
  const Program program = lowered(graph);
  // Seven convolutions, one of them transposed, and the head: nothing else is stored.
  ASSERT_EQ(program.steps.size(), 8U);
  const Step& joined = program.steps[5];
  EXPECT_EQ(program.name(graph, 5), "decoder0.block1.conv");
  ASSERT_EQ(joined.reads[0].size(), 2U);
  EXPECT_EQ(joined.reads[0][0], (Part{4, std::nullopt, std::nullopt, std::nullopt, 2}));
  EXPECT_EQ(joined.reads[0][1].source, 1);
  EXPECT_EQ(joined.reads[0][1].activation->slope, 0.01);
  EXPECT_EQ(program.steps[1].lastReader, 5);
  EXPECT_TRUE(program.steps.back().toConsumer);
}

TEST(Program, StoresWhatANormNeedsWhole) {
  Graph graph;
  NodeId x = graph.add("input", InputOp{1});
  x = graph.add("norm", InstanceNormOp{}, {x});
  x = graph.add("act", LeakyReluOp{}, {x});
  graph.add("again", LeakyReluOp{}, {x});
  const Program program = lowered(graph);
  ASSERT_EQ(program.steps.size(), 3U);
  for (const Step& step : program.steps) {
    EXPECT_EQ(step.kind, Step::Kind::Store);
  }
}

}  // namespace
}  // namespace argand::engine
