// SPDX-License-Identifier: Apache-2.0
#include "models/import/meshnet.h"

#include "core/base/file.h"
#include "core/io/image_file.h"
#include "models/networks/networks.h"
#include "tests/core/engine/engine_support.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <iostream>

namespace argand::models {
namespace {

namespace fs = std::filesystem;
using engine::Extent;
using engine::Parameters;
using engine::Shape;
using engine::StoredTensor;
using engine::TensorFile;
using ::testing::HasSubstr;

constexpr const char* kLayer =
    R"({{"in_channels":{},"out_channels":{},"kernel_size":{},"padding":{},"stride":1,"dilation":{}}})";

std::string layer(int in, int out, int kernel, int padding, int dilation) {
  return fmt::format(fmt::runtime(kLayer), in, out, kernel, padding, dilation);
}

std::string model(const std::string& first, const std::string& rest = R"("bnorm":false)") {
  return fmt::format(
      R"({{"layers":[{},{},{}],{}}})", first, layer(2, 2, 3, 4, 4), layer(2, 3, 1, 0, 1), rest);
}

class MeshnetImport : public ::testing::Test {
 protected:
  // Tensors of a Sequential whose convolutions are `step` apart.
  Result<ImportedNetwork> import(const std::string& json, int step = 2, int tensors = 3) {
    TensorFile file;
    const std::vector<std::int64_t> shapes[] = {{2, 1, 3, 3, 3}, {2, 2, 3, 3, 3}, {3, 2, 1, 1, 1}};
    for (int n = 0; n < tensors; ++n) {
      add(file, fmt::format("model.{}.weight", n * step), shapes[n]);
      add(file, fmt::format("model.{}.bias", n * step), {shapes[n][0]});
    }
    EXPECT_TRUE(engine::writeTensorFile(m_folder / "model.pth", file));
    EXPECT_TRUE(writeFileAtomically(m_folder / "model.json", json));
    return importMeshnet(m_folder / "model.pth", m_folder / "model.json");
  }

  static void add(TensorFile& file, std::string name, std::vector<std::int64_t> shape) {
    StoredTensor tensor{std::move(name), "F32", std::move(shape), {}};
    std::vector<float> values;
    while (static_cast<std::int64_t>(values.size()) < tensor.elements()) {
      values.push_back(static_cast<float>(file.tensors.size() * 1000 + values.size()));
    }
    tensor.data.resize(values.size() * sizeof(float));
    std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
    file.tensors.push_back(std::move(tensor));
  }

  fs::path m_folder = test::testDir();
};

TEST_F(MeshnetImport, RenamesTheTensorsOfASequential) {
  for (const int step : {2, 3}) {
    const std::string rest = step == 3 ? R"("dropout_p":0.1)" : R"("dropout_p":0)";
    const auto imported = import(model(layer(1, 2, 3, 1, 1), rest), step);
    ASSERT_TRUE(imported) << imported.error().message;
    EXPECT_EQ(imported->graph, *buildNetwork(imported->network));
    EXPECT_THAT(imported->network,
                HasSubstr("meshnet:channels=2,classes=3,in=1,dilations=1-4,norm=none"));
    std::vector<std::string> names;
    for (const StoredTensor& tensor : imported->weights.tensors) {
      float first = 0.0F;
      std::memcpy(&first, tensor.data.data(), sizeof first);
      names.push_back(fmt::format("{} {}", tensor.name, first));
    }
    EXPECT_THAT(names,
                ::testing::ElementsAre("layer1.conv.weight 0",
                                       "layer1.conv.bias 1000",
                                       "layer2.conv.weight 2000",
                                       "layer2.conv.bias 3000",
                                       "head.weight 4000",
                                       "head.bias 5000"));
    EXPECT_TRUE(Parameters::fromFile(imported->graph, imported->weights));
  }
}

TEST_F(MeshnetImport, SaysWhatItDoesNotSupport) {
  const auto messageOf = [](const Result<ImportedNetwork>& result) {
    return result ? "imported" : result.error().message;
  };
  const std::string first = layer(1, 2, 3, 1, 1);
  EXPECT_THAT(messageOf(import("{}")), HasSubstr("'layers'"));
  EXPECT_THAT(messageOf(import("{")), HasSubstr("model.json"));
  EXPECT_THAT(messageOf(import(model(first, R"("bnorm":true)"))), HasSubstr("without norms"));
  EXPECT_THAT(messageOf(import(model(first, R"("gelu":true)"))), HasSubstr("ReLU"));
  EXPECT_THAT(messageOf(import(model(layer(1, 2, 3, 1, 2)))), HasSubstr("layer 1"));
  EXPECT_THAT(messageOf(import(model(layer(1, 4, 3, 1, 1)))), HasSubstr("layer 2"));
  EXPECT_THAT(messageOf(import(model(first), 3)), HasSubstr("'model.2.weight'"));
  EXPECT_THAT(messageOf(import(model(first), 2, 2)), HasSubstr("'model.4.weight'"));
  EXPECT_THAT(messageOf(importMeshnet(m_folder / "none", m_folder / "model.json")),
              HasSubstr("none"));
}

// The trained network on a part of the head whose middle sees nothing but it.
TEST(Meshnet, GivesTheLabelsOfTheOriginalOnARealHead) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "models" / "meshnet5";
  const auto imported = importMeshnet(folder / "model.pth", folder / "model.json");
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->graph.parameterCount(), 5598);
  EXPECT_EQ(imported->graph.receptiveField(), (Extent{93, 93, 93}));
  const auto image = io::readImage(folder / "t1_crop.nii.gz");
  const auto labels = io::readLabels(folder / "t1_crop_model5_gw_ae.nii.gz");
  ASSERT_TRUE(image && labels);

