// SPDX-License-Identifier: Apache-2.0
#include "models/networks/networks.h"

#include "core/engine/graph/costs.h"
#include "models/networks/nnunet_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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

TEST(LampSeUnet, IsTheUnetWithAGateAndAResidualPerDoubleConvolution) {
  const auto graph = buildNetwork("lamp-se-unet:n=4,classes=3,depth=1,reduction=4");
  ASSERT_TRUE(graph) << graph.error().message;
  std::vector<std::string> names;
  for (const engine::Node& node : graph->nodes()) {
    if (node.name.rfind("down1", 0) == 0) {
      names.push_back(fmt::format("{}:{}", node.name, node.channels));
    }
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("down1.conv:8",
                                     "down1.norm:8",
                                     "down1.act:8",
                                     "down1.conv2:8",
                                     "down1.se.pool:8",
                                     "down1.se.squeeze:2",
                                     "down1.se.relu:2",
                                     "down1.se.excite:8",
                                     "down1.se.sigmoid:8",
                                     "down1.scale:8",
                                     "down1.skip:8",
                                     "down1.skip_norm:8",
                                     "down1.add:8",
                                     "down1.act2:8"));
  // The weights of the plain one are all there, under the same names.
  const auto plain = buildNetwork("lamp-unet:n=4,classes=3,depth=1");
  std::set<std::string> found;
  for (const engine::ParameterSpec& spec : graph->parameters()) {
    found.insert(spec.name);
  }
  for (const engine::ParameterSpec& spec : plain->parameters()) {
    EXPECT_EQ(found.count(spec.name), 1U) << spec.name;
  }
}

TEST(NnunetResenc, HasItsDefaultsOfTheRevisitedPaper) {
  const auto graph = buildNetwork("nnunet-resenc:channels=32-64-128-256-320-320,classes=2");
  ASSERT_TRUE(graph) << graph.error().message;
  const auto convs = [&](const std::string& prefix) {
    return std::count_if(graph->nodes().begin(), graph->nodes().end(), [&](const auto& node) {
      return node.name.rfind(prefix, 0) == 0 && std::holds_alternative<engine::ConvOp>(node.op);
    });
  };
  EXPECT_EQ(convs("stem"), 1);
  EXPECT_EQ(convs("encoder0"), 2);          // one block, no shortcut of its own
  EXPECT_EQ(convs("encoder1"), 3 * 2 + 1);  // three, the first with a projection
  EXPECT_EQ(convs("encoder5"), 6 * 2);      // 320 to 320: pooled only
  EXPECT_EQ(convs("decoder"), 5);
  EXPECT_EQ(graph->alignment(), (Extent{32, 32, 32}));
}

TEST(MeshNet, KeepsItsSizeAndSeesAsFarAsItsDilations) {
  const auto graph =
      buildNetwork("meshnet:channels=5,classes=3,dilations=1-2-4-8-16-8-4-2-1,norm=none");
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(graph->parameterCount(), (27 * 5 + 5) + 8 * (27 * 5 * 5 + 5) + (5 * 3 + 3));
  EXPECT_EQ(graph->receptiveField(), (Extent{93, 93, 93}));
  EXPECT_EQ(graph->alignment(), (Extent{1, 1, 1}));
  EXPECT_EQ(graph->shapes({1, 1, {7, 9, 11}})->back().size, (Extent{7, 9, 11}));
}

