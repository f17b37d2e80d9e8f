// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/seg/seg.h"

#include "core/dicom/seg/seg_dataset.h"
#include "core/volume/label_table.h"
#include "tests/core/dicom/seg/overlapping_shapes.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/grids.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace argand::dicom {
namespace {

using test::expectSameMasks;
using test::gridOf;
using test::overlappingShapes;
using test::Says;
using test::sourceOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Geometry smallGrid() {
  return gridOf({21, 17, 9}, {0.9, 1.1, 2.5}, {-12.34567, 7.0001, -101.25});
}

void expectRoundTrip(const Geometry& geometry, const SourceSeries& source) {
  const Segmentation masks = overlappingShapes(geometry);
  const auto path = test::testDir() / "seg.dcm";
  const auto written = writeSeg(path, masks, source);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(written->warnings, IsEmpty());
  ASSERT_EQ(written->structures.size(), masks.structures().size());
  for (std::size_t n = 0; n < written->structures.size(); ++n) {
    EXPECT_EQ(written->structures[n].diceReadBack, 1.0);
    EXPECT_EQ(written->structures[n].voxels, masks.voxelCount(masks.structures()[n].id));
  }
  const auto back = readSeg(path, geometry, source);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_THAT(back->warnings, IsEmpty());
  expectSameMasks(masks, back->segmentation);
}

std::unique_ptr<DcmFileFormat> loaded(const std::filesystem::path& path) {
  auto file = std::make_unique<DcmFileFormat>();
  EXPECT_TRUE(file->loadFile(path.c_str()).good());
  return file;
}

std::string valueOf(DcmItem& item, const DcmTagKey& key) {
  OFString value;
  EXPECT_TRUE(item.findAndGetOFStringArray(key, value).good()) << key.toString();
  return {value.c_str(), value.size()};
}

DcmItem& itemOf(DcmItem& item, const DcmTagKey& key, long number = 0) {
  DcmItem* found = nullptr;
  EXPECT_TRUE(item.findAndGetSequenceItem(key, found, number).good()) << key.toString();
  return *found;
}

TEST(Seg, ReadsBackOddSizesVoxelForVoxel) {
  for (const Size3& size :
       {Size3{13, 11, 7}, Size3{10, 7, 5}, Size3{251, 333, 5}, Size3{181, 217, 6}}) {
    const Geometry geometry = gridOf(size, {0.7, 0.8, 3.0}, {1.0, 2.0, 3.0});
    expectRoundTrip(geometry, sourceOf(geometry));
  }
}

TEST(Seg, ReadsBackInEveryOrientation) {
  const Size3 size{20, 18, 9};
  const Vec3 spacing{0.9, 1.1, 2.5};
  const Vec3 origin{-12.34567, 7.0001, -101.25};
  for (const auto& [row, column] : {std::pair<Vec3, Vec3>{{1, 0, 0}, {0, 1, 0}},    // axial
                                    std::pair<Vec3, Vec3>{{0, 1, 0}, {0, 0, -1}},   // sagittal
                                    std::pair<Vec3, Vec3>{{1, 0, 0}, {0, 0, -1}},   // coronal
                                    std::pair<Vec3, Vec3>{{-1, 0, 0}, {0, -1, 0}},  // prone
                                    std::pair<Vec3, Vec3>{{0.8, 0.5, 0.3}, {-0.4, 0.9, 0.1}}}) {
    const Geometry geometry = gridOf(size, spacing, origin, row, column);
    expectRoundTrip(geometry, sourceOf(geometry));
  }
}

TEST(Seg, FollowsTheAcquiredSlicesWhereTheyAreUnevenTiltedOrRunDown) {
  const Geometry uneven = test::uneven(smallGrid());
  expectRoundTrip(uneven, sourceOf(uneven));
  const Geometry tilted = test::tilted(smallGrid(), 14.0);
  expectRoundTrip(tilted, sourceOf(tilted));
  Geometry down = smallGrid();
  down.lpsFromIndex.setColumn(2, down.lpsFromIndex.column(2) * -1.0);
  expectRoundTrip(down, sourceOf(down));
}

TEST(Seg, TakesEachSlicesOwnPositionAndNotTheRegularGrid) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.slices[3].positionMm.z += 0.07;
  expectRoundTrip(geometry, source);
  const auto path = test::testDir() / "seg.dcm";
  ASSERT_TRUE(writeSeg(path, overlappingShapes(geometry), source));
  const auto file = loaded(path);
  DcmSequenceOfItems* groups = nullptr;
  ASSERT_TRUE(
      file->getDataset()->findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, groups).good());
  int seen = 0;
  for (unsigned long n = 0; n < groups->card(); ++n) {
    DcmItem& group = *groups->getItem(n);
    DcmItem& image = itemOf(itemOf(group, DCM_DerivationImageSequence), DCM_SourceImageSequence);
    if (valueOf(image, DCM_ReferencedSOPInstanceUID) == source.slices[3].sopInstanceUid) {
      EXPECT_EQ(valueOf(itemOf(group, DCM_PlanePositionSequence), DCM_ImagePositionPatient),
                "-12.34567\\7.0001\\-93.68");
      ++seen;
    }
  }
  EXPECT_GE(seen, 3);
}

