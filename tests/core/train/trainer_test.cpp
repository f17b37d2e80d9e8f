// SPDX-License-Identifier: Apache-2.0
#include "core/train/trainer.h"

#include "core/io/image_file.h"
#include "core/volume/phantom.h"
#include "core/volume/segmentation.h"
#include "tests/core/infer/fake_models.h"
#include "tests/core/train/processes.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace argand::train {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Two shapes at a place of the case's own, with a texture on top.
void writePair(const fs::path& folder, int n) {
  const Geometry grid = phantom::grid({18 + n % 3, 20, 17}, {1, 1, 1}, n % 2 == 0 ? "RAS" : "LPI");
  const double shift = 0.7 * static_cast<double>(n % 4);
  const std::vector<phantom::Shape> shapes{
      phantom::sphere("One", {-3.0 + shift, 2.0 - shift, 1.0}, 4.0),
      phantom::box("Two", {3.5, -4.0 + shift, -1.0}, {5.0, 5.0, 7.0})};
  const Volume image = phantom::image(grid, shapes, {300.0, 700.0}, 100.0);
  std::vector<float> voxels;
  image.visit([&](const auto& source) {
    for (std::size_t v = 0; v < source.size(); ++v) {
      voxels.push_back(static_cast<float>(source[v]) +
                       30.0F * static_cast<float>(std::sin(
                                   1.3 * static_cast<double>(v + 17U * static_cast<unsigned>(n)))));
    }
  });
  const std::string name = fmt::format("case{}.nii.gz", n);
  ASSERT_TRUE(io::writeImage(folder / "images" / name, Volume::create(grid, voxels).value()));
  ASSERT_TRUE(io::writeLabels(folder / "labels" / name,
                              flattened(phantom::rasterized(grid, shapes)).value()));
}

class Trainer : public ::testing::Test {
 protected:
  Trainer() {
    fs::create_directories(m_folder / "images");
    fs::create_directories(m_folder / "labels");
    for (int n = 0; n < 6; ++n) {
      writePair(m_folder, n);
    }
  }

  [[nodiscard]] TrainOptions options(const char* out, int epochs) const {
    TrainOptions result;
    result.data = m_folder;
    result.out = m_folder / out;
    result.base = "sample";
    result.modelId = "phantom";
    result.epochs = epochs;
    result.learningRate = 1e-2;
    result.fromScratch = true;
    result.validationShare = 0.34;
    result.devices = engine::parseDevices("cpu", "1GiB", 1).value();
    return result;
  }

  static std::vector<std::pair<double, double>> curve(const TrainResult& result) {
    std::vector<std::pair<double, double>> points;
    for (const EpochReport& epoch : result.epochs) {
      points.emplace_back(epoch.loss, epoch.meanDice.value_or(-1.0));
    }
    return points;
  }

  fs::path m_folder = test::testDir();
  test::FakeModels m_models{test::sampleCard("lamp-unet:n=8,depth=2,classes=3,norm=instance"),
                            m_folder};
};

TEST_F(Trainer, LearnsPhantomsUntilItFindsThemInOtherCases) {
  TrainOptions plain = options("out", 90);
  plain.augment = false;
  plain.batch = 1;
  plain.validateEvery = 10;
  std::vector<int> told;
  const auto result =
      train(plain, m_models, [&](const EpochReport& report) { told.push_back(report.epoch); });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(*result->best.meanDice, 0.85);  // spheres of a radius of 4 voxels
  EXPECT_LT(result->epochs.back().loss, 0.3 * result->epochs.front().loss);
  EXPECT_EQ(told.size(), 90U);
  EXPECT_EQ(result->split.validation.size(), 2U);
  EXPECT_GT(result->best.peakBytes, 0);

  const Json json = readJsonFile(result->model / "card.json").value();
  const auto card = infer::ModelCard::fromJson(json, "card.json");
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->id, "phantom");
  EXPECT_EQ(card->weightsSha256,
            infer::sha256OfFile(result->model / "weights.safetensors").value());
  EXPECT_NEAR(card->metrics["mean_dice"].get<double>(), *result->best.meanDice, 1e-12);
  EXPECT_NEAR(card->trainedExtentMm.x, 20.0, 1e-6);
  EXPECT_EQ(readJsonFile(m_folder / "out" / "curves.json")->size(), 90U);
}

