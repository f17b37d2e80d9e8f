// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/rtstruct/rtstruct.h"

#include "core/volume/label_table.h"
#include "tests/core/dicom/rtstruct/nine_shapes.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <sstream>

namespace argand::dicom {
namespace {

using test::gridOf;
using test::Says;
using test::sourceOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A ball, a shell round it in another layer, and scattered voxels.
Segmentation smallCase(const Geometry& geometry) {
  Segmentation result(geometry);
  const Box box = geometry.box();
  const Vec3 middle{static_cast<double>(box.end.i) * 0.45,
                    static_cast<double>(box.end.j) * 0.55,
                    static_cast<double>(box.end.k) * 0.5};
  std::mt19937 random(11);
  for (int shape = 0; shape < 3; ++shape) {
    std::vector<std::uint8_t> mask;
    for (std::int64_t k = 0; k < box.end.k; ++k) {
      for (std::int64_t j = 0; j < box.end.j; ++j) {
        for (std::int64_t i = 0; i < box.end.i; ++i) {
          const Vec3 index{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
          const double r = length(index - middle);
          const bool inside = shape == 0   ? r < 4.0
                              : shape == 1 ? r < 7.0 && r > 4.5
                                           : random() % 5 == 0;
          mask.push_back(inside ? 1 : 0);
        }
      }
    }
    Structure structure;
    structure.name = std::array{"Ball", "Shell", "Dust"}[static_cast<std::size_t>(shape)];
    structure.color = {10, 20, static_cast<std::uint8_t>(30 + shape)};
    structure.origin = std::array{
        Origin::Automatic, Origin::SemiAutomatic, Origin::Manual}[static_cast<std::size_t>(shape)];
    structure.layer = shape / 2;
    structure.model = shape == 2 ? "" : "testnet 1.0";
    result.assign(result.add(std::move(structure)), box, mask);
  }
  return result;
}

Geometry smallGrid() {
  return gridOf({20, 18, 9}, {0.9, 1.1, 2.5}, {-12.34567, 7.0001, -101.25});
}

void expectSameMasks(const Segmentation& a, const Segmentation& b) {
  ASSERT_EQ(a.structures().size(), b.structures().size());
  const Box box = a.geometry().box();
  for (std::size_t n = 0; n < a.structures().size(); ++n) {
    EXPECT_EQ(a.structures()[n].name, b.structures()[n].name);
    EXPECT_EQ(a.mask(a.structures()[n].id, box), b.mask(b.structures()[n].id, box))
        << a.structures()[n].name;
  }
}

void expectRoundTrip(const Geometry& geometry, const SourceSeries& source) {
  const Segmentation masks = smallCase(geometry);
  for (const HoleStyle style : {HoleStyle::Keyhole, HoleStyle::Xor}) {
    const auto path = test::testDir() / "rt.dcm";
    RtStructOptions options;
    options.holes = style;
    const auto written = writeRtStruct(path, masks, source, options);
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_TRUE(written->warnings.empty()) << joined(written->warnings);
    for (const WrittenStructure& structure : written->structures) {
      EXPECT_EQ(structure.diceReadBack, 1.0);
      EXPECT_GT(structure.contours, 0);
    }
    const auto back = readRtStruct(path, geometry, source);
    ASSERT_TRUE(back) << back.error().message;
    expectSameMasks(masks, back->segmentation);
  }
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

TEST(RtStruct, ReadsBackNineShapesVoxelForVoxel) {
  const Geometry geometry =
      gridOf(test::kNineShapesSize, test::kNineShapesSpacingMm, {-133.7, -101.013, 54.55});
  const SourceSeries source = sourceOf(geometry);
  const Segmentation masks = test::nineShapes(geometry);
  const auto path = test::testDir() / "rt.dcm";
  const auto written = writeRtStruct(path, masks, source);
  ASSERT_TRUE(written) << written.error().message;
  for (const WrittenStructure& structure : written->structures) {
    EXPECT_EQ(structure.diceReadBack, 1.0) << structure.name;
  }
  for (const FillRule rule : {FillRule::EvenOdd, FillRule::Union}) {
    const auto back = readRtStruct(path, geometry, source, rule);
    ASSERT_TRUE(back) << back.error().message;
    expectSameMasks(masks, back->segmentation);
  }
}

TEST(RtStruct, ReadsBackInEveryOrientation) {
  const Size3 size{20, 18, 9};
  const Vec3 spacing{0.9, 1.1, 2.5};
  const Vec3 origin{-12.34567, 7.0001, -101.25};
  expectRoundTrip(gridOf(size, spacing, origin), sourceOf(gridOf(size, spacing, origin)));
  for (const auto& [row, column] : {std::pair<Vec3, Vec3>{{0, 1, 0}, {0, 0, -1}},   // sagittal
                                    std::pair<Vec3, Vec3>{{1, 0, 0}, {0, 0, -1}},   // coronal
                                    std::pair<Vec3, Vec3>{{-1, 0, 0}, {0, -1, 0}},  // prone
                                    std::pair<Vec3, Vec3>{{0.8, 0.5, 0.3}, {-0.4, 0.9, 0.1}}}) {
    const Geometry geometry = gridOf(size, spacing, origin, row, column);
    expectRoundTrip(geometry, sourceOf(geometry));
  }
}

TEST(RtStruct, ReadsBackOnPixelsOfAFifthAndOfATwentiethOfAMillimetre) {
  for (const double side : {0.2, 0.05, 0.004}) {
    const Geometry geometry = gridOf({20, 18, 9},
                                     {side, side, side},
                                     {3.14159, -2.71828, 1.41421},
                                     {0.8, 0.5, 0.3},
                                     {-0.4, 0.9, 0});
    expectRoundTrip(geometry, sourceOf(geometry));
  }
}

TEST(RtStruct, FollowsTheAcquiredSlicesWhereTheyAreUnevenTiltedOrRunDown) {
  Geometry geometry = smallGrid();
  const Vec3 normal = geometry.sliceNormal();
  double height = 0.0;
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    geometry.sliceOrigins.push_back(geometry.lpsFromIndex.offset + normal * height);
    height += k % 3 == 1 ? 5.0 : 2.5;
  }
  expectRoundTrip(geometry, sourceOf(geometry));

  Geometry tilted = smallGrid();
  tilted.lpsFromIndex.setColumn(2, {0.0, 0.62, 2.5});  // the gantry leans by 14 degrees
  expectRoundTrip(tilted, sourceOf(tilted));

  Geometry down = smallGrid();
  down.lpsFromIndex.setColumn(2, down.lpsFromIndex.column(2) * -1.0);
  expectRoundTrip(down, sourceOf(down));
}

TEST(RtStruct, TakesEachSlicesOwnPositionAndNotTheRegularGrid) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.slices[3].positionMm.z += 0.07;  // regular to the volume, not to a planning system
  expectRoundTrip(geometry, source);
  const auto path = test::testDir() / "rt.dcm";
  ASSERT_TRUE(writeRtStruct(path, smallCase(geometry), source));
  const auto file = loaded(path);
  bool seen = false;
  DcmItem& roi = itemOf(*file->getDataset(), DCM_ROIContourSequence, 0);
  for (long n = 0; n < 5 && !seen; ++n) {
    DcmItem& contour = itemOf(roi, DCM_ContourSequence, n);
    DcmItem& image = itemOf(contour, DCM_ContourImageSequence);
    if (valueOf(image, DCM_ReferencedSOPInstanceUID) == source.slices[3].sopInstanceUid) {
      EXPECT_THAT(valueOf(contour, DCM_ContourData), HasSubstr("\\-93.680\\"));
      seen = true;
    }
  }
  EXPECT_TRUE(seen);
}

TEST(RtStruct, LiesRightOnAGridCutOutOfTheSeries) {
  const Geometry whole = smallGrid();
  const SourceSeries source = sourceOf(whole);
  const Box box{{3, 2, 2}, {17, 15, 8}};
  SourceSeries cut = source;
  cut.slices.assign(source.slices.begin() + 2, source.slices.begin() + 8);
  const Geometry part = cropped(whole, box);
  const Segmentation masks = smallCase(part);
  const auto path = test::testDir() / "rt.dcm";
  ASSERT_TRUE(writeRtStruct(path, masks, cut));
  const auto back = readRtStruct(path, whole, source);
  ASSERT_TRUE(back) << back.error().message;
  for (std::size_t n = 0; n < masks.structures().size(); ++n) {
    const StructureId id = back->segmentation.structures()[n].id;
    EXPECT_EQ(masks.mask(masks.structures()[n].id, part.box()), back->segmentation.mask(id, box));
    EXPECT_EQ(masks.voxelCount(masks.structures()[n].id), back->segmentation.voxelCount(id));
  }
}

// A label map does not say who drew it, so neither does what is made of it.
TEST(RtStruct, SaysNothingOfWhoDrewALabelMap) {
  const Geometry geometry = smallGrid();
  LabelMap labels{geometry, {}};
  labels.voxels.assign(static_cast<std::size_t>(geometry.size.voxels()), 0);
  std::fill_n(labels.voxels.begin() + 3 * 20 * 18 + 5 * 20 + 4, 9, LabelValue{1});
  const Segmentation read = segmentationFrom(labels, LabelTable());
  ASSERT_FALSE(read.structures().empty());
  const auto path = test::testDir() / "rt.dcm";
  const auto written = writeRtStruct(path, read, sourceOf(geometry));
  ASSERT_TRUE(written) << written.error().message;
  const auto back = readRtStruct(path, geometry, sourceOf(geometry));
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->segmentation.structures().size(), read.structures().size());
  for (const Structure& structure : back->segmentation.structures()) {
    EXPECT_EQ(structure.origin, Origin::Unknown) << structure.name;
  }
}

TEST(RtStruct, KeepsNamesColoursOriginsTypesAndCodes) {
  const Geometry geometry = smallGrid();
  Segmentation masks = smallCase(geometry);
  Structure ball = masks.structures()[0];
  ball.name = "K\xc3\xb6rper";  // in ISO_IR 100, the set of the study
  ball.interpretedType = "EXTERNAL";
  ball.code = Code{"SCT", "38266002", "Body"};
  masks.update(ball);
  const auto path = test::testDir() / "rt.dcm";
  const auto written = writeRtStruct(path, masks, sourceOf(geometry));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_TRUE(written->warnings.empty());
  const auto back = readRtStruct(path, geometry, sourceOf(geometry));
  ASSERT_TRUE(back);
  const auto& read = back->segmentation.structures();
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].name, ball.name);
  EXPECT_EQ(read[0].color, ball.color);
  EXPECT_EQ(read[0].interpretedType, "EXTERNAL");
  EXPECT_EQ(read[0].code, ball.code);
  EXPECT_EQ(read[0].model, "testnet 1.0");
  EXPECT_EQ(read[0].origin, Origin::Automatic);
  EXPECT_EQ(read[1].origin, Origin::SemiAutomatic);
  EXPECT_EQ(read[2].origin, Origin::Manual);
  EXPECT_EQ(read[1].interpretedType, "ORGAN");
  EXPECT_EQ(read[1].layer, 0);
  EXPECT_EQ(read[2].layer, 1);  // it overlaps the others
  const auto summary = summarizeRtStruct(path);
  ASSERT_TRUE(summary);
  EXPECT_THAT(summary->structures, ElementsAre(ball.name, "Shell", "Dust"));
  EXPECT_THAT(summary->referencedSeriesUids, ElementsAre("2.25.1001"));
  EXPECT_EQ(summary->frameOfReferenceUid, "2.25.1002");
}

