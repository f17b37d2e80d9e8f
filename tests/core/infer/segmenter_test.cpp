// SPDX-License-Identifier: Apache-2.0
#include "core/infer/segmenter.h"

#include "core/engine/plan/plan.h"
#include "core/volume/phantom.h"
#include "tests/core/infer/fake_models.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <cmath>
#include <memory>

namespace argand::infer {

namespace {

using ::testing::HasSubstr;

std::vector<engine::DeviceSpec> devices(const char* names) {
  return engine::parseDevices(names, "1GiB", 1).value();
}

// Organs, a ramp and a texture: a network by chance answers with all its classes.
Volume study(const Geometry& geometry) {
  const Volume plain =
      phantom::image(geometry, phantom::asymmetricTrio(), {200.0, 400.0, 800.0}, 20.0);
  std::vector<float> voxels;
  plain.visit([&](const auto& source) {
    for (std::size_t n = 0; n < source.size(); ++n) {
      voxels.push_back(static_cast<float>(source[n]) +
                       60.0F * static_cast<float>(std::sin(0.37 * static_cast<double>(n))));
    }
  });
  return Volume::create(geometry, std::move(voxels)).value();
}

std::vector<LabelValue> labelsOf(const Segmentation& segmentation) {
  return segmentation.layer(0).read(segmentation.geometry().box());
}

class Segmenter : public ::testing::Test {
 protected:
  SegmentRequest request(const Volume& volume, const char* names = "cpu") const {
    SegmentRequest result;
    result.channels = {std::make_shared<const Volume>(volume)};
    result.model = "sample";
    result.devices = devices(names);
    return result;
  }

  std::string refusal(const SegmentRequest& refused) const {
    const auto result = planSegmentation(refused, m_models);
    return result ? "accepted" : result.error().message;
  }