TEST_F(Trainer, GivesNoDiceToALabelThatNoCaseHas) {
  for (int n = 0; n < 6; ++n) {
    const fs::path path = m_folder / "labels" / fmt::format("case{}.nii.gz", n);
    io::LabelFile file = io::readLabels(path).value();
    std::replace(
        file.labels.voxels.begin(), file.labels.voxels.end(), LabelValue{2}, LabelValue{0});
    ASSERT_TRUE(io::writeLabels(path, file.labels));
  }
  TrainOptions plain = options("out", 40);
  plain.augment = false;
  plain.validateEvery = 40;
  fs::path model;
  for (const bool resume : {false, true}) {  // the second run reads the checkpoint alone
    plain.resume = resume;
    const auto result = train(plain, m_models);
    ASSERT_TRUE(result) << result.error().message;
    model = result->model;
    const EpochReport& last = result->epochs.back();
    ASSERT_EQ(last.dice.size(), 2U);
    ASSERT_TRUE(last.dice[0].dice);
    EXPECT_GT(*last.dice[0].dice, 0.3);
    EXPECT_EQ(last.dice[1].dice, std::nullopt);
    EXPECT_EQ(last.meanDice, last.dice[0].dice);  // not the mean with a 1 that nobody earned
  }
  const Json curves = readJsonFile(m_folder / "out" / "curves.json").value();
  EXPECT_TRUE(curves.back().at("dice").at(1).at("dice").is_null());
  const Json card = readJsonFile(model / "card.json").value();
  EXPECT_TRUE(card.at("metrics").at("validation_dice").at("Two").is_null());
}

TEST_F(Trainer, GoesOnToTheSameNumbersBitForBit) {
  TrainOptions parts = options("parts", 4);
  parts.devices = engine::parseDevices("cpu", "1GiB", 2).value();  // two cases side by side
  parts.validateEvery = 2;
  TrainOptions atOnce = parts;
  atOnce.out = m_folder / "whole";
  const auto whole = train(atOnce, m_models);
  ASSERT_TRUE(whole) << whole.error().message;

  std::stop_source kill;
  const auto first = train(
      parts,
      m_models,
      [&](const EpochReport& report) {
        if (report.epoch == 2) {
          kill.request_stop();
        }
      },
      kill.get_token());
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::Cancelled);
  parts.resume = true;
  const auto rest = train(parts, m_models);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(curve(*rest), curve(*whole));
  EXPECT_EQ(infer::sha256OfFile(rest->model / "weights.safetensors").value(),
            infer::sha256OfFile(whole->model / "weights.safetensors").value());

  parts.learningRate = 2e-2;
  const auto other = train(parts, m_models);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("learning_rate"));
  parts.resume = false;
  EXPECT_THAT(train(parts, m_models).error().message, HasSubstr("resume it"));
}

TEST_F(Trainer, TakesTheSameStepsOnSlabs) {
  TrainOptions one = options("one", 2);
  const auto single = train(one, m_models);
  ASSERT_TRUE(single) << single.error().message;
  TrainOptions two = options("two", 2);
  two.devices = engine::parseDevices("cpu:0,cpu:1", "1GiB", 1).value();
  two.plan = "slabs";
  const auto slabs = train(two, m_models);
  ASSERT_TRUE(slabs) << slabs.error().message;
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_NEAR(slabs->epochs[n].loss, single->epochs[n].loss, 2e-3);
  }
}