TEST(RtStruct, WritesWhatPlanningSystemsAskFor) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.patientAndStudy.pop_back();  // no Study ID
  source.patientAndStudy.push_back({0x00101010, "AS", "056Y"});
  source.patientAndStudy.push_back({0x001021C0, "US", "4"});  // Pregnancy Status
  Segmentation masks = smallCase(geometry);
  Structure ball = masks.structures()[0];
  ball.edited = true;
  ball.modelHash = std::string(64, 'b');
  masks.update(ball);
  const auto path = test::testDir() / "rt.dcm";
  RtStructOptions options;
  options.remark = "forced";
  ASSERT_TRUE(writeRtStruct(path, masks, source, options));
  const auto file = loaded(path);
  DcmDataset& set = *file->getDataset();
  EXPECT_EQ(set.getOriginalXfer(), EXS_LittleEndianImplicit);
  EXPECT_EQ(valueOf(set, DCM_SOPClassUID), "1.2.840.10008.5.1.4.1.1.481.3");
  EXPECT_EQ(valueOf(set, DCM_Modality), "RTSTRUCT");
  EXPECT_EQ(valueOf(set, DCM_SpecificCharacterSet), "ISO_IR 100");
  EXPECT_EQ(valueOf(set, DCM_PatientName),
            "Fixture^Mar\xed"
            "a");
  EXPECT_EQ(valueOf(set, DCM_PatientAge), "056Y");
  EXPECT_EQ(valueOf(set, DCM_PregnancyStatus), "4");
  EXPECT_EQ(valueOf(set, DCM_StudyInstanceUID), "2.25.1000");
  EXPECT_EQ(valueOf(set, DCM_FrameOfReferenceUID), "2.25.1002");
  for (const DcmTagKey& empty : {DCM_StudyID,
                                 DCM_ReferringPhysicianName,
                                 DCM_OperatorsName,
                                 DCM_PositionReferenceIndicator}) {
    EXPECT_TRUE(set.tagExists(empty)) << empty.toString();
    EXPECT_EQ(valueOf(set, empty), "");
  }
  EXPECT_EQ(valueOf(set, DCM_SeriesDescription), "AI contours - not for clinical use");
  EXPECT_EQ(valueOf(set, DCM_Manufacturer), "Argand");
  EXPECT_EQ(valueOf(set, DCM_DeviceSerialNumber), ball.modelHash);
  EXPECT_EQ(valueOf(set, DCM_ApprovalStatus), "UNAPPROVED");
  DcmItem& frame = itemOf(set, DCM_ReferencedFrameOfReferenceSequence);
  DcmItem& series =
      itemOf(itemOf(frame, DCM_RTReferencedStudySequence), DCM_RTReferencedSeriesSequence);
  DcmSequenceOfItems* images = nullptr;
  ASSERT_TRUE(series.findAndGetSequence(DCM_ContourImageSequence, images).good());
  EXPECT_EQ(images->card(), 9U);
  DcmItem& roi = itemOf(set, DCM_StructureSetROISequence);
  EXPECT_EQ(valueOf(roi, DCM_ROIGenerationAlgorithm), "SEMIAUTOMATIC");  // edited by hand
  EXPECT_EQ(valueOf(roi, DCM_ROIGenerationDescription), "testnet 1.0, sha256 bbbbbbbbbbbb, forced");
  EXPECT_THAT(valueOf(roi, DCM_ROIDescription), HasSubstr(ball.modelHash));
  DcmItem& observation = itemOf(set, DCM_RTROIObservationsSequence, 1);
  EXPECT_EQ(valueOf(observation, DCM_RTROIInterpretedType), "ORGAN");
  EXPECT_EQ(valueOf(observation, DCM_ROIInterpreter), "");
}