TEST(Networks, KeepTheirInputsSize) {
  const struct {
    const char* name;
    Extent alignment;
  } cases[] = {{"lamp-se-unet:n=4", {32, 32, 32}},
               {"nnunet-plain:channels=2-4,strides=1-1x2x4", {1, 2, 4}},
               {"nnunet-resenc:channels=2-4-4", {4, 4, 4}},
               {"monai-unet", {8, 8, 8}},
               {"monai-unet:channels=2-4-8,strides=3-2,units=0", {6, 6, 6}},
               {"dynunet:channels=2-2-2,kernels=1x3x3-3-3,strides=1-1x2x2-2", {2, 4, 4}},
               {"segresnet", {8, 8, 8}},
               {"meshnet", {1, 1, 1}}};

  for (const auto& one : cases) {
    const auto graph = buildNetwork(one.name);
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(graph->alignment(), one.alignment) << one.name;
    Extent size{2, 4, 2};
    for (int axis = 0; axis < 3; ++axis) {
      size[axis] *= one.alignment[axis];
    }
    const auto shapes = graph->shapes({1, 1, size});
    ASSERT_TRUE(shapes) << shapes.error().message;
    EXPECT_EQ(shapes->back().size, size) << one.name;
    EXPECT_EQ(*engine::parseGraph(graph->toText()), *graph) << one.name;
  }
}

// A plans.json as nnU-Net 2.4 and later write it, shortened to what counts.
std::string plansWith(const std::string& network, const std::string& arguments) {
  return R"({"dataset_name": "Dataset004", "configurations": {
    "3d_fullres": {"spacing": [1.0, 1.0, 1.0], "architecture": {
      "network_class_name": "dynamic_network_architectures.architectures.unet.)" +
         network + R"(", "arch_kwargs": {
      "n_stages": 3, "features_per_stage": [32, 64, 128], "conv_op": "torch.nn.modules.conv.Conv3d",
      "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
      "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]], "n_conv_per_stage_decoder": [2, 1],
      "conv_bias": true, "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
      "norm_op_kwargs": {"eps": 1e-05, "affine": true}, "dropout_op": null,
      "dropout_op_kwargs": null, "nonlin": "torch.nn.LeakyReLU",
      "nonlin_kwargs": {"inplace": true}, )" +
         arguments + R"(}, "_kw_requires_import": ["conv_op", "norm_op", "nonlin"]}},
    "3d_cascade": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
    "circle": {"inherits_from": "circle"}}})";
}

TEST(NnunetPlans, DescribeThePlainNetwork) {
  const std::string plans = plansWith("PlainConvUNet", R"("n_conv_per_stage": [2, 3, 2])");
  const auto expected = buildNetwork(
      "nnunet-plain:channels=32-64-128,kernels=1x3x3-3-3,strides=1-1x2x2-2,convs=2-3-2,"
      "decoder=2-1,in=2,classes=4");
  ASSERT_TRUE(expected) << expected.error().message;
  for (const char* configuration : {"3d_fullres", "3d_cascade"}) {
    const auto graph = nnunetFromPlans(plans, configuration, 2, 4);
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(*graph, *expected);
  }
}

TEST(NnunetPlans, DescribeTheResidualEncoder) {
  const auto graph = nnunetFromPlans(
      plansWith("ResidualEncoderUNet", R"("n_blocks_per_stage": [1, 3, 4])"), "3d_fullres", 1, 3);
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(*graph,
            *buildNetwork("nnunet-resenc:channels=32-64-128,kernels=1x3x3-3-3,strides=1-1x2x2-2,"
                          "blocks=1-3-4,decoder=2-1,classes=3"));
}

TEST(NnunetPlans, AreReadInTheFormOfEarlierVersionsToo) {
  const std::string plans = R"({"configurations": {"3d_fullres": {
      "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 50,
      "n_conv_per_stage_encoder": [2, 2], "n_conv_per_stage_decoder": [2],
      "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]],
      "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3]]}}})";
  const auto graph = nnunetFromPlans(plans, "3d_fullres", 1, 2);
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(*graph, *buildNetwork("nnunet-plain:channels=32-50,classes=2"));
}