  test::FakeModels m_models{test::sampleCard("lamp-unet:n=4,depth=2,classes=3,norm=instance"),
                            test::testDir()};
};

TEST_F(Segmenter, GivesTheSameLabelsInSpaceForAll48AxisOrders) {
  const Volume volume = study(phantom::grid({22, 17, 15}, {1.0, 1.0, 1.0}, "LPS"));
  const auto first = segment(request(volume), m_models);
  ASSERT_TRUE(first) << first.error().message;
  const std::vector<LabelValue> expected = labelsOf(first->segmentation);
  for (LabelValue label = 0; label < 3; ++label) {
    ASSERT_GT(std::count(expected.begin(), expected.end(), label), 50) << label;
  }
  const Volume labels = Volume::create(volume.geometry(), expected).value();
  for (const AxisOrder& order : test::allAxisOrders()) {
    const auto other = segment(request(reordered(volume, order)), m_models);
    ASSERT_TRUE(other) << other.error().message;
    const Volume same = reordered(labels, order);
    EXPECT_EQ(labelsOf(other->segmentation),
              *std::get<std::shared_ptr<const Volume::UInt16>>(same.buffer()));
  }
}

TEST_F(Segmenter, GivesTheSameLabelsOnOneTwoAndThreeDevices) {
  const Volume volume = study(phantom::grid({30, 41, 50}, {0.9, 1.2, 1.1}, "RAS"));
  const auto one = segment(request(volume, "cpu"), m_models);
  ASSERT_TRUE(one) << one.error().message;
  for (const char* names : {"cpu:0,cpu:1", "cpu:0,cpu:1,cpu:2"}) {
    SegmentRequest split = request(volume, names);
    split.plan = "slabs";
    const auto several = segment(split, m_models);
    ASSERT_TRUE(several) << several.error().message;
    EXPECT_EQ(labelsOf(several->segmentation), labelsOf(one->segmentation)) << names;
    for (const DeviceUse& use : several->devices) {
      EXPECT_GT(use.peakBytes, 0);
      EXPECT_LE(use.peakBytes, use.budgetBytes);
    }
  }
}

TEST_F(Segmenter, RunsAPlanThatWasWrittenDown) {
  const Volume volume = study(phantom::grid({24, 24, 32}, {1, 1, 1}, "RAS"));
  SegmentRequest split = request(volume, "cpu:0,cpu:1");
  split.plan = "slabs";
  const auto planned = planSegmentation(split, m_models);
  ASSERT_TRUE(planned) << planned.error().message;
  split.plan = planned->plans;
  const auto result = segment(split, m_models);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(labelsOf(result->segmentation),
            labelsOf(segment(request(volume), m_models).value().segmentation));
}

TEST_F(Segmenter, RunsInWindowsWhereTheCardOrThePersonSaysSo) {
  const Volume volume = study(phantom::grid({30, 26, 22}, {1, 1, 1}, "LPS"));
  EXPECT_EQ(planSegmentation(request(volume), m_models)->mode, "whole");
  ModelCard card = test::sampleCard("lamp-unet:n=4,depth=2,classes=3,norm=instance");
  card.window = ModelWindow{{24, 16, 16}, 0.5};
  card.trainedExtentMm = {24.0, 16.0, 16.0};
  const test::FakeModels patches(card, test::testDir());
  const auto windows = segment(request(volume, "cpu"), patches);
  ASSERT_TRUE(windows) << windows.error().message;
  EXPECT_EQ(windows->plan.mode, "window");
  EXPECT_THAT(windows->plan.plans, HasSubstr("of 16x16x24 overlap 0.5"));
  EXPECT_THAT(windows->plan.text, HasSubstr("windows of 16x16x24 voxels, about "));
  const std::vector<LabelValue> labels = labelsOf(windows->segmentation);

  const auto two = segment(request(volume, "cpu:0,cpu:1"), patches);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(labelsOf(two->segmentation), labels);
  for (const DeviceUse& use : two->devices) {
    EXPECT_GT(use.peakBytes, 0);
    EXPECT_LE(use.peakBytes, use.budgetBytes);
    EXPECT_GT(use.busySeconds, 0.0);
  }

  SegmentRequest whole = request(volume);
  whole.mode = SegmentMode::Whole;
  EXPECT_THAT(planSegmentation(whole, patches).error().message, HasSubstr("24 x 16 x 16"));
  whole.force = true;
  EXPECT_NE(labelsOf(segment(whole, patches)->segmentation), labels);

  // One window that holds everything is the whole volume.
  SegmentRequest one = request(study(phantom::grid({24, 16, 16}, {1, 1, 1}, "RAS")));
  const auto inWindow = segment(one, patches);
  ASSERT_TRUE(inWindow) << inWindow.error().message;
  one.mode = SegmentMode::Whole;
  EXPECT_EQ(labelsOf(inWindow->segmentation), labelsOf(segment(one, patches)->segmentation));
}

TEST_F(Segmenter, TakesWindowsAsLargeAsTheTrainedFieldWhereTheCardHasNone) {
  SegmentRequest windows = request(study(phantom::grid({26, 16, 16}, {10, 10, 10}, "RAS")));
  windows.mode = SegmentMode::Window;
  const auto planned = planSegmentation(windows, m_models);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->mode, "window");
  EXPECT_THAT(planned->text, HasSubstr("2 windows of 200x200x200"));
}

TEST_F(Segmenter, RefusesAnotherModalityUnlessForced) {
  Volume volume = study(phantom::grid({16, 16, 16}, {1, 1, 1}, "RAS"));
  volume.modality = Modality::Mr;
  EXPECT_EQ(refusal(request(volume)), "accepted");
  volume.modality = Modality::Pet;
  EXPECT_THAT(refusal(request(volume)), AllOf(HasSubstr("PT"), HasSubstr("MR")));
  SegmentRequest forced = request(volume);
  forced.force = true;
  const auto result = segment(forced, m_models);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->plan.overrides, ::testing::ElementsAre(HasSubstr("PT")));
}