TEST(RtStruct, WritesNumbersThatEverySystemParses) {
  Geometry geometry = smallGrid();
  geometry.lpsFromIndex.offset = {-9.0, 0.0, 0.0};  // contour points at 0 and just beside it
  const auto path = test::testDir() / "rt.dcm";
  ASSERT_TRUE(writeRtStruct(path, smallCase(geometry), sourceOf(geometry)));
  const auto file = loaded(path);
  DcmItem& roi = itemOf(*file->getDataset(), DCM_ROIContourSequence, 2);
  DcmSequenceOfItems* contours = nullptr;
  ASSERT_TRUE(roi.findAndGetSequence(DCM_ContourSequence, contours).good());
  for (unsigned long n = 0; n < contours->card(); ++n) {
    std::istringstream numbers(valueOf(*contours->getItem(n), DCM_ContourData));
    std::string number;
    std::size_t count = 0;
    while (std::getline(numbers, number, '\\')) {
      EXPECT_LE(number.size(), 16U);
      EXPECT_EQ(number.find_first_not_of("-0123456789."), std::string::npos) << number;
      EXPECT_NE(number, "-0.000");
      EXPECT_EQ(number.size() - number.find('.'), 4U) << number;
      ++count;
    }
    EXPECT_EQ(std::to_string(count / 3), valueOf(*contours->getItem(n), DCM_NumberOfContourPoints));
  }
}

