// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/graph.h"

#include "core/base/file.h"
#include "core/engine/graph/costs.h"
#include "core/engine/graph/program.h"
#include "models/networks/lamp_unet.h"
#include "models/networks/nnunet_plain.h"
#include "tests/support/test_data.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

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

// One of every operation, with values that are not the defaults.
constexpr const char* kEveryOp =
    "input = input() channels=2\n"
    "a = conv(input) channels=8 kernel=3x5x1 stride=1x2x1 padding=1x2x0 dilation=1x1x1 groups=2 "
    "bias=0\n"
    "b = instance_norm(a) epsilon=0.001 affine=0\n"
    "c = leaky_relu(b) slope=0.2\n"
    "d = batch_norm(c) epsilon=1e-05 momentum=0.02\n"
    "e = group_norm(d) groups=4 epsilon=1e-06 affine=0\n"
    "f = prelu(e) slopes=8\n"
    "g = silu(f)\n"
    "h = dropout(g) probability=0.3\n"
    "i = pool(h) max=0 kernel=3x3x3 stride=2x1x2 padding=1x1x1\n"
    "j = upsample(i) trilinear=0 factor=2x1x2\n"
    "k = global_pool(j)\n"
    "l = linear(k) channels=4 bias=0\n"
    "m = linear(l) channels=8 bias=1\n"
    "n = sigmoid(m)\n"
    "o = scale(j,n)\n"
    "p = add(o,j)\n"
    "q = concat(p,j)\n"
    "r = transposed_conv(q) channels=3 kernel=1x3x1 stride=1x2x1 padding=0x1x0 "
    "output_padding=0x1x0 bias=0\n"
    "s = softmax(r)\n"
    "t = argmax(s)\n";

TEST(Graph, PrintsAndReadsBackEveryOperation) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(graph->toText(), kEveryOp);
  std::set<std::size_t> kinds;
  for (const Node& node : graph->nodes()) {
    kinds.insert(node.op.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Op>);
  EXPECT_EQ(parseGraph(graph->toText()), *graph);
}

TEST(Graph, GivesTheShapeOfEveryOperation) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph);
  const auto shapes = graph->shapes({3, 2, {6, 8, 10}});
  ASSERT_TRUE(shapes) << shapes.error().message;
  std::vector<std::string> found;
  for (NodeId id = 0; id < graph->size(); ++id) {
    const Shape& shape = (*shapes)[static_cast<std::size_t>(id)];
    EXPECT_EQ(shape.samples, 3);
    found.push_back(
        fmt::format("{} {} {}", graph->node(id).name, shape.channels, toString(shape.size)));
  }
  EXPECT_THAT(found,
              ::testing::ElementsAre("input 2 6x8x10",
                                     "a 8 6x4x10",
                                     "b 8 6x4x10",
                                     "c 8 6x4x10",
                                     "d 8 6x4x10",
                                     "e 8 6x4x10",
                                     "f 8 6x4x10",
                                     "g 8 6x4x10",
                                     "h 8 6x4x10",
                                     "i 8 3x4x5",
                                     "j 8 6x4x10",
                                     "k 8 1x1x1",
                                     "l 4 1x1x1",
                                     "m 8 1x1x1",
                                     "n 8 1x1x1",
                                     "o 8 6x4x10",
                                     "p 8 6x4x10",
                                     "q 16 6x4x10",
                                     "r 3 6x8x10",
                                     "s 3 6x8x10",
                                     "t 1 6x8x10"));
  EXPECT_EQ(graph->alignment(), (Extent{2, 2, 2}));
}

TEST(Graph, NamesTheParametersOfEveryOperation) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph);
  std::vector<std::string> found;
  for (const ParameterSpec& spec : graph->parameters()) {
    found.push_back(fmt::format("{} {}", spec.name, fmt::join(spec.shape, "x")));
  }
  EXPECT_THAT(found,
              ::testing::ElementsAre("a.weight 8x1x3x5x1",
                                     "d.weight 8",
                                     "d.bias 8",
                                     "d.running_mean 8",
                                     "d.running_var 8",
                                     "f.weight 8",
                                     "l.weight 4x8",
                                     "m.weight 8x4",
                                     "m.bias 8",
                                     "r.weight 16x3x1x3x1"));
}

TEST(Graph, KnowsWhatNeedsTheWholeVolume) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph);
  std::string found;
  for (NodeId id = 0; id < graph->size(); ++id) {
    found += graph->needsGlobalReduction(id) ? graph->node(id).name : "";
  }
  EXPECT_EQ(found, "bdek");
}