TEST_F(Segmenter, RefusesAFieldBeyondTheTrainedOneWithoutARegion) {
  const Volume volume = study(phantom::grid({26, 16, 16}, {10, 10, 10}, "RAS"));
  EXPECT_THAT(
      refusal(request(volume)),
      AllOf(HasSubstr("260 x 160 x 160"), HasSubstr("200 x 200 x 200"), HasSubstr("as a region")));
  SegmentRequest part = request(volume);
  part.regions = {{"", Box{{0, 0, 0}, {16, 16, 16}}}};
  EXPECT_EQ(refusal(part), "accepted");
  SegmentRequest forced = request(volume);
  forced.force = true;
  EXPECT_EQ(planSegmentation(forced, m_models).value().overrides.size(), 1U);
}

TEST_F(Segmenter, RefusesBeforeAnyWorkWhatFitsNoBudget) {
  SegmentRequest tight = request(study(phantom::grid({32, 32, 32}, {1, 1, 1}, "RAS")));
  tight.devices = engine::parseDevices("cpu", "20KiB", 1).value();
  const auto planned = planSegmentation(tight, m_models);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::NoPlan);
}

TEST_F(Segmenter, TakesTheLastResortAndSaysWhy) {
  const Volume volume = study(phantom::grid({22, 17, 16}, {1.0, 1.0, 1.0}, "LPS"));
  const auto expected = segment(request(volume), m_models);
  ASSERT_TRUE(expected) << expected.error().message;
  for (const SegmentMode mode : {SegmentMode::Whole, SegmentMode::Window}) {
    SegmentRequest tight = request(volume);
    tight.mode = mode;
    tight.devices = engine::parseDevices("sim:2xl40s", "20KiB").value();
    EXPECT_THAT(refusal(tight), HasSubstr("sim:"));
    tight.lastResort = devices("cpu").front();
    const auto result = segment(tight, m_models);
    ASSERT_TRUE(result) << result.error().message;
    if (mode == SegmentMode::Whole) {
      EXPECT_EQ(labelsOf(result->segmentation), labelsOf(expected->segmentation));
    }
    ASSERT_EQ(result->plan.lastResorts.size(), 1U);
    EXPECT_THAT(result->plan.lastResorts.front(), HasSubstr("On cpu instead, as "));
    EXPECT_THAT(result->plan.text, HasSubstr(result->plan.lastResorts.front()));
    ASSERT_EQ(result->devices.size(), 3U);
    for (const std::size_t unused : {0U, 1U}) {
      EXPECT_EQ(result->devices[unused].peakBytes, 0);
      EXPECT_EQ(result->devices[unused].predictedPeakBytes, 0);
    }
    EXPECT_EQ(result->devices[2].name, "cpu");
    EXPECT_GT(result->devices[2].peakBytes, 0);
    EXPECT_LE(result->devices[2].peakBytes, result->devices[2].predictedPeakBytes);
  }
}

TEST_F(Segmenter, NamesSidedStructuresForTheirRegion) {
  const Volume volume = study(phantom::grid({48, 20, 20}, {1, 1, 1}, "RAS"));
  SegmentRequest both = request(volume);
  // The index of R to L grows to the right: the patient's left comes first.
  both.regions = {{"Organ_L", Box{{0, 2, 2}, {20, 18, 18}}},
                  {"Organ_R", Box{{28, 2, 2}, {48, 18, 18}}}};
  const auto result = segment(both, m_models);
  ASSERT_TRUE(result) << result.error().message;
  const Segmentation& found = result->segmentation;
  ASSERT_EQ(found.structures().size(), 3U);
  EXPECT_EQ(found.structures()[0].name, "One_L");
  EXPECT_EQ(found.structures()[0].side, Side::Left);
  EXPECT_EQ(found.structures()[0].label, 1);
  EXPECT_EQ(found.structures()[1].name, "Two");
  EXPECT_EQ(found.structures()[1].side, Side::None);
  EXPECT_EQ(found.structures()[2].name, "One_R");
  EXPECT_EQ(found.structures()[2].side, Side::Right);
  EXPECT_EQ(found.structures()[2].label, 3);
  EXPECT_EQ(found.structures()[2].origin, Origin::Automatic);
  EXPECT_EQ(found.structures()[2].modelHash, result->card.weightsSha256);
  EXPECT_GT(found.centroidMm(found.structures()[0].id)->x, 0.0);
  EXPECT_LT(found.centroidMm(found.structures()[2].id)->x, 0.0);
  EXPECT_EQ(result->plan.networkSizes.size(), 2U);

  std::swap(both.regions[0].box, both.regions[1].box);
  EXPECT_THAT(refusal(both), AllOf(HasSubstr("Organ_L"), HasSubstr("left"), HasSubstr("right")));
  both.force = true;
  EXPECT_EQ(planSegmentation(both, m_models).value().overrides.size(), 2U);
}

