// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/dicom/series/frames.h"
#include "tests/core/dicom/series/reading.h"

#include <gmock/gmock.h>

// What kinds of objects are images, and by which name others are refused.
namespace argand::dicom {
namespace {

namespace fs = std::filesystem;
using test::entryOf;
using test::evenSlices;
using test::refusalOf;
using test::SyntheticSlice;
using test::volumeOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<SyntheticSlice> slicesWith(const std::map<std::string, std::string>& attributes) {
  auto slices = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes = attributes;
  }
  return slices;
}

TEST(DicomObjects, AreRefusedAsMosaicsOnlyWhereTheyAre) {
  EXPECT_THAT(refusalOf(slicesWith(
                  {{"0008,0008", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC"}, {"0008,0070", "SIEMENS"}})),
              HasSubstr("Siemens mosaic"));
  EXPECT_THAT(
      refusalOf(slicesWith({{"0008,0008", "ORIGINAL\\PRIMARY\\MOSAIC"}, {"0008,0070", "UIH"}})),
      HasSubstr("UIH mosaic"));
  EXPECT_EQ(refusalOf(slicesWith(
                {{"0008,0008", "ORIGINAL\\PRIMARY\\MOSAICS"}, {"0008,0070", "SIEMENS"}})),
            "");
  EXPECT_EQ(refusalOf(slicesWith(
                {{"0008,0008", "ORIGINAL\\PRIMARY\\MOSAIC"}, {"0008,0070", "GE MEDICAL SYSTEMS"}})),
            "");
}

// A multi-frame object of `frames` frames along z, each with a slope of its own.
SyntheticSlice enhanced(int frames) {
  SyntheticSlice slice;
  slice.attributes = {{"0008,0016", UID_EnhancedMRImageStorage},
                      {"0008,0008", "ORIGINAL\\PRIMARY\\MOSAIC\\NONE"},
                      {"0008,0070", "SIEMENS"},
                      {"0008,0060", "MR"},
                      {"0020,0032", ""},
                      {"0020,0037", ""},
                      {"0028,0030", ""},
                      {"0028,0008", std::to_string(frames)}};
  slice.edit = [frames](DcmDataset& dataset) {
    DcmItem* shared = nullptr;
    DcmItem* item = nullptr;
    dataset.findOrCreateSequenceItem(DCM_SharedFunctionalGroupsSequence, shared);
    shared->findOrCreateSequenceItem(DCM_PixelMeasuresSequence, item);
    item->putAndInsertString(DCM_PixelSpacing, "1\\1");
    shared->findOrCreateSequenceItem(DCM_PlaneOrientationSequence, item);
    item->putAndInsertString(DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
    std::vector<Uint16> pixels;
    for (int n = 0; n < frames; ++n) {
      DcmItem* own = nullptr;
      dataset.findOrCreateSequenceItem(DCM_PerFrameFunctionalGroupsSequence, own, -2);
      own->findOrCreateSequenceItem(DCM_PlanePositionSequence, item);
      item->putAndInsertString(DCM_ImagePositionPatient, fmt::format("0\\0\\{}", 2 * n).c_str());
      own->findOrCreateSequenceItem(DCM_PixelValueTransformationSequence, item);
      item->putAndInsertString(DCM_RescaleSlope, std::to_string(n + 1).c_str());
      item->putAndInsertString(DCM_RescaleIntercept, std::to_string(-n).c_str());
      item->putAndInsertString(DCM_RescaleType, "US");
      pixels.insert(pixels.end(), 12, static_cast<Uint16>(10 + n));
    }
    dataset.putAndInsertUint16Array(
        DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size()));
  };
  return slice;
}

TEST(DicomObjects, TakeThePixelValueTransformationOfEachFrame) {
  const auto volume = volumeOf({enhanced(7)});
  ASSERT_TRUE(volume) << volume.error().message;
  for (int k = 0; k < 7; ++k) {
    EXPECT_EQ(volume->at({1, 1, k}), (10.0 + k) * (k + 1) - k);
  }
  EXPECT_EQ(volume->source->slices.at(6).frame, 7);
}

TEST(DicomObjects, AreRefusedByTheNameOfTheirPictures) {
  EXPECT_THAT(refusalOf(slicesWith({{"0028,0004", "MONOCHROME1"}})), HasSubstr("MONOCHROME1"));
  EXPECT_THAT(refusalOf(slicesWith({{"0028,0004", "PALETTE COLOR"}})), HasSubstr("PALETTE COLOR"));
  auto slices = slicesWith({{"0028,0004", "RGB"}});
  for (SyntheticSlice& slice : slices) {
    slice.edit = [](DcmDataset& d) { d.putAndInsertUint16(DCM_SamplesPerPixel, 3); };
  }
  EXPECT_THAT(refusalOf(slices), HasSubstr("RGB, 3 samples per pixel"));
}

// Writes the transfer syntax `uid`, of 22 to 24 characters, over that of a written file.
void setTransferSyntax(const fs::path& path, std::string uid) {
  std::string bytes = *readTextFile(path);
  const std::string known =
      std::string("\x02\x00\x10\x00UI\x14\x00", 8) + UID_LittleEndianExplicitTransferSyntax;
  const auto at = bytes.find(known);
  ASSERT_NE(at, std::string::npos);
  uid.resize(24, '\0');
  bytes.replace(at + 8, 20, uid);
  bytes[at + 6] = 24;
  bytes[140] = static_cast<char>(bytes[140] + 4);  // File Meta Information Group Length
  ASSERT_TRUE(writeFileAtomically(path, bytes));
}

TEST(DicomObjects, AreRefusedByTheNameOfTheirTransferSyntax) {
  const fs::path path = test::testDir() / "slice.dcm";
  for (const auto& [uid, name] :
       {std::pair{"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)"},
        std::pair{"1.2.840.10008.1.2.4.110", "JPEG XL Lossless"},
        std::pair{"1.2.840.10008.1.2.4.102", "MPEG-4"},
        std::pair{"1.2.840.10008.1.2.4.999", "1.2.840.10008.1.2.4.999"}}) {
    test::writeSlice(path, evenSlices(1, 1.0)[0]);
    setTransferSyntax(path, uid);
    const auto found = scan(path);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->refused.size(), 1U) << uid;
    EXPECT_THAT(found->refused[0].reason,
                AllOf(HasSubstr(name), HasSubstr(uid), Not(HasSubstr("damaged"))));
  }
}

TEST(DicomObjects, ArePrimaryOnlyWhereTheyImageThePatient) {
  const auto isPrimary = [](const std::map<std::string, std::string>& attributes) {
    DcmDataset dataset;
    dataset.putAndInsertString(DCM_SOPClassUID, UID_CTImageStorage);
    dataset.putAndInsertString(DCM_Modality, "CT");
    for (const auto& [tag, value] : attributes) {
      const DcmTagKey key(static_cast<Uint16>(std::stoul(tag.substr(0, 4), nullptr, 16)),
                          static_cast<Uint16>(std::stoul(tag.substr(5), nullptr, 16)));
      dataset.putAndInsertString(key, value.c_str());
    }
    return infoOf(dataset).primary;
  };
  EXPECT_TRUE(isPrimary({}));
  EXPECT_TRUE(isPrimary({{"0008,0008", "DERIVED\\SECONDARY\\MPR"}}));
  EXPECT_FALSE(isPrimary({{"0008,0008", "ORIGINAL\\PRIMARY\\LOCALIZER"}}));
  EXPECT_FALSE(isPrimary({{"0008,0016", UID_RTDoseStorage}}));
  EXPECT_FALSE(isPrimary({{"0008,0016", UID_RTImageStorage}}));
  EXPECT_FALSE(isPrimary({{"0008,0016", UID_SecondaryCaptureImageStorage}}));
  EXPECT_FALSE(isPrimary({{"0008,0060", "RTDOSE"}}));
}

}  // namespace
}  // namespace argand::dicom