TEST(Seg, LiesRightOnAGridCutOutOfTheSeries) {
  const Geometry whole = smallGrid();
  const SourceSeries source = sourceOf(whole);
  const Box box{{3, 2, 2}, {18, 15, 8}};
  SourceSeries cut = source;
  cut.slices.assign(source.slices.begin() + 2, source.slices.begin() + 8);
  const Geometry part = cropped(whole, box);
  const Segmentation masks = overlappingShapes(part);
  const auto path = test::testDir() / "seg.dcm";
  const auto written = writeSeg(path, masks, cut);
  ASSERT_TRUE(written) << written.error().message;
  const auto back = readSeg(path, whole, source);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_THAT(back->warnings, IsEmpty());
  for (std::size_t n = 0; n < masks.structures().size(); ++n) {
    const StructureId id = back->segmentation.structures()[n].id;
    EXPECT_EQ(masks.mask(masks.structures()[n].id, part.box()), back->segmentation.mask(id, box));
    EXPECT_EQ(masks.voxelCount(masks.structures()[n].id), back->segmentation.voxelCount(id));
  }
}

TEST(Seg, KeepsNamesCodesSidesColoursOriginsAndModels) {
  const Geometry geometry = smallGrid();
  Segmentation masks = overlappingShapes(geometry);
  Structure ball = masks.structures()[0];
  ball.name = "K\xc3\xb6rper";  // in ISO_IR 100, the set of the study
  masks.update(ball);
  const auto path = test::testDir() / "seg.dcm";
  const auto written = writeSeg(path, masks, sourceOf(geometry));
  ASSERT_TRUE(written) << written.error().message;
  const auto back = readSeg(path, geometry, sourceOf(geometry));
  ASSERT_TRUE(back) << back.error().message;
  const auto& read = back->segmentation.structures();
  ASSERT_EQ(read.size(), masks.structures().size());
  for (std::size_t n = 0; n < read.size(); ++n) {
    const Structure& drawn = masks.structures()[n];
    EXPECT_EQ(read[n].name, drawn.name);
    EXPECT_EQ(read[n].color, drawn.color) << drawn.name;
    EXPECT_EQ(read[n].side, drawn.side) << drawn.name;
    EXPECT_EQ(read[n].origin, drawn.origin) << drawn.name;
    EXPECT_EQ(read[n].model, drawn.model) << drawn.name;
    EXPECT_EQ(read[n].modelHash, drawn.modelHash) << drawn.name;
    EXPECT_EQ(read[n].code, drawn.code) << drawn.name;
    EXPECT_EQ(read[n].category, drawn.category) << drawn.name;
    EXPECT_EQ(read[n].interpretedType, drawn.interpretedType) << drawn.name;
  }
  EXPECT_NE(read[2].layer, read[0].layer);  // the block overlaps ball and shell
  EXPECT_EQ(read[0].layer, read[1].layer);
  const auto summary = summarizeSeg(path);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->type, "BINARY");
  EXPECT_THAT(summary->structures, ElementsAre(ball.name, "Shell", "Block", "Dust", "Corner"));
  EXPECT_THAT(summary->referencedSeriesUids, ElementsAre("2.25.1001"));
  EXPECT_EQ(summary->frameOfReferenceUid, "2.25.1002");
}

