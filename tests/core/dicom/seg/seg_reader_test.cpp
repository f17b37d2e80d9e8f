// SPDX-License-Identifier: Apache-2.0
// Segmentations of other writers and damaged ones, made by altering a file of our own.
#include "core/dicom/seg/seg.h"
#include "tests/core/dicom/seg/overlapping_shapes.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <random>

namespace argand::dicom {
namespace {

using test::overlappingShapes;
using test::Says;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SegReader : public ::testing::Test {
 protected:
  void SetUp() override {
    m_path = test::testDir() / "seg.dcm";
    const auto written = writeSeg(m_path, m_masks, m_source);
    ASSERT_TRUE(written) << written.error().message;
  }

  void alter(const std::function<void(DcmDataset&)>& change,
             E_TransferSyntax syntax = EXS_LittleEndianExplicit) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile(m_path.c_str()).good());
    file.loadAllDataIntoMemory();
    change(*file.getDataset());
    ASSERT_TRUE(file.saveFile(m_path.c_str(), syntax).good());
  }

  static DcmItem& itemOf(DcmItem& item, const DcmTagKey& key, long number = 0) {
    DcmItem* found = nullptr;
    EXPECT_TRUE(item.findOrCreateSequenceItem(key, found, number).good()) << key.toString();
    return *found;
  }

  static void forEachFrame(DcmDataset& set, const std::function<void(DcmItem&)>& visit) {
    DcmSequenceOfItems* groups = nullptr;
    ASSERT_TRUE(set.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, groups).good());
    for (unsigned long n = 0; n < groups->card(); ++n) {
      visit(*groups->getItem(n));
    }
  }

  static void forgetImages(DcmDataset& set) {
    forEachFrame(set, [](DcmItem& group) { delete group.remove(DCM_DerivationImageSequence); });
    delete set.remove(DCM_ReferencedSeriesSequence);
  }

  [[nodiscard]] Result<ReadSeg> read() const { return readSeg(m_path, m_geometry, m_source); }

  void expectAllVoxels(const Segmentation& back) const { test::expectSameMasks(m_masks, back); }

  // `fine` has a slice between each two of the segmentation.
  void expectNoHoles(const Geometry& fine, const SourceSeries& source) const {
    const auto result = readSeg(m_path, fine, source);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_THAT(result->warnings, Contains(Says("other slices (3.00 mm apart)")));
    const auto& segmentation = result->segmentation;
    for (std::size_t n = 0; n < 5; ++n) {
      for (std::int64_t k = 0; k < 13; k += 2) {
        EXPECT_EQ(segmentation.mask(segmentation.structures()[n].id, {{0, 0, k}, {13, 11, k + 1}}),
                  m_masks.mask(m_masks.structures()[n].id, {{0, 0, k / 2}, {13, 11, k / 2 + 1}}));
      }
    }
    // The shell goes through every slice between too.
    for (std::int64_t k = 0; k < 13; ++k) {
      const auto slice =
          segmentation.mask(segmentation.structures()[1].id, {{0, 0, k}, {13, 11, k + 1}});
      EXPECT_THAT(slice, Contains(1)) << k;
    }
  }

  void expectRefused(const std::string& words) const {
    const auto result = read();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::InputRefused);
    EXPECT_THAT(result.error().message, HasSubstr("seg.dcm"));
    EXPECT_THAT(result.error().message, HasSubstr(words));
  }

  Geometry m_geometry = test::gridOf({13, 11, 7}, {1.5, 1.25, 3.0}, {-4.0, 11.0, 100.0});
  SourceSeries m_source = test::sourceOf(m_geometry);
  Segmentation m_masks = overlappingShapes(m_geometry);
  std::filesystem::path m_path;
};

TEST_F(SegReader, ReadsEveryNativeAndDeflatedTransferSyntax) {
  for (const E_TransferSyntax syntax :
       {EXS_LittleEndianImplicit, EXS_LittleEndianExplicit, EXS_DeflatedLittleEndianExplicit}) {
    alter([](DcmDataset&) {}, syntax);
    const auto result = read();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_THAT(result->warnings, IsEmpty());
    expectAllVoxels(result->segmentation);
  }
}

TEST_F(SegReader, PlacesFramesThatNameNoImageByTheirPosition) {
  alter(forgetImages);
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, IsEmpty());
  expectAllVoxels(result->segmentation);
}