  constexpr std::int64_t kWhole = 256;
  ASSERT_EQ(labels->labels.voxels.size(), static_cast<std::size_t>(kWhole * kWhole * kWhole));
  constexpr int kSize = 128;
  constexpr int kFirst = 62;
  constexpr int kMargin = 93 / 2;
  const double low = image->volume.range().minimum;
  const double high = image->volume.range().maximum;
  std::vector<float> input;
  for (int i = 0; i < kSize; ++i) {
    for (int j = 0; j < kSize; ++j) {
      for (int k = 0; k < kSize; ++k) {
        const double value = image->volume.at({kFirst + i, kFirst + j, kFirst + k});
        input.push_back(static_cast<float>((value - low) / (high - low)));
      }
    }
  }
  const auto parameters = Parameters::fromFile(imported->graph, imported->weights);
  ASSERT_TRUE(parameters) << parameters.error().message;
  const Shape shape{1, 1, {kSize, kSize, kSize}};
  const auto plan = engine::test::planFor(imported->graph, shape, 2);
  const auto run = engine::test::runPlan(imported->graph, *parameters, plan, input);
  const std::vector<int> found = engine::test::labelsOf(run.scores, 3);

  int differing = 0;
  int perLabel[3] = {0, 0, 0};
  for (int i = kMargin; i < kSize - kMargin; ++i) {
    for (int j = kMargin; j < kSize - kMargin; ++j) {
      for (int k = kMargin; k < kSize - kMargin; ++k) {
        const std::int64_t place =
            kFirst + i + (kFirst + j + std::int64_t{kFirst + k} * kWhole) * kWhole;
        const int truth = labels->labels.voxels[static_cast<std::size_t>(place)];
        const auto voxel = static_cast<std::size_t>((i * kSize + j) * kSize + k);
        ++perLabel[truth];
        // Nothing but a near tie may go the other way.
        const double* scores = run.scores.data() + 3 * voxel;
        const double lead = scores[found[voxel]] - scores[truth];
        if (found[voxel] != truth) {
          ++differing;
          EXPECT_LT(lead, 1e-3);
        }
      }
    }
  }
  std::cout << fmt::format("{} of {} white, {} grey and {} other voxels differ, {:.1f} s\n",
                           differing,
                           perLabel[1],
                           perLabel[2],
                           perLabel[0],
                           run.report.seconds);
  EXPECT_LE(differing, 5);
  EXPECT_GT(std::min({perLabel[0], perLabel[1], perLabel[2]}), 1000);
}

}  // namespace
}  // namespace argand::models