TEST(RtStruct, NamesTheFrameOfAMultiFrameImage) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  for (std::size_t k = 0; k < source.slices.size(); ++k) {
    source.slices[k].sopInstanceUid = "2.25.77";
    source.slices[k].frame = static_cast<int>(20 - k);
  }
  expectRoundTrip(geometry, source);
  const auto path = test::testDir() / "rt.dcm";
  ASSERT_TRUE(writeRtStruct(path, smallCase(geometry), source));
  const auto file = loaded(path);
  DcmItem& contour =
      itemOf(itemOf(*file->getDataset(), DCM_ROIContourSequence, 2), DCM_ContourSequence);
  EXPECT_EQ(valueOf(itemOf(contour, DCM_ContourImageSequence), DCM_ReferencedFrameNumber), "20");
}

TEST(RtStruct, RefusesASourceWithoutUidsUnlessToldToInventThem) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.frameOfReferenceUid.clear();
  const auto path = test::testDir() / "rt.dcm";
  const auto refused = writeRtStruct(path, smallCase(geometry), source);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("no Frame of Reference UID"));
  EXPECT_FALSE(std::filesystem::exists(path));

  RtStructOptions options;
  options.inventUids = true;
  const auto written = writeRtStruct(path, smallCase(geometry), SourceSeries{}, options);
  ASSERT_TRUE(written) << written.error().message;
  const auto file = loaded(path);
  EXPECT_THAT(valueOf(*file->getDataset(), DCM_SeriesDescription), HasSubstr("UIDs invented"));
  const auto back = readRtStruct(path, geometry, SourceSeries{});
  ASSERT_TRUE(back);
  expectSameMasks(smallCase(geometry), back->segmentation);
}

