// SPDX-License-Identifier: Apache-2.0
#include "models/networks/networks.h"

#include "core/engine/costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::models {
namespace {

using engine::Extent;
using ::testing::HasSubstr;

// The figures of LAMP's published code for 10 classes at 192x320x256.
TEST(LampUnet, HasThePublishedParametersAndWork) {
  const struct {
    const char* name;
    double millions;
    double tflop;
  } cases[] = {{"lamp-unet:n=32,classes=10", 22.91, 0.965},
               {"lamp-unet:n=128,classes=10", 214.28, 13.02}};

  for (const auto& one : cases) {
    const auto graph = buildNetwork(one.name);
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_NEAR(static_cast<double>(graph->parameterCount()) / 1e6, one.millions, 0.005);
    const auto flops = engine::totalFlops(*graph, {1, 1, {192, 320, 256}});
    EXPECT_NEAR(static_cast<double>(*flops) / 1e12, one.tflop, one.tflop * 0.001);
    EXPECT_EQ(graph->alignment(), (Extent{32, 32, 32}));
    EXPECT_EQ(graph->outputChannels(), 10);
  }
}

TEST(LampUnet, IsBuiltLayerForLayer) {
  const auto graph = buildNetwork("lamp-unet:n=2,classes=3,depth=1,in=2,norm=instance");
  ASSERT_TRUE(graph);
  std::vector<std::string> names;
  for (const engine::Node& node : graph->nodes()) {
    names.push_back(fmt::format("{}:{}", node.name, node.channels));
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("input:2",
                                     "in.conv:2",
                                     "in.norm:2",
                                     "in.act:2",
                                     "down1.conv:4",
                                     "down1.norm:4",
                                     "down1.act:4",
                                     "down1.conv2:4",
                                     "up1.up:2",
                                     "up1.concat:4",
                                     "up1.mix:4",
                                     "up1.conv:2",
                                     "up1.norm:2",
                                     "up1.act:2",
                                     "up1.conv2:2",
                                     "out.up:1",
                                     "out.act:1",
                                     "out.conv:3"));
}

TEST(LampUnet, KeepsItsSizeForAnyWidthAndDepth) {
  for (const int depth : {1, 3, 5}) {
    for (const int width : {4, 24, 64}) {
      const auto graph =
          buildNetwork(fmt::format("lamp-unet:n={},classes=4,depth={}", width, depth));
      ASSERT_TRUE(graph);
      const std::int64_t step = std::int64_t{1} << (depth + 1);
      EXPECT_EQ(graph->alignment(), (Extent{step, step, step}));
      const auto shapes = graph->shapes({1, 1, {2 * step, step, 3 * step}});
      ASSERT_TRUE(shapes) << shapes.error().message;
      EXPECT_EQ(shapes->back().size, (Extent{2 * step, step, 3 * step}));
    }
  }
}

TEST(NnunetPlain, HasTwoConvolutionsPerStageBothWays) {
  const auto graph = buildNetwork("nnunet-plain:channels=16-32-64-128,classes=3");
  ASSERT_TRUE(graph);
  int convs = 0;
  int ups = 0;
  for (const engine::Node& node : graph->nodes()) {
    convs += std::holds_alternative<engine::ConvOp>(node.op);
    ups += std::holds_alternative<engine::TransposedConvOp>(node.op);
  }
  EXPECT_EQ(convs, 4 * 2 + 3 * 2 + 1);
  EXPECT_EQ(ups, 3);
  EXPECT_EQ(graph->alignment(), (Extent{8, 8, 8}));
  // Weights, biases and norms of two 3x3x3 convolutions, by hand.
  const auto block = [](std::int64_t in, std::int64_t out) { return 27 * in * out + 3 * out; };
  std::int64_t count = block(1, 16) + block(16, 16);
  for (const std::int64_t c : {32, 64, 128}) {
    count += block(c / 2, c) + block(c, c);
    count += c * (c / 2) * 8 + c / 2 + block(c, c / 2) + block(c / 2, c / 2);
  }
  EXPECT_EQ(graph->parameterCount(), count + 16 * 3 + 3);
}

TEST(Networks, SayWhichOptionIsWrong) {
  const struct {
    const char* name;
    const char* says;
  } cases[] = {{"", "There is no network"},
               {"unet", "'unet'"},
               {"lamp-unet:n=0", "'0'"},
               {"lamp-unet:n=x", "'x'"},
               {"lamp-unet:n=3,n=4", "twice"},
               {"lamp-unet:width=3", "'width'"},
               {"lamp-unet:n", "key=value"},
               {"lamp-unet:norm=layer", "batch or instance"},
               {"lamp-unet:depth=9", "1 to 8"},
               {"nnunet-plain:channels=16--32", "channels"},
               {"nnunet-plain:channels=", "channels"}};

  for (const auto& one : cases) {
    const auto graph = buildNetwork(one.name);
    ASSERT_FALSE(graph) << one.name;
    EXPECT_EQ(graph.error().code, ErrorCode::Usage);
    EXPECT_THAT(graph.error().message, HasSubstr(one.says)) << one.name;
  }
}

}  // namespace
}  // namespace argand::models