TEST_F(Segmenter, GivesARegionTheLabelsOfTheVolumeCutThere) {
  const Volume volume = study(phantom::grid({40, 30, 28}, {1, 1, 1}, "LPS"));
  const Box box{{5, 4, 3}, {30, 26, 25}};
  SegmentRequest region = request(volume);
  region.regions = {{"", box}};
  const auto part = segment(region, m_models).value();
  const auto cut = segment(request(cropped(volume, box)), m_models).value();
  EXPECT_EQ(part.segmentation.layer(0).read(box), labelsOf(cut.segmentation));
  EXPECT_EQ(part.segmentation.geometry(), volume.geometry());
  const auto inside = cut.segmentation.voxelCount(cut.segmentation.structures()[0].id);
  EXPECT_EQ(part.segmentation.voxelCount(part.segmentation.structures()[0].id), inside);
  EXPECT_EQ(part.segmentation.structures()[0].name, "One");
}

TEST_F(Segmenter, LeavesOutStructuresThatAreNotWanted) {
  const Volume volume = study(phantom::grid({20, 20, 20}, {1, 1, 1}, "LPS"));
  const auto all = segment(request(volume), m_models).value();
  SegmentRequest some = request(volume);
  some.structures = {"Two"};
  const auto two = segment(some, m_models).value();
  ASSERT_EQ(two.segmentation.structures().size(), 1U);
  EXPECT_EQ(two.segmentation.voxelCount(two.segmentation.structures()[0].id),
            all.segmentation.voxelCount(all.segmentation.findByName("Two")->id));
  some.structures = {"Three"};
  EXPECT_THAT(refusal(some), AllOf(HasSubstr("'Three'"), HasSubstr("One, Two")));
}

TEST_F(Segmenter, RefusesRegionsOutsideAndOtherNumbersOfVolumes) {
  SegmentRequest outside = request(study(phantom::grid({20, 20, 20}, {1, 1, 1}, "LPS")));
  outside.regions = {{"A", Box{{0, 0, 0}, {21, 20, 20}}}};
  EXPECT_THAT(refusal(outside), HasSubstr("A=0:21"));
  outside.regions.clear();
  outside.channels.clear();
  EXPECT_THAT(refusal(outside), HasSubstr("1 volume(s), 0 were given"));
}

TEST_F(Segmenter, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto result = segment(
      request(study(phantom::grid({20, 20, 20}, {1, 1, 1}, "LPS"))), m_models, source.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Cancelled);
}

TEST(Region, IsReadFromItsText) {
  const auto named = Region::parse("Hippocampus_L=10:45,20:71,30:65");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->name, "Hippocampus_L");
  EXPECT_EQ(named->side(), Side::Left);
  EXPECT_EQ(named->box, (Box{{10, 20, 30}, {45, 71, 65}}));
  const auto plain = Region::parse("0:1,2:3,4:5");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->side(), Side::None);
  EXPECT_EQ(Region::parse("x_R=0:1,2:3,4:5")->side(), Side::Right);
  for (const char* wrong : {"",
                            "=0:1,0:1,0:1",
                            "0:1,0:1",
                            "0:1,0:1,0:1,0:1",
                            "0:1,0:1,1:1",
                            "0:1,0:1,-1:1",
                            "0:1,0:1,0:1x",
                            "a=b",
                            "0-1,0:1,0:1"}) {
    const auto parsed = Region::parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().code, ErrorCode::Usage);
  }
}

}  // namespace

}  // namespace argand::infer