TEST(RtStruct, RefusesMasksThatAreNotOnTheSlicesOfTheSeries) {
  const Geometry geometry = smallGrid();
  const auto path = test::testDir() / "rt.dcm";
  const auto expectRefused = [&](const SourceSeries& source) {
    const auto result = writeRtStruct(path, smallCase(geometry), source);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::InputRefused);
    EXPECT_THAT(result.error().message, HasSubstr("not lie on the slices"));
    EXPECT_FALSE(std::filesystem::exists(path));
  };
  SourceSeries reordered = sourceOf(geometry);
  reordered.framesAreSlices = false;
  expectRefused(reordered);
  SourceSeries fewer = sourceOf(geometry);
  fewer.slices.pop_back();
  expectRefused(fewer);
  SourceSeries moved = sourceOf(geometry);
  moved.slices[4].positionMm.z += 1.0;
  expectRefused(moved);
  SourceSeries turned = sourceOf(geometry);
  turned.rowCosine = {0, 1, 0};
  expectRefused(turned);
}

TEST(RtStruct, LeavesEmptyStructuresOutUnlessAsked) {
  const Geometry geometry = smallGrid();
  Segmentation masks = smallCase(geometry);
  Structure none;
  none.name = "Nothing";
  masks.add(none);
  const auto path = test::testDir() / "rt.dcm";
  const auto without = writeRtStruct(path, masks, sourceOf(geometry));
  ASSERT_TRUE(without);
  EXPECT_EQ(without->structures.size(), 3U);
  EXPECT_THAT(without->warnings, ElementsAre(Says("'Nothing' is empty")));
  RtStructOptions options;
  options.includeEmpty = true;
  const auto with = writeRtStruct(path, masks, sourceOf(geometry), options);
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_EQ(with->structures.back().contours, 0);
  const auto one =
      writeRtStruct(path, masks, sourceOf(geometry), {}, {masks.structures()[1].id}, {}, {});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->structures.front().name, "Shell");
  const auto nothing = writeRtStruct(path, Segmentation(geometry), sourceOf(geometry));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::InputRefused);
}