TEST(Seg, WritesWhatTheStandardAsksFor) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.lossy = true;
  source.lossyRatio = "12.5";
  source.lossyMethod = "ISO_10918_1";
  Segmentation masks = overlappingShapes(geometry);
  Structure ball = masks.structures()[0];
  ball.edited = true;
  masks.update(ball);
  const auto path = test::testDir() / "seg.dcm";
  SegOptions options;
  options.remark = "forced";
  ASSERT_TRUE(writeSeg(path, masks, source, options));
  const auto file = loaded(path);
  DcmDataset& set = *file->getDataset();
  EXPECT_EQ(set.getOriginalXfer(), EXS_LittleEndianExplicit);
  EXPECT_EQ(valueOf(set, DCM_SOPClassUID), "1.2.840.10008.5.1.4.1.1.66.4");
  EXPECT_EQ(valueOf(set, DCM_Modality), "SEG");
  EXPECT_EQ(valueOf(set, DCM_PatientName),
            "Fixture^Mar\xed"
            "a");
  EXPECT_EQ(valueOf(set, DCM_StudyInstanceUID), "2.25.1000");
  EXPECT_NE(valueOf(set, DCM_SeriesInstanceUID), "2.25.1001");
  EXPECT_EQ(valueOf(set, DCM_FrameOfReferenceUID), "2.25.1002");
  EXPECT_EQ(valueOf(set, DCM_ContentLabel), "ARGAND");
  EXPECT_EQ(valueOf(set, DCM_ContentDescription), "AI segments - not for clinical use");
  EXPECT_EQ(valueOf(set, DCM_DeviceSerialNumber), ball.modelHash);
  EXPECT_EQ(valueOf(set, DCM_LossyImageCompression), "01");
  EXPECT_EQ(valueOf(set, DCM_LossyImageCompressionRatio), "12.5");
  EXPECT_EQ(valueOf(set, DCM_LossyImageCompressionMethod), "ISO_10918_1");
  DcmItem& series = itemOf(set, DCM_ReferencedSeriesSequence);
  EXPECT_EQ(valueOf(series, DCM_SeriesInstanceUID), "2.25.1001");
  DcmSequenceOfItems* images = nullptr;
  ASSERT_TRUE(series.findAndGetSequence(DCM_ReferencedInstanceSequence, images).good());
  EXPECT_EQ(images->card(), 9U);

  DcmItem& first = itemOf(set, DCM_SegmentSequence, 0);
  EXPECT_EQ(valueOf(first, DCM_SegmentNumber), "1");
  EXPECT_EQ(valueOf(first, DCM_SegmentAlgorithmType), "SEMIAUTOMATIC");  // edited by hand
  EXPECT_EQ(valueOf(first, DCM_SegmentAlgorithmName), "testnet 1.2");
  EXPECT_EQ(valueOf(first, DCM_SegmentDescription),
            "testnet 1.2, sha256 " + ball.modelHash + ", forced");
  DcmItem& algorithm = itemOf(first, DCM_SegmentationAlgorithmIdentificationSequence);
  EXPECT_EQ(valueOf(algorithm, DCM_AlgorithmVersion), "1.2");
  DcmItem& type = itemOf(first, DCM_SegmentedPropertyTypeCodeSequence);
  EXPECT_EQ(valueOf(type, DCM_CodeValue), "64033007");
  EXPECT_EQ(valueOf(itemOf(type, DCM_SegmentedPropertyTypeModifierCodeSequence), DCM_CodeValue),
            "7771000");
  EXPECT_EQ(valueOf(itemOf(first, DCM_SegmentedPropertyCategoryCodeSequence), DCM_CodeValue),
            "123037004");
  EXPECT_EQ(valueOf(first, DCM_TrackingID), "Ball");
  EXPECT_THAT(valueOf(first, DCM_TrackingUID), HasSubstr("2.25."));
  DcmItem& block = itemOf(set, DCM_SegmentSequence, 2);
  EXPECT_EQ(valueOf(block, DCM_SegmentAlgorithmType), "MANUAL");
  EXPECT_FALSE(block.tagExists(DCM_SegmentAlgorithmName));
  EXPECT_EQ(valueOf(itemOf(block, DCM_SegmentedPropertyTypeCodeSequence), DCM_CodeValue),
            "85756007");

  // The corner is one voxel: one frame, the last; and no frame is empty.
  const std::string count = valueOf(set, DCM_NumberOfFrames);
  DcmItem& last = itemOf(set, DCM_PerFrameFunctionalGroupsSequence, std::stol(count) - 1);
  EXPECT_EQ(valueOf(itemOf(last, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber),
            "5");
  EXPECT_EQ(valueOf(itemOf(last, DCM_FrameContentSequence), DCM_DimensionIndexValues), "5\\9");
  DcmItem& image = itemOf(itemOf(last, DCM_DerivationImageSequence), DCM_SourceImageSequence);
  EXPECT_EQ(valueOf(image, DCM_SpatialLocationsPreserved), "YES");
  EXPECT_EQ(valueOf(itemOf(image, DCM_PurposeOfReferenceCodeSequence), DCM_CodeValue), "121322");
  EXPECT_LT(std::stol(count), 5 * 9);
}

