// SPDX-License-Identifier: Apache-2.0
// argand-cli train as torchrun starts it: two processes, one training.
#include "core/base/json.h"
#include "core/engine/graph/safetensors.h"
#include "core/io/image_file.h"
#include "core/volume/phantom.h"
#include "core/volume/segmentation.h"
#include "tests/core/train/processes.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace argand {
namespace {

namespace fs = std::filesystem;

void writePair(const fs::path& folder, int n) {
  const Geometry grid = phantom::grid({16, 18, 15}, {1, 1, 1}, "RAS");
  const double shift = 0.7 * static_cast<double>(n);
  const std::vector<phantom::Shape> shapes{
      phantom::sphere("One", {-3.0 + shift, 2.0 - shift, 1.0}, 4.0),
      phantom::box("Two", {3.5, -4.0 + shift, -1.0}, {5.0, 5.0, 7.0})};
  const std::string name = fmt::format("case{}.nii.gz", n);
  ASSERT_TRUE(io::writeImage(folder / "images" / name,
                             phantom::image(grid, shapes, {300.0 + 9.0 * n, 700.0}, 100.0)));
  ASSERT_TRUE(io::writeLabels(folder / "labels" / name,
                              flattened(phantom::rasterized(grid, shapes)).value()));
}

// The largest difference of any number, of the largest one of its tensor.
double largestDifference(const engine::TensorFile& one, const engine::TensorFile& other) {
  double largest = 0.0;
  EXPECT_EQ(one.tensors.size(), other.tensors.size());
  for (const engine::StoredTensor& tensor : one.tensors) {
    const engine::StoredTensor* const same = other.find(tensor.name);
    if (same == nullptr || same->data.size() != tensor.data.size()) {
      ADD_FAILURE() << tensor.name;
      continue;
    }
    if (tensor.dtype != "F32") {
      EXPECT_EQ(tensor.data, same->data) << tensor.name;
      continue;
    }
    std::vector<float> a(tensor.data.size() / sizeof(float));
    std::vector<float> b(a.size());
    std::memcpy(a.data(), tensor.data.data(), tensor.data.size());
    std::memcpy(b.data(), same->data.data(), same->data.size());
    double difference = 0.0;
    double scale = 1e-6;
    for (std::size_t n = 0; n < a.size(); ++n) {
      difference = std::max(difference, std::abs(static_cast<double>(a[n]) - b[n]));
      scale = std::max(scale, std::abs(static_cast<double>(a[n])));
    }
    largest = std::max(largest, difference / scale);
  }
  return largest;
}

TEST(TrainProcesses, TwoOfThemTrainAsOneAndOnlyTheFirstWrites) {
  const fs::path folder = test::testDir();
  fs::create_directories(folder / "images");
  fs::create_directories(folder / "labels");
  for (int n = 0; n < 3; ++n) {
    writePair(folder, n);
  }
  std::ofstream(folder / "config.json")
      << Json{{"from_scratch", true}, {"learning_rate", 1e-3}, {"validation_share", 0.34}};
  const auto command = [&](const char* out) {
    return std::vector<std::string>{ARGAND_CLI,  "train",
                                    "--data",    folder.string(),
                                    "--base",    "hippocampus-t1",
                                    "--config",  (folder / "config.json").string(),
                                    "--epochs",  "2",
                                    "--batch",   "2",
                                    "--devices", "cpu",
                                    "--threads", "1",
                                    "--budget",  "2GiB",
                                    "--out",     (folder / out).string()};
  };
  EXPECT_EQ(test::statusOf(test::start(command("alone"), {})), 0);
  const int port = test::freePort();
  const pid_t first = test::start(command("first"), test::rankVariables(0, 2, port));
  const pid_t second = test::start(command("second"), test::rankVariables(1, 2, port));
  EXPECT_EQ(test::statusOf(first), 0);
  EXPECT_EQ(test::statusOf(second), 0);
  EXPECT_FALSE(fs::exists(folder / "second"));
  for (const char* file : {"checkpoint.safetensors", "model/weights.safetensors"}) {
    SCOPED_TRACE(file);
    const auto alone = engine::readTensorFile(folder / "alone" / file);
    const auto both = engine::readTensorFile(folder / "first" / file);
    ASSERT_TRUE(alone && both);
    // A sum of two gradients is the same in either order.
    EXPECT_EQ(largestDifference(*both, *alone), 0.0);
  }
  const auto losses = [&](const char* out) {
    std::vector<double> all;
    const auto curves = readJsonFile(folder / out / "curves.json");
    EXPECT_TRUE(curves);
    for (const Json& epoch : curves.value_or(Json::array())) {
      all.push_back(epoch["loss"].get<double>());
    }
    return all;
  };
  const std::vector<double> alone = losses("alone");
  const std::vector<double> both = losses("first");
  ASSERT_EQ(alone.size(), 2U);
  ASSERT_EQ(both.size(), 2U);
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_NEAR(both[n], alone[n], 1e-6);
  }
}

}  // namespace
}  // namespace argand