TEST(RtStruct, CutsWhatIsTooLongAndSaysSo) {
  const Geometry geometry = smallGrid();
  SourceSeries source = sourceOf(geometry);
  source.patientAndStudy.push_back({0x00200010, "SH", "STUDY-ID-OF-MORE-THAN-16"});
  source.patientAndStudy.push_back({0x00100020, "LO", std::string(70, '7')});
  Segmentation masks = smallCase(geometry);
  Structure ball = masks.structures()[0];
  ball.name = std::string(70, 'n');
  masks.update(ball);
  Structure shell = masks.structures()[1];
  shell.name = "\xe8\x84\xb3";  // not in ISO_IR 100, so all is written in UTF-8
  masks.update(shell);
  const auto path = test::testDir() / "rt.dcm";
  const auto written = writeRtStruct(path, masks, source);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->warnings.size(), 2U);
  const auto file = loaded(path);
  DcmDataset& set = *file->getDataset();
  EXPECT_EQ(valueOf(set, DCM_StudyID), "STUDY-ID-OF-MORE");
  EXPECT_EQ(valueOf(set, DCM_PatientID), std::string(70, '7'));  // never altered
  EXPECT_EQ(valueOf(itemOf(set, DCM_StructureSetROISequence, 0), DCM_ROIName),
            std::string(64, 'n'));
  EXPECT_EQ(valueOf(itemOf(set, DCM_StructureSetROISequence, 1), DCM_ROIName), shell.name);
  EXPECT_EQ(valueOf(set, DCM_SpecificCharacterSet), "ISO_IR 192");
  EXPECT_EQ(valueOf(set, DCM_PatientName),
            "Fixture^Mar\xc3\xad"
            "a");
}

TEST(RtStruct, GivesEveryExportNewUids) {
  const Geometry geometry = smallGrid();
  const auto folder = test::testDir();
  std::set<std::string> uids;
  for (int n = 0; n < 3; ++n) {
    const auto path = folder / (std::to_string(n) + ".dcm");
    ASSERT_TRUE(writeRtStruct(path, smallCase(geometry), sourceOf(geometry)));
    const auto file = loaded(path);
    uids.insert(valueOf(*file->getDataset(), DCM_SOPInstanceUID));
    uids.insert(valueOf(*file->getDataset(), DCM_SeriesInstanceUID));
  }
  EXPECT_EQ(uids.size(), 6U);
  for (const std::string& uid : uids) {
    EXPECT_LE(uid.size(), 64U);
  }
}

TEST(RtStruct, LeavesNoFileWhenCancelled) {
  const Geometry geometry = smallGrid();
  const auto folder = test::testDir();
  std::stop_source stop;
  stop.request_stop();
  const auto result = writeRtStruct(
      folder / "rt.dcm", smallCase(geometry), sourceOf(geometry), {}, {}, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(RtStruct, SaysThatAFolderCannotBeWrittenTo) {
  const Geometry geometry = smallGrid();
  const auto result =
      writeRtStruct(test::testDir() / "absent" / "rt.dcm", smallCase(geometry), sourceOf(geometry));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::OutputFailed);
}

}  // namespace
}  // namespace argand::dicom