TEST(Seg, NamesTheFrameOfAMultiFrameImage) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  for (std::size_t k = 0; k < source.slices.size(); ++k) {
    source.slices[k].sopInstanceUid = "2.25.77";
    source.slices[k].frame = static_cast<int>(20 - k);
  }
  expectRoundTrip(geometry, source);
  const auto path = test::testDir() / "seg.dcm";
  ASSERT_TRUE(writeSeg(path, overlappingShapes(geometry), source));
  const auto file = loaded(path);
  DcmItem& group = itemOf(*file->getDataset(), DCM_PerFrameFunctionalGroupsSequence, 0);
  DcmItem& image = itemOf(itemOf(group, DCM_DerivationImageSequence), DCM_SourceImageSequence);
  EXPECT_EQ(valueOf(image, DCM_ReferencedSOPInstanceUID), "2.25.77");
  EXPECT_EQ(valueOf(image, DCM_ReferencedFrameNumber), "18");  // the ball begins on slice 2
}

TEST(Seg, RefusesASourceWithoutUidsUnlessToldToInventThem) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.frameOfReferenceUid.clear();
  const auto path = test::testDir() / "seg.dcm";
  const auto refused = writeSeg(path, overlappingShapes(geometry), source);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("no Frame of Reference UID"));
  EXPECT_FALSE(std::filesystem::exists(path));
  SegOptions options;
  options.inventUids = true;
  const auto written = writeSeg(path, overlappingShapes(geometry), SourceSeries{}, options);
  ASSERT_TRUE(written) << written.error().message;
  const auto file = loaded(path);
  EXPECT_THAT(valueOf(*file->getDataset(), DCM_ContentDescription), HasSubstr("UIDs invented"));
  EXPECT_THAT(valueOf(*file->getDataset(), DCM_SeriesDescription), HasSubstr("UIDs invented"));
}

TEST(Seg, RefusesMasksThatAreNotOnTheSlicesOfTheSeries) {
  const Geometry geometry = smallGrid();
  const auto path = test::testDir() / "seg.dcm";
  const auto expectRefused = [&](const SourceSeries& source) {
    const auto result = writeSeg(path, overlappingShapes(geometry), source);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::InputRefused);
    EXPECT_THAT(result.error().message, HasSubstr("not lie on the slices"));
    EXPECT_FALSE(std::filesystem::exists(path));
  };
  SourceSeries reordered = sourceOf(geometry);
  reordered.framesAreSlices = false;
  expectRefused(reordered);
  SourceSeries moved = sourceOf(geometry);
  moved.slices[4].positionMm.z += 1.0;
  expectRefused(moved);
}