TEST_F(Trainer, TakesTheSameStepsInAPipelineBitForBit) {
  TrainOptions one = options("one", 2);
  one.batch = 2;
  const auto single = train(one, m_models);
  ASSERT_TRUE(single) << single.error().message;
  TrainOptions two = one;
  two.out = m_folder / "two";
  two.devices = engine::parseDevices("cpu:0,cpu:1", "1GiB", 1).value();
  two.plan = "pipeline";
  const auto pipeline = train(two, m_models);
  ASSERT_TRUE(pipeline) << pipeline.error().message;
  EXPECT_EQ(curve(*pipeline), curve(*single));
  EXPECT_EQ(infer::sha256OfFile(pipeline->model / "weights.safetensors").value(),
            infer::sha256OfFile(single->model / "weights.safetensors").value());
}

TEST_F(Trainer, RecomputesWhereTheBudgetIsTight) {
  TrainOptions ample = options("ample", 1);
  const auto stored = train(ample, m_models);
  ASSERT_TRUE(stored) << stored.error().message;
  TrainOptions tight = options("tight", 1);
  tight.devices[0].budgetBytes = stored->best.peakBytes * 95 / 100;
  tight.plan = "stored";
  EXPECT_EQ(train(tight, m_models).error().code, ErrorCode::NoPlan);
  tight.plan.clear();
  tight.out = m_folder / "recomputed";
  const auto recomputed = train(tight, m_models);
  ASSERT_TRUE(recomputed) << recomputed.error().message;
  EXPECT_LE(recomputed->best.peakBytes, tight.devices[0].budgetBytes);
  EXPECT_EQ(curve(*recomputed), curve(*stored));
}

// Runs as a process of its own, started by the test below.
TEST(TrainerRank, DISABLED_Trains) {
  const fs::path folder = std::getenv("ARGAND_TEST_RANK_OUT");
  const fs::path own = folder / std::getenv("RANK");
  fs::create_directories(own);
  const test::FakeModels models{test::sampleCard(std::getenv("ARGAND_TEST_NETWORK")), own};
  TrainOptions options;
  options.data = folder;
  options.out = folder / "ranks";
  options.base = "sample";
  options.modelId = "phantom";
  options.epochs = 2;
  options.batch = 2;
  options.fromScratch = true;
  options.validationShare = 0.34;
  options.devices = engine::parseDevices("cpu", "1GiB", 1).value();
  const auto result = train(options, models);
  ASSERT_TRUE(result) << result.error().message;
}

// Both take one case of a batch of two; batch norm's statistics are those of both.
TEST_F(Trainer, TwoProcessesTrainAsOne) {
  const std::string network = "lamp-unet:n=8,depth=2,classes=3,norm=batch";
  const test::FakeModels models{test::sampleCard(network), m_folder};
  TrainOptions alone = options("alone", 2);
  alone.learningRate = TrainOptions{}.learningRate;
  alone.batch = 2;
  const auto one = train(alone, models);
  ASSERT_TRUE(one) << one.error().message;
  for (const pid_t process : test::startRanks(
           "TrainerRank.DISABLED_Trains",
           2,
           {"ARGAND_TEST_RANK_OUT=" + m_folder.string(), "ARGAND_TEST_NETWORK=" + network})) {
    EXPECT_EQ(test::statusOf(process), 0);
  }
  const auto curves = readJsonFile(m_folder / "ranks" / "curves.json");
  ASSERT_TRUE(curves);
  ASSERT_EQ(curves->size(), 2U);
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_NEAR((*curves)[n]["loss"].get<double>(), one->epochs[n].loss, 1e-6);
    EXPECT_NEAR((*curves)[n]["mean_dice"].get<double>(), *one->epochs[n].meanDice, 1e-6);
  }
  const auto weightsOf = [](const fs::path& model) {
    return engine::readTensorFile(model / "weights.safetensors").value();
  };
  const auto truth = weightsOf(one->model);
  const auto found = weightsOf(m_folder / "ranks" / "model");
  ASSERT_EQ(found.tensors.size(), truth.tensors.size());
  for (std::size_t n = 0; n < truth.tensors.size(); ++n) {
    const auto values = [](const engine::StoredTensor& tensor) {
      std::vector<float> all(tensor.data.size() / sizeof(float));
      std::memcpy(all.data(), tensor.data.data(), tensor.data.size());
      return all;
    };
    EXPECT_THAT(values(found.tensors[n]),
                ::testing::Pointwise(::testing::FloatNear(1e-5F), values(truth.tensors[n])))
        << truth.tensors[n].name;
  }
}

