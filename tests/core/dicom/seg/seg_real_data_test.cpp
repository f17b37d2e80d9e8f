// SPDX-License-Identifier: Apache-2.0
// Segmentations that other programs wrote; left out, aloud, where they are absent.
#include "core/dicom/seg/seg.h"
#include "core/dicom/series/series.h"
#include "core/io/image_file.h"
#include "core/volume/resample.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::dicom {
namespace {

using test::Says;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

std::optional<Volume> opened(const fs::path& folder) {
  const auto found = scan(folder);
  EXPECT_TRUE(found) << found.error().message;
  for (const SeriesEntry& entry : found->entries) {
    if (entry.kind == ObjectKind::Image) {
      auto loaded = readSeries(entry);
      EXPECT_TRUE(loaded) << loaded.error().message;
      return std::move(loaded->volume);
    }
  }
  return std::nullopt;
}

struct Pair {
  const char* images;
  const char* seg;
  const char* labels;
};

// dcmqi writes the label map that it was given beside its SEG.
TEST(RealSeg, OfDcmqiHoldsTheLabelMapThatItWasMadeOf) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "seg" / "dcmqi";
  for (const auto& [images, seg, labels] :
       {Pair{"ct-3slice", "liver.dcm", "liver_seg.nrrd"},
        Pair{"23x38x3/image", "23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd"},
        Pair{"24x38x3/image", "24x38x3/seg/label.seg", "24x38x3/nrrd/label.nrrd"}}) {
    const auto image = opened(folder / images);
    ASSERT_TRUE(image) << images;
    const auto read = readSeg(folder / seg, image->geometry(), *image->source);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_THAT(read->warnings, IsEmpty()) << seg;
    ASSERT_EQ(read->segmentation.structures().size(), 1U);
    const Structure& liver = read->segmentation.structures()[0];
    EXPECT_EQ(liver.name, "Liver");
    EXPECT_EQ(liver.origin, Origin::SemiAutomatic);
    const auto truth = io::readLabels(folder / labels);
    ASSERT_TRUE(truth) << truth.error().message;
    const auto here = resampledLabels(truth->labels, image->geometry());
    ASSERT_TRUE(here);
    const auto mask = read->segmentation.mask(liver.id, image->geometry().box());
    std::int64_t inside = 0;
    for (std::size_t n = 0; n < mask.size(); ++n) {
      ASSERT_EQ(mask[n], here->voxels[n] != 0 ? 1 : 0) << seg << " " << n;
      inside += mask[n];
    }
    EXPECT_GT(inside, 300) << seg;
  }
}

// The images of highdicom's files are not here: a grid stands for them.
class HighdicomSeg : public ::testing::Test {
 protected:
  void SetUp() override {
    m_geometry.size = {16, 16, 3};
    m_geometry.lpsFromIndex.linear = {{{0.488281, 0, 0}, {0, 0.488281, 0}, {0, 0, 1.25}}};
    m_geometry.lpsFromIndex.offset = {-125.0, -128.100006, 103.019997};
    m_source.frameOfReferenceUid = "1.3.6.1.4.1.5962.1.1.0.0.0.1196530851.28319.0.4";
  }

  // Voxels of a structure on each slice.
  [[nodiscard]] std::vector<std::int64_t> perSlice(const Segmentation& segmentation,
                                                   std::size_t n) const {
    std::vector<std::int64_t> counts;
    for (std::int64_t k = 0; k < m_geometry.size.k; ++k) {
      const auto mask =
          segmentation.mask(segmentation.structures()[n].id, {{0, 0, k}, {16, 16, k + 1}});
      counts.push_back(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
    }
    return counts;
  }

  Geometry m_geometry;
  SourceSeries m_source;
};

TEST_F(HighdicomSeg, IsReadBinaryOverlappingAndFractional) {
  ARGAND_REQUIRE_TEST_DATA(data);
  const fs::path folder = data / "seg" / "highdicom";
  const auto binary = readSeg(folder / "seg_image_ct_binary.dcm", m_geometry, m_source);
  ASSERT_TRUE(binary) << binary.error().message;
  EXPECT_THAT(perSlice(binary->segmentation, 0), ElementsAre(127, 256, 255));

  const auto overlap = readSeg(folder / "seg_image_ct_binary_overlap.dcm", m_geometry, m_source);
  ASSERT_TRUE(overlap) << overlap.error().message;
  EXPECT_THAT(overlap->warnings, Contains(Says("2 frames left out because no image slice")));
  ASSERT_EQ(overlap->segmentation.structures().size(), 2U);
  EXPECT_EQ(overlap->segmentation.layerCount(), 2);
  EXPECT_THAT(perSlice(overlap->segmentation, 0), ElementsAre(16, 16, 16));
  EXPECT_THAT(perSlice(overlap->segmentation, 1), ElementsAre(4, 4, 4));

  // Its values are 0, 64 and 128 of 255.
  const auto fractional =
      readSeg(folder / "seg_image_ct_true_fractional.dcm", m_geometry, m_source);
  ASSERT_TRUE(fractional) << fractional.error().message;
  EXPECT_THAT(fractional->warnings, Contains(Says("PROBABILITY")));
  EXPECT_THAT(perSlice(fractional->segmentation, 0), ElementsAre(127, 256, 255));
}

}  // namespace
}  // namespace argand::dicom