TEST(Graph, DrawsItselfForGraphviz) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph);
  const std::string plain = toDot(*graph);
  EXPECT_THAT(plain, ::testing::StartsWith("digraph network {"));
  EXPECT_THAT(plain, HasSubstr("n16 -> n17;"));
  EXPECT_THAT(plain, HasSubstr("n10 -> n17;"));
  EXPECT_THAT(plain, HasSubstr("label=\"f\\nprelu\\nslopes=8\""));
  const auto shapes = graph->shapes({1, 2, {6, 8, 10}});
  EXPECT_THAT(toDot(*graph, *shapes), HasSubstr("label=\"q\\nconcat\\n16 x 6x4x10\""));
  if (const auto ran = test::runIfInstalled("dot", "-V")) {
    const auto file = test::testDir() / "network.dot";
    ASSERT_TRUE(writeFileAtomically(file, toDot(*graph, *shapes)));
    const auto drawn = test::runIfInstalled("dot", "-Tsvg -o /dev/null " + file.string());
    ASSERT_TRUE(drawn);
    EXPECT_EQ(drawn->status, 0) << drawn->output;
  }
}

TEST(Graph, RefusesSizesThatAnOperationCannotTake) {
  const auto linear = parseGraph("input = input() channels=2\nx = linear(input) channels=1 bias=0");
  ASSERT_TRUE(linear);
  const auto many = linear->shapes({1, 2, {1, 2, 1}});
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message, AllOf(HasSubstr("'x'"), HasSubstr("1x2x1")));
  EXPECT_TRUE(linear->shapes({1, 2, {1, 1, 1}}));
  const auto gate =
      parseGraph("input = input() channels=2\ny = sigmoid(input)\nx = scale(input,y)");
  ASSERT_TRUE(gate);
  const auto wide = gate->shapes({1, 2, {3, 3, 3}});
  ASSERT_FALSE(wide);
  EXPECT_THAT(wide.error().message, AllOf(HasSubstr("gate of 'x'"), HasSubstr("3x3x3")));
}

TEST(Graph, SeesWhatAnOutputVoxelSees) {
  const auto fieldOf = [](const std::string& lines) {
    const auto graph = parseGraph("input = input() channels=1\n" + lines);
    EXPECT_TRUE(graph) << graph.error().message;
    return graph->receptiveField();
  };
  EXPECT_EQ(fieldOf("a = pool(input) max=1 kernel=3x2x1 stride=2x2x1 padding=1x0x0\n"
                    "b = pool(a) max=1 kernel=2x2x1 stride=2x2x1 padding=0x0x0"),
            (Extent{5, 4, 1}));
  EXPECT_EQ(fieldOf("a = upsample(input) trilinear=1 factor=2x3x4"), (Extent{2, 2, 2}));
  EXPECT_EQ(fieldOf("a = upsample(input) trilinear=0 factor=2x3x1"), (Extent{1, 1, 1}));
  EXPECT_EQ(fieldOf("a = global_pool(input)\nb = sigmoid(a)\nc = scale(input,b)"),
            (Extent{1, 1, 1}));
  // Pooled, then back between voxels: two pooled voxels are four of the input.
  EXPECT_EQ(fieldOf("a = pool(input) max=0 kernel=2x2x2 stride=2x2x2 padding=0x0x0\n"
                    "b = upsample(a) trilinear=1 factor=2x2x2"),
            (Extent{4, 4, 4}));
  // Fedorov's MeshNet: dilations 1, 1, 1, 2, 4, 8, 16, 1 see 1 + 2 * 34 voxels.
  std::string meshnet;
  std::string last = "input";
  for (const int dilation : {1, 1, 1, 2, 4, 8, 16, 1}) {
    const std::string name = fmt::format("l{}", meshnet.size());
    meshnet += fmt::format(
        "{} = conv({}) channels=1 kernel=3x3x3 stride=1x1x1 padding={}x{}x{} "
        "dilation={}x{}x{} groups=1 bias=1\n",
        name,
        last,
        dilation,
        dilation,
        dilation,
        dilation,
        dilation,
        dilation);
    last = name;
  }
  EXPECT_EQ(fieldOf(meshnet), (Extent{69, 69, 69}));
}