TEST(NnunetPlans, SayWhatIsWrong) {
  const std::string convs = R"("n_conv_per_stage": [2, 2, 2])";
  const auto messageOf = [](const std::string& plans, const char* configuration = "3d_fullres") {
    const auto graph = nnunetFromPlans(plans, configuration, 1, 2);
    EXPECT_TRUE(graph || graph.error().code == ErrorCode::InputRefused);
    return graph ? "a network" : graph.error().message;
  };
  const std::string plain = plansWith("PlainConvUNet", convs);
  EXPECT_THAT(messageOf("{"), HasSubstr("the plans"));
  EXPECT_THAT(messageOf("{}"), HasSubstr("'configurations'"));
  EXPECT_THAT(messageOf(plain, "2d"), HasSubstr("'2d'"));
  EXPECT_THAT(messageOf(plain, "circle"), HasSubstr("inherits from itself"));
  EXPECT_THAT(messageOf(plansWith("SwinUNETR", convs)), HasSubstr("PlainConvUNet and Residual"));
  EXPECT_THAT(messageOf(plansWith("ResidualEncoderUNet", convs)),
              HasSubstr("'n_blocks_per_stage'"));
  EXPECT_THAT(messageOf(plansWith("PlainConvUNet", R"("n_conv_per_stage": [2, 2])")),
              HasSubstr("3 stages"));
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = plain;
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), instead);
  };
  EXPECT_THAT(messageOf(with("[1, 3, 3]", "[3, 3]")), HasSubstr("only 3D"));
  EXPECT_THAT(messageOf(with("[1, 3, 3]", "[2, 3, 3]")), HasSubstr("odd"));
  EXPECT_THAT(messageOf(with("[32, 64, 128]", "[32, 0, 128]")), HasSubstr("0 channels"));
  EXPECT_THAT(messageOf(with("instancenorm.InstanceNorm3d", "batchnorm.BatchNorm3d")),
              HasSubstr("BatchNorm3d"));
  EXPECT_THAT(messageOf(with("torch.nn.LeakyReLU", "torch.nn.GELU")), HasSubstr("GELU"));
  EXPECT_THAT(messageOf(with(R"("dropout_op": null)", R"("dropout_op": "torch.nn.Dropout3d")")),
              HasSubstr("'dropout_op'"));
}

TEST(Networks, SayWhichOptionIsWrong) {
  const struct {
    const char* name;
    const char* says;
  } cases[] = {{"", "There is no network"},
               {"unet", "'unet'"},
               {"unet",
                "lamp-unet, lamp-se-unet, nnunet-plain, nnunet-resenc, monai-unet, dynunet, "
                "segresnet, meshnet"},
               {"lamp-se-unet:reduction=0", "'0'"},
               {"nnunet-plain:channels=16", "two stages"},
               {"nnunet-plain:channels=4-8,kernels=3", "1 kernels"},
               {"nnunet-plain:channels=4-8,kernels=3-2", "odd"},
               {"nnunet-plain:channels=4-8,kernels=3-3x3", "1x3x3"},
               {"nnunet-plain:channels=4-8,strides=2-2", "first stride"},
               {"nnunet-plain:channels=4-8,convs=2-99", "1 to 64"},
               {"nnunet-plain:channels=4-8,decoder=2-2", "for 1 stages"},
               {"nnunet-resenc:channels=4-8,blocks=1", "for 2 stages"},
               {"nnunet-resenc:convs=2-2", "blocks"},
               {"monai-unet:channels=4", "two levels"},
               {"monai-unet:channels=4-8,strides=2-2", "one fewer"},
               {"monai-unet:norm=group", "instance or batch"},
               {"monai-unet:act=gelu", "prelu or relu or leakyrelu"},
               {"monai-unet:units=9", "units"},
               {"monai-unet:kernel=2", "odd"},
               {"monai-unet:dropout=2", "0 to 1"},
               {"dynunet:channels=4-8", "three levels"},
               {"dynunet:channels=4-8-8,strides=1-2", "2 strides"},
               {"dynunet:channels=4-8-8,strides=1-3-2,residual=yes", "too large"},
               {"dynunet:residual=maybe", "no or yes"},
               {"segresnet:n=12", "8 groups"},
               {"segresnet:down=1-1,up=1-1", "1 up"},
               {"segresnet:down=1", "levels"},
               {"meshnet:dilations=0", "'0'"},
               {"meshnet:norm=group", "batch or none"},
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