TEST_F(Trainer, FineTunesFromTheBaseAndSaysWhereItComesFrom) {
  TrainOptions tuned = options("tuned", 1);
  tuned.fromScratch = false;
  tuned.modelId.clear();
  const auto result = train(tuned, m_models);
  ASSERT_TRUE(result) << result.error().message;
  const auto card =
      infer::ModelCard::fromJson(readJsonFile(result->model / "card.json").value(), "card").value();
  EXPECT_EQ(card.id, "sample-tuned");
  EXPECT_THAT(card.parent, HasSubstr(m_models.list()[0].weightsSha256));
  EXPECT_NEAR(card.trainedExtentMm.x, 200.0, 1e-9);  // the base's field was larger
}

TEST_F(Trainer, SaysSoWhereTheLossIsNoNumberAnyMore) {
  const fs::path weights = m_models.load("sample")->weights;
  engine::TensorFile file = engine::readTensorFile(weights).value();
  std::fill(file.tensors[0].data.begin(), file.tensors[0].data.end(), std::byte{0xff});  // NaN
  ASSERT_TRUE(engine::writeTensorFile(weights, file));
  TrainOptions broken = options("broken", 3);
  broken.fromScratch = false;
  const auto result = train(broken, m_models);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("no longer a number in epoch 1"));
}

TEST_F(Trainer, RefusesBeforeTheFirstStepWhatCannotBe) {
  TrainOptions none = options("none", 1);
  none.devices.clear();
  EXPECT_THAT(train(none, m_models).error().message, HasSubstr("device"));
  TrainOptions missing = options("missing", 1);
  missing.data = m_folder / "nowhere";
  EXPECT_THAT(train(missing, m_models).error().message, HasSubstr("nowhere"));
  TrainOptions resumed = options("resumed", 1);
  resumed.resume = true;
  EXPECT_THAT(train(resumed, m_models).error().message, HasSubstr("nothing to resume"));
  TrainOptions tight = options("tight", 1);
  tight.devices = engine::parseDevices("cpu", "64KiB", 1).value();
  EXPECT_EQ(train(tight, m_models).error().code, ErrorCode::NoPlan);
  TrainOptions wrongId = options("wrong-id", 1);
  wrongId.modelId = "Not An Id";
  EXPECT_THAT(train(wrongId, m_models).error().message, HasSubstr("'id'"));
}

TEST(TrainOptions, AreReadFromJson) {
  const auto read = TrainOptions::fromJson(
      Json{{"epochs", 7}, {"loss", "focal"}, {"learning_rate", 0.01}, {"out", "/x"}}, {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->epochs, 7);
  EXPECT_EQ(read->loss, RegionLoss::Focal);
  EXPECT_EQ(read->out, "/x");
  EXPECT_EQ(read->batch, 2);
  EXPECT_THAT(TrainOptions::fromJson(Json{{"epoch", 7}}, {}).error().message, HasSubstr("'epoch'"));
  EXPECT_THAT(TrainOptions::fromJson(Json{{"epochs", "many"}}, {}).error().message,
              HasSubstr("'epochs'"));
  EXPECT_THAT(TrainOptions::fromJson(Json{{"loss", "l2"}}, {}).error().message,
              HasSubstr("'loss'"));
}

}  // namespace

}  // namespace argand::train