TEST(Graph, RefusesTextsThatAreNoGraphAndSaysWhy) {
  const std::string in = "input = input() channels=4\n";
  const std::string conv = "stride=1x1x1 padding=1x1x1 dilation=1x1x1 ";

  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"", "no operation"},
      {"x", "is expected"},
      {"x = sigmoid(y)", "input 'y'"},
      {"x = concat()", "begins with its input"},
      {in + "x = conv(y) channels=1", "input 'y'"},
      {in + "x = bend(input)", "'bend'"},
      {in + "x = leaky_relu(input)", "'slope'"},
      {in + "x = leaky_relu(input) slope=a", "'slope'"},
      {in + "x = leaky_relu(input) slope=inf", "slope inf"},
      {in + "x = leaky_relu(input) slope=0 more=1", "'more'"},
      {in + "input = leaky_relu(input) slope=0", "occurs twice"},
      {in + "x = input() channels=1", "second input"},
      {in + "x = add(input)", "two inputs"},
      {in + "x = sigmoid(input,input)", "takes one input"},
      {in + "x = scale(input)", "its gate"},
      {"input = input() channels=0", "'channels'"},
      {in + "x = conv(input) channels=6 kernel=3x3x3 " + conv + "groups=4 bias=1", "4 groups"},
      {in + "x = conv(input) channels=4 kernel=3x0x3 " + conv + "groups=1 bias=1", "kernel"},
      {in + "x = conv(input) channels=4 kernel=3x9999x3 " + conv + "groups=1 bias=1", "kernel"},
      {in + "x = transposed_conv(input) channels=1 kernel=2x2x2 stride=2x2x2 padding=0x0x0 "
            "output_padding=2x0x0 bias=1",
       "must be less"},
      {in + "x = instance_norm(input) epsilon=-1 affine=1", "epsilon"},
      {in + "x = batch_norm(input) epsilon=0 momentum=2", "momentum"},
      {in + "x = group_norm(input) groups=3 epsilon=0 affine=1", "3 groups"},
      {in + "x = prelu(input) slopes=2", "one slope or 4"},
      {in + "x = dropout(input) probability=1.5", "probability"},
      {in + "x = pool(input) max=1 kernel=2x2x2 stride=2x2x2 padding=0x2x0", "half"},
      {in + "x = pool(input) max=1 kernel=2x2x2 stride=0x2x2 padding=0x0x0", "stride"},
      {in + "x = upsample(input) trilinear=1 factor=0x1x1", "factor"},
      {in + "x = linear(input) channels=0 bias=1", "channels"},
      {in + "x = argmax(input)\ny = add(input,x)", "4 and 1 channels"}};

  for (const auto& one : cases) {
    const auto graph = parseGraph(one.text);
    ASSERT_FALSE(graph) << one.text;
    EXPECT_EQ(graph.error().code, ErrorCode::InputRefused);
    EXPECT_THAT(graph.error().message, HasSubstr(one.says)) << one.text;
  }
}

TEST(Graph, LeavesItselfAsItWasWhereAnOperationIsRefused) {
  Graph graph = oneOp(SigmoidOp{}, 4);
  const Graph before = graph;
  EXPECT_FALSE(graph.tryAdd("x", GroupNormOp{3}, {1}));
  EXPECT_FALSE(graph.tryAdd("op", SigmoidOp{}, {1}));
  EXPECT_FALSE(graph.tryAdd("x", SigmoidOp{}, {2}));
  EXPECT_EQ(graph, before);
  EXPECT_THROW(graph.add("x", GroupNormOp{3}, {1}), std::logic_error);
}

TEST(Graph, CountsTheWorkOfEveryOperation) {
  const auto graph = parseGraph(kEveryOp);
  ASSERT_TRUE(graph);
  const auto shapes = *graph->shapes({1, 2, {6, 8, 10}});
  constexpr std::int64_t kVoxels = 6 * 4 * 10;
  const std::map<std::string, std::int64_t> expected{{"f", 8 * kVoxels},
                                                     {"g", 4 * 8 * kVoxels},
                                                     {"h", 0},
                                                     {"i", 27 * 8 * 3 * 4 * 5},
                                                     {"j", 0},
                                                     {"k", 8 * kVoxels},
                                                     {"l", 2 * 4 * 8},
                                                     {"o", 8 * kVoxels},
                                                     {"r", 2 * 16 * kVoxels * 3 * 3},
                                                     {"t", 3 * 6 * 8 * 10}};
  for (NodeId id = 0; id < graph->size(); ++id) {
    const auto found = expected.find(graph->node(id).name);
    if (found != expected.end()) {
      EXPECT_EQ(costOf(*graph, id, shapes, DType::Float32).flops, found->second) << found->first;
    }
  }
}

// Which inputs the outputs of a trilinear upsampling have a weight on, from its definition.
TEST(Program, ReadsTheRowsThatUpsamplingNeeds) {
  for (const std::int64_t factor : {1, 2, 3, 4, 5}) {
    UpsampleOp op;
    op.factor = {factor, 1, 1};
    for (std::int64_t begin = 0; begin < 12; ++begin) {
      for (std::int64_t end = begin + 1; end < 14; ++end) {
        const auto place = [&](std::int64_t row) {
          return (static_cast<double>(row) + 0.5) / static_cast<double>(factor) - 0.5;
        };
        const auto low = static_cast<std::int64_t>(std::floor(place(begin) + 1e-9));
        const auto high = static_cast<std::int64_t>(std::ceil(place(end - 1) - 1e-9));
        const RowRange rows = inputRows(op, {begin, end});
        EXPECT_EQ(rows.begin, low) << factor;
        EXPECT_GE(rows.end, high + 1) << factor;
        EXPECT_LE(rows.end, high + 2) << factor;  // on an input's place the next has no weight
      }
    }
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