TEST_F(SegReader, PlacesFramesWithoutPositionByTheImageThatTheyName) {
  alter([](DcmDataset& set) {
    forEachFrame(set, [](DcmItem& group) { delete group.remove(DCM_PlanePositionSequence); });
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  expectAllVoxels(result->segmentation);
}

TEST_F(SegReader, FollowsThePositionWhereTheImageNamedLiesElsewhereAndSaysSo) {
  alter([&](DcmDataset& set) {
    DcmItem& group = itemOf(set, DCM_PerFrameFunctionalGroupsSequence);
    DcmItem& image = itemOf(itemOf(group, DCM_DerivationImageSequence), DCM_SourceImageSequence);
    image.putAndInsertString(DCM_ReferencedSOPInstanceUID,
                             m_source.slices[6].sopInstanceUid.c_str());
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, ElementsAre(Says("1 frame named another image")));
  expectAllVoxels(result->segmentation);
}

TEST_F(SegReader, TakesSegmentNumbersWithGapsAndInAnyOrder) {
  const int numbers[] = {40, 7, 3, 200, 12};
  alter([&](DcmDataset& set) {
    for (long n = 0; n < 5; ++n) {
      itemOf(set, DCM_SegmentSequence, n)
          .putAndInsertUint16(DCM_SegmentNumber, static_cast<Uint16>(numbers[n]));
    }
    forEachFrame(set, [&](DcmItem& group) {
      DcmItem& segment = itemOf(group, DCM_SegmentIdentificationSequence);
      Uint16 number = 0;
      segment.findAndGetUint16(DCM_ReferencedSegmentNumber, number);
      segment.putAndInsertUint16(DCM_ReferencedSegmentNumber,
                                 static_cast<Uint16>(numbers[number - 1]));
    });
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  expectAllVoxels(result->segmentation);
}

// Rows read upwards and columns leftwards: the same pixels in another order.
TEST_F(SegReader, TakesMirroredFramesPixelForPixel) {
  alter([&](DcmDataset& set) {
    forgetImages(set);
    itemOf(itemOf(set, DCM_SharedFunctionalGroupsSequence), DCM_PlaneOrientationSequence)
        .putAndInsertString(DCM_ImageOrientationPatient, "-1\\0\\0\\0\\-1\\0");
    forEachFrame(set, [](DcmItem& group) {
      DcmItem& plane = itemOf(group, DCM_PlanePositionSequence);
      Float64 z = 0.0;
      plane.findAndGetFloat64(DCM_ImagePositionPatient, z, 2);
      // The last pixel of the slice is the first of the frame.
      plane.putAndInsertString(DCM_ImagePositionPatient, fmt::format("14\\23.5\\{}", z).c_str());
    });
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, IsEmpty());
  const Box box = m_geometry.box();
  for (std::size_t n = 0; n < 5; ++n) {
    const auto drawn = m_masks.mask(m_masks.structures()[n].id, box);
    const auto back = result->segmentation.mask(result->segmentation.structures()[n].id, box);
    for (std::int64_t k = 0; k < 7; ++k) {
      for (std::int64_t j = 0; j < 11; ++j) {
        for (std::int64_t i = 0; i < 13; ++i) {
          ASSERT_EQ(back[static_cast<std::size_t>((k * 11 + j) * 13 + i)],
                    drawn[static_cast<std::size_t>((k * 11 + 10 - j) * 13 + 12 - i)]);
        }
      }
    }
  }
}

TEST_F(SegReader, ResamplesOtherPixelsAndSaysSo) {
  alter([](DcmDataset& set) {
    forgetImages(set);
    itemOf(itemOf(set, DCM_SharedFunctionalGroupsSequence), DCM_PixelMeasuresSequence)
        .putAndInsertString(DCM_PixelSpacing, "0.625\\0.75");
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, ElementsAre(Says("do not meet those of the images")));
  // Pixel (i, j) of the image is pixel (2i, 2j) of the frame, and there is nothing beyond.
  const auto& segmentation = result->segmentation;
  for (std::size_t n = 0; n < 5; ++n) {
    const auto drawn = m_masks.mask(m_masks.structures()[n].id, m_geometry.box());
    const auto back = segmentation.mask(segmentation.structures()[n].id, m_geometry.box());
    for (std::int64_t k = 0; k < 7; ++k) {
      for (std::int64_t j = 0; j < 11; ++j) {
        for (std::int64_t i = 0; i < 13; ++i) {
          const bool within = 2 * i < 13 && 2 * j < 11;
          ASSERT_EQ(back[static_cast<std::size_t>((k * 11 + j) * 13 + i)],
                    within ? drawn[static_cast<std::size_t>((k * 11 + 2 * j) * 13 + 2 * i)] : 0);
        }
      }
    }
  }
}

TEST_F(SegReader, BringsFinerSlicesFromTheirOwnGridAndSaysSo) {
  // The reference has every second slice only, and none of its images is known.
  Geometry half = m_geometry;
  half.size.k = 4;
  half.lpsFromIndex.setColumn(2, m_geometry.lpsFromIndex.column(2) * 2.0);
  SourceSeries source = test::sourceOf(half);
  source.seriesUid = "2.25.9";
  for (SourceSlice& slice : source.slices) {
    slice.sopInstanceUid += "9";
  }
  const auto result = readSeg(m_path, half, source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, Contains(Says("other slices (3.00 mm apart)")));
  for (std::size_t n = 0; n < 5; ++n) {
    for (std::int64_t k = 0; k < 4; ++k) {
      EXPECT_EQ(result->segmentation.mask(result->segmentation.structures()[n].id,
                                          {{0, 0, k}, {13, 11, k + 1}}),
                m_masks.mask(m_masks.structures()[n].id, {{0, 0, 2 * k}, {13, 11, 2 * k + 1}}));
    }
  }
}

TEST_F(SegReader, LeavesNoHolesWhereItsSlicesAreCoarser) {
  Geometry fine = m_geometry;
  fine.size.k = 13;
  fine.lpsFromIndex.setColumn(2, m_geometry.lpsFromIndex.column(2) * 0.5);
  SourceSeries source = test::sourceOf(fine);
  for (SourceSlice& slice : source.slices) {
    slice.sopInstanceUid += "9";
  }
  expectNoHoles(fine, source);
  alter([](DcmDataset& set) {
    delete itemOf(itemOf(set, DCM_SharedFunctionalGroupsSequence), DCM_PixelMeasuresSequence)
        .remove(DCM_SpacingBetweenSlices);
  });
  expectNoHoles(fine, source);
}

TEST_F(SegReader, NamesFramesThatLieOnNoSlice) {
  const Box box{{0, 0, 1}, {13, 11, 5}};
  SourceSeries source = m_source;
  source.slices.assign(m_source.slices.begin() + 1, m_source.slices.begin() + 5);
  const Geometry part = cropped(m_geometry, box);
  const auto result = readSeg(m_path, part, source);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(
      result->warnings,
      ElementsAre(Says("3 images that this series lacks"), Says("no image slice lies there")));
  for (std::size_t n = 0; n < 5; ++n) {
    EXPECT_EQ(result->segmentation.mask(result->segmentation.structures()[n].id, part.box()),
              m_masks.mask(m_masks.structures()[n].id, box));
  }
}

TEST_F(SegReader, RefusesAnotherFrameOfReferenceAndAnotherPlace) {
  alter([](DcmDataset& set) { set.putAndInsertString(DCM_FrameOfReferenceUID, "2.25.5"); });
  const auto doubtful = read();
  ASSERT_TRUE(doubtful) << doubtful.error().message;
  EXPECT_THAT(doubtful->warnings, ElementsAre(Says("another Frame of Reference")));
  alter(forgetImages);
  expectRefused("another Frame of Reference");
  alter([](DcmDataset& set) {
    set.putAndInsertString(DCM_FrameOfReferenceUID, "2.25.1002");
    forEachFrame(set, [](DcmItem& group) {
      itemOf(group, DCM_PlanePositionSequence)
          .putAndInsertString(DCM_ImagePositionPatient, "-4\\11\\900");
    });
  });
  expectRefused("lie elsewhere");
}

// Eight-bit values of the one structure, three frames of known fractions.
TEST_F(SegReader, CutsFractionsAtHalfOfTheLargestValue) {
  const Segmentation masks = overlappingShapes(m_geometry);
  ASSERT_TRUE(writeSeg(m_path, masks, m_source, {}, {masks.structures()[3].id}));
  std::vector<Uint8> values(13 * 11 * 7);
  std::mt19937 random(3);
  for (Uint8& value : values) {
    value = static_cast<Uint8>(random() % 201);
  }
  values[5] = 100;
  values[6] = 99;
  alter([&](DcmDataset& set) {
    set.putAndInsertString(DCM_SegmentationType, "FRACTIONAL");
    set.putAndInsertString(DCM_SegmentationFractionalType, "PROBABILITY");
    set.putAndInsertUint16(DCM_MaximumFractionalValue, 200);
    set.putAndInsertUint16(DCM_BitsAllocated, 8);
    set.putAndInsertUint16(DCM_BitsStored, 8);
    set.putAndInsertUint16(DCM_HighBit, 7);
    auto* pixels = new DcmPixelData(DcmTag(DCM_PixelData, EVR_OB));
    pixels->putUint8Array(values.data(), values.size());
    set.insert(pixels, OFTrue);
  });
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->warnings, ElementsAre(Says("PROBABILITY")));
  const auto mask =
      result->segmentation.mask(result->segmentation.structures()[0].id, m_geometry.box());
  for (std::size_t n = 0; n < values.size(); ++n) {
    ASSERT_EQ(mask[n], values[n] >= 100 ? 1 : 0) << n;
  }
  alter([](DcmDataset& set) { delete set.remove(DCM_MaximumFractionalValue); });
  expectRefused("what its values mean is unknown");
}

TEST_F(SegReader, ReadsLabelMapsOfOneAndTwoBytes) {
  for (const int bits : {8, 16}) {
    ASSERT_TRUE(writeSeg(m_path, m_masks, m_source, {}, {m_masks.structures()[3].id}));
    std::vector<Uint16> values(13 * 11 * 7);
    std::mt19937 random(4);
    const Uint16 high = bits == 8 ? 200 : 60000;
    for (Uint16& value : values) {
      value = std::array<Uint16, 3>{0, 7, high}[random() % 3];
    }
    alter([&](DcmDataset& set) {
      set.putAndInsertString(DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.66.7");
      set.putAndInsertString(DCM_SegmentationType, "LABELMAP");
      set.putAndInsertUint16(DCM_BitsAllocated, static_cast<Uint16>(bits));
      set.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(bits));
      set.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(bits - 1));
      set.putAndInsertUint16(DCM_PixelPaddingValue, 0);
      itemOf(set, DCM_SegmentSequence, 0).putAndInsertUint16(DCM_SegmentNumber, high);
      DcmItem& second = itemOf(set, DCM_SegmentSequence, 1);
      second.putAndInsertUint16(DCM_SegmentNumber, 7);
      second.putAndInsertString(DCM_SegmentLabel, "Seven");
      DcmItem& background = itemOf(set, DCM_SegmentSequence, 2);
      background.putAndInsertUint16(DCM_SegmentNumber, 0);
      background.putAndInsertString(DCM_SegmentLabel, "Background");
      forEachFrame(set,
                   [](DcmItem& group) { delete group.remove(DCM_SegmentIdentificationSequence); });
      auto* pixels = new DcmPixelData(DcmTag(DCM_PixelData, bits == 8 ? EVR_OB : EVR_OW));
      if (bits == 8) {
        const std::vector<Uint8> bytes(values.begin(), values.end());
        pixels->putUint8Array(bytes.data(), bytes.size());
      } else {
        pixels->putUint16Array(values.data(), values.size());
      }
      set.insert(pixels, OFTrue);
    });
    const auto result = read();
    ASSERT_TRUE(result) << result.error().message;
    const auto& segmentation = result->segmentation;
    ASSERT_EQ(segmentation.structures().size(), 2U);  // the background is none
    EXPECT_EQ(segmentation.structures()[1].name, "Seven");
    EXPECT_EQ(segmentation.layerCount(), 1);
    const auto first = segmentation.mask(segmentation.structures()[0].id, m_geometry.box());
    const auto second = segmentation.mask(segmentation.structures()[1].id, m_geometry.box());
    for (std::size_t n = 0; n < values.size(); ++n) {
      ASSERT_EQ(first[n], values[n] == high ? 1 : 0) << bits << " " << n;
      ASSERT_EQ(second[n], values[n] == 7 ? 1 : 0) << bits << " " << n;
    }
    alter([](DcmDataset& set) {
      itemOf(set, DCM_SegmentSequence, 1).putAndInsertUint16(DCM_SegmentNumber, 8);
    });
    expectRefused("the value 7, which belongs to no segment");
  }
}

TEST_F(SegReader, ReadsRunLengthEncodedBits) {
  // One frame of 143 bits in 18 bytes, as a literal run, then a fragment of padding.
  ASSERT_TRUE(writeSeg(m_path, m_masks, m_source, {}, {m_masks.structures()[4].id}));
  for (const bool packed : {true, false}) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile(m_path.c_str()).good());
    std::vector<Uint8> plain(packed ? 18 : 143, 0);
    plain[packed ? 142 / 8 : 142] = packed ? 1U << (142 % 8) : 255;
    std::vector<Uint8> fragment(64, 0);
    fragment[0] = 1;
    fragment[4] = 64;
    for (std::size_t at = 0; at < plain.size(); at += 100) {
      const std::size_t count = std::min<std::size_t>(100, plain.size() - at);
      fragment.push_back(static_cast<Uint8>(count - 1));
      fragment.insert(fragment.end(),
                      plain.begin() + static_cast<std::ptrdiff_t>(at),
                      plain.begin() + static_cast<std::ptrdiff_t>(at + count));
    }
    fragment.resize(fragment.size() + fragment.size() % 2);
    auto* sequence = new DcmPixelSequence(DcmTag(DCM_PixelData, EVR_OB));
    auto* offsets = new DcmPixelItem(DcmTag(DCM_Item, EVR_OB));
    sequence->insert(offsets);
    auto* item = new DcmPixelItem(DcmTag(DCM_Item, EVR_OB));
    item->putUint8Array(fragment.data(), static_cast<unsigned long>(fragment.size()));
    sequence->insert(item);
    auto* pixels = new DcmPixelData(DcmTag(DCM_PixelData, EVR_OB));
    pixels->putOriginalRepresentation(EXS_RLELossless, nullptr, sequence);
    file.getDataset()->insert(pixels, OFTrue);
    const auto path = test::testDir() / "seg.dcm";
    ASSERT_TRUE(file.saveFile(path.c_str(), EXS_RLELossless).good());
    const auto result = readSeg(path, m_geometry, m_source);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->segmentation.mask(result->segmentation.structures()[0].id, m_geometry.box()),
              m_masks.mask(m_masks.structures()[4].id, m_geometry.box()))
        << packed;
    ASSERT_TRUE(writeSeg(m_path, m_masks, m_source, {}, {m_masks.structures()[4].id}));
  }
}

TEST_F(SegReader, RefusesPartsThatContradictEachOther) {
  const auto expect = [&](const std::function<void(DcmDataset&)>& change,
                          const std::string& words) {
    ASSERT_TRUE(writeSeg(m_path, m_masks, m_source));
    alter(change);
    expectRefused(words);
  };
  expect([](DcmDataset& set) { set.putAndInsertString(DCM_NumberOfFrames, "900000000"); },
         "announces 900000000 frames and describes");
  expect([](DcmDataset& set) { set.putAndInsertUint16(DCM_Rows, 65535); }, "Pixel Data of");
  expect([](DcmDataset& set) { set.putAndInsertUint16(DCM_Columns, 0); }, "0 columns");
  expect([](DcmDataset& set) { set.putAndInsertUint16(DCM_BitsAllocated, 8); },
         "does not fit together");
  expect([](DcmDataset& set) { set.putAndInsertString(DCM_SegmentationType, "SURFACE"); },
         "is 'SURFACE'");
  expect([](DcmDataset& set) { delete set.remove(DCM_PixelData); }, "no Pixel Data");
  expect([](DcmDataset& set) { delete set.remove(DCM_SegmentSequence); }, "describes no segment");
  expect([](DcmDataset& set) { delete set.remove(DCM_SharedFunctionalGroupsSequence); },
         "Frame 1: it has no ImageOrientationPatient");
  expect(
      [](DcmDataset& set) {
        itemOf(set, DCM_SegmentSequence, 1).putAndInsertUint16(DCM_SegmentNumber, 1);
      },
      "the same Segment Number");
  expect(
      [](DcmDataset& set) {
        itemOf(itemOf(set, DCM_PerFrameFunctionalGroupsSequence, 2),
               DCM_SegmentIdentificationSequence)
            .putAndInsertUint16(DCM_ReferencedSegmentNumber, 77);
      },
      "Frame 3 belongs to segment 77, which is not described");
  expect(
      [](DcmDataset& set) {
        itemOf(itemOf(set, DCM_SharedFunctionalGroupsSequence), DCM_PixelMeasuresSequence)
            .putAndInsertString(DCM_PixelSpacing, "0\\1");
      },
      "two positive numbers");
  expect([](DcmDataset& set) { set.putAndInsertString(DCM_SOPClassUID, UID_CTImageStorage); },
         "no DICOM segmentation");
}

TEST_F(SegReader, SurvivesDamagedFiles) {
  std::ifstream in(m_path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::mt19937 random(1);
  for (int n = 0; n < 400; ++n) {
    std::string bytes = whole;
    if (n % 4 == 0) {
      bytes.resize(random() % bytes.size());
    }
    for (int change = 0; change < 8 && !bytes.empty(); ++change) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    std::ofstream(m_path, std::ios::binary) << bytes;
    const auto result = read();  // refused or read, never a crash
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::InputRefused);
      EXPECT_FALSE(result.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace argand::dicom