TEST(Seg, RefusesMorePixelDataThanDicomHolds) {
  EXPECT_TRUE(checkPixelBytes(131071, 512, 512));
  const auto refused = checkPixelBytes(131072, 512, 512);  // 4 GiB, to the bit
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("131071 frames of 512 x 512"));
}

TEST(Seg, LeavesEmptyStructuresOutAndWritesOnlyThoseAskedFor) {
  const Geometry geometry = smallGrid();
  Segmentation masks = overlappingShapes(geometry);
  Structure none;
  none.name = "Nothing";
  masks.add(none);
  const auto path = test::testDir() / "seg.dcm";
  const auto without = writeSeg(path, masks, sourceOf(geometry));
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(without->structures.size(), 5U);
  EXPECT_THAT(without->warnings, ElementsAre(Says("'Nothing' is empty")));
  const auto one = writeSeg(path, masks, sourceOf(geometry), {}, {masks.structures()[3].id});
  ASSERT_TRUE(one);
  ASSERT_EQ(one->structures.size(), 1U);
  EXPECT_EQ(one->structures.front().name, "Dust");
  EXPECT_FALSE(writeSeg(path, Segmentation(geometry), sourceOf(geometry)));
}

TEST(Seg, KeepsLongNamesApartAndLettersThatTheStudysCharacterSetLacks) {
  const Geometry geometry = smallGrid();
  Segmentation masks = overlappingShapes(geometry);
  const auto rename = [&](std::size_t n, const std::string& name) {
    Structure structure = masks.structures()[n];
    structure.name = name;
    masks.update(structure);
  };
  rename(0, std::string(70, 'n') + "left");
  rename(1, std::string(70, 'n') + "right");
  rename(2, "\xe8\x84\xb3");  // not in ISO_IR 100, so all is written in UTF-8
  const auto path = test::testDir() / "seg.dcm";
  const auto written = writeSeg(path, masks, sourceOf(geometry));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT(written->warnings, ElementsAre(Says("left"), Says("right")));
  const auto file = loaded(path);
  EXPECT_EQ(valueOf(*file->getDataset(), DCM_SpecificCharacterSet), "ISO_IR 192");
  EXPECT_EQ(valueOf(*file->getDataset(), DCM_PatientName),
            "Fixture^Mar\xc3\xad"
            "a");
  const auto back = readSeg(path, geometry, sourceOf(geometry));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->segmentation.structures()[0].name, std::string(64, 'n'));
  EXPECT_EQ(back->segmentation.structures()[1].name, std::string(62, 'n') + "~2");
  EXPECT_EQ(back->segmentation.structures()[2].name, "\xe8\x84\xb3");
}

TEST(Seg, GivesEveryExportNewUids) {
  const Geometry geometry = smallGrid();
  const auto folder = test::testDir();
  std::set<std::string> uids;
  for (int n = 0; n < 3; ++n) {
    const auto path = folder / (std::to_string(n) + ".dcm");
    ASSERT_TRUE(writeSeg(path, overlappingShapes(geometry), sourceOf(geometry)));
    const auto file = loaded(path);
    uids.insert(valueOf(*file->getDataset(), DCM_SOPInstanceUID));
    uids.insert(valueOf(*file->getDataset(), DCM_SeriesInstanceUID));
    uids.insert(valueOf(itemOf(*file->getDataset(), DCM_DimensionOrganizationSequence),
                        DCM_DimensionOrganizationUID));
    uids.insert(valueOf(itemOf(*file->getDataset(), DCM_SegmentSequence), DCM_TrackingUID));
  }
  EXPECT_EQ(uids.size(), 12U);
}

TEST(Seg, LeavesNoFileWhenCancelledOrWhereTheFolderCannotBeWrittenTo) {
  const Geometry geometry = smallGrid();
  const auto folder = test::testDir();
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled = writeSeg(folder / "seg.dcm",
                                  overlappingShapes(geometry),
                                  sourceOf(geometry),
                                  {},
                                  {},
                                  stop.get_token());
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::Cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  const auto absent =
      writeSeg(folder / "absent" / "seg.dcm", overlappingShapes(geometry), sourceOf(geometry));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::OutputFailed);
}

}  // namespace
}  // namespace argand::dicom
