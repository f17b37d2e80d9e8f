// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/series/reading.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

// docs/conformance.md, "Numbers": read as written, repaired by name, or refused by name.
namespace argand::dicom {
namespace {

using test::evenSlices;
using test::refusalOf;
using test::SyntheticSlice;
using test::volumeOf;
using test::warningsOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<SyntheticSlice> slicesWith(const std::string& tag, const std::string& value) {
  auto slices = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.attributes[tag] = value;
  }
  return slices;
}

// Puts bytes under a representation that is not the attribute's own.
std::function<void(DcmDataset&)> withBytes(const DcmTagKey& tag, DcmEVR vr, std::string bytes) {
  return [=](DcmDataset& dataset) mutable {
    bytes.resize(bytes.size() + bytes.size() % 2, ' ');
    auto* element = new DcmOtherByteOtherWord(DcmTag(tag, vr));
    element->putUint8Array(reinterpret_cast<const Uint8*>(bytes.data()),
                           static_cast<unsigned long>(bytes.size()));
    dataset.insert(element, OFTrue);
  };
}

TEST(DicomNumbers, ReadDecimalCommasAsPointsAndSaySo) {
  auto slices = slicesWith("0028,0030", "1,25\\0,75");
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1053"] = "0,5";
    slice.attributes["0028,1052"] = "-8,5";
    slice.attributes["0020,0032"] = fmt::format("-8,5\\20,25\\{}", slice.positionMm.z);
    slice.pixels.assign(12, 3);
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->geometry().spacingMm(), (Vec3{0.75, 1.25, 3.0}));
  EXPECT_EQ(volume->geometry().lpsFromIndex.offset, (Vec3{-8.5, 20.25, 100.0}));
  EXPECT_EQ(volume->at({0, 0, 0}), -7.0);
  EXPECT_THAT(warningsOf(slices),
              AllOf(HasSubstr("PixelSpacing (0028,0030) has decimal commas"),
                    HasSubstr("RescaleSlope (0028,1053) has decimal commas"),
                    HasSubstr("ImagePositionPatient (0020,0032) has decimal commas")));
}

TEST(DicomNumbers, RefuseWhatIsNoNumberByNameAndValue) {
  struct Case {
    std::string tag;
    std::string value;
    std::string name;
  };

  for (const Case& given : {Case{"0028,1052", "-1024 HU", "\"-1024 HU\""},
                            Case{"0028,1053", "1.0.0", "RescaleSlope (0028,1053)"},
                            Case{"0028,1053", "1,000,5", "RescaleSlope (0028,1053)"},
                            Case{"0028,1053", "1\\2", "has 2 values"},
                            Case{"0028,1053", "inf", "RescaleSlope (0028,1053)"},
                            Case{"0028,0030", "1.25\\", "PixelSpacing (0028,0030)"},
                            Case{"0028,0030", "\\1.25", "PixelSpacing (0028,0030)"},
                            Case{"0028,0030", "1.25", "is not 2 numbers"},
                            Case{"0028,0030", "0\\0", "PixelSpacing (0028,0030) is 0 mm"},
                            Case{"0028,0030", "1e9\\1e9", "PixelSpacing (0028,0030)"},
                            Case{"0028,0030", "-1\\1", "PixelSpacing (0028,0030)"},
                            Case{"0020,0032", "1\\2\\3mm", "ImagePositionPatient (0020,0032)"},
                            Case{"0020,0032", "1\\2\\1e300", "ImagePositionPatient (0020,0032)"},
                            Case{"0028,0008", "1.5", "NumberOfFrames (0028,0008)"}}) {
    const std::string reason = refusalOf(slicesWith(given.tag, given.value));
    EXPECT_THAT(reason, HasSubstr(given.name)) << given.tag << ' ' << given.value;
  }
}

TEST(DicomNumbers, ReadBlanksExponentsAndOverlongStringsInFull) {
  auto slices = slicesWith("0028,1053", " +2.5E-1 ");
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1052"] = "  -0.12500000000000000000000  ";
    slice.pixels.assign(12, 4);
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 0.875);
  EXPECT_EQ(warningsOf(slices), "");
}

TEST(DicomNumbers, ReadZeroSlopesAndNegativeThicknessWithAWarning) {
  auto slices = slicesWith("0028,1053", "0");
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1052"] = "-1024";
    slice.attributes["0018,0050"] = "-3";
    slice.pixels.assign(12, 24);
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), -1000.0);
  EXPECT_THAT(warningsOf(slices),
              AllOf(HasSubstr("Rescale Slope of 0 was taken as 1"),
                    HasSubstr("SliceThickness (0018,0050) is -3 mm")));
}

TEST(DicomNumbers, LeaveOutUnreadableOnesThatNothingDependsOn) {
  auto slices = slicesWith("0018,0050", "3 mm");
  slices[0].attributes["0020,0013"] = "first";
  ASSERT_TRUE(volumeOf(slices));
  EXPECT_THAT(warningsOf(slices),
              AllOf(HasSubstr("SliceThickness (0018,0050) is \"3 mm\""),
                    HasSubstr("InstanceNumber (0020,0013) is \"first\"")));
}

TEST(DicomNumbers, ReadKnownAttributesStoredAsUnknownByTheDictionary) {
  for (const DcmEVR vr : {EVR_UN, EVR_OB}) {
    auto slices = evenSlices(2, 3.0);
    for (SyntheticSlice& slice : slices) {
      slice.isSigned = false;
      slice.pixels.assign(12, 34164);
      slice.edit = [vr](DcmDataset& dataset) {
        withBytes(DCM_RescaleIntercept, vr, "-18106")(dataset);
        withBytes(DCM_RescaleSlope, vr, "0.5")(dataset);
      };
    }
    const auto volume = volumeOf(slices);
    ASSERT_TRUE(volume) << volume.error().message;
    EXPECT_EQ(volume->at({0, 0, 0}), -1024.0);
  }
}

TEST(DicomNumbers, ReadWordsStoredAsUnknownByTheDictionary) {
  auto slices = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.edit = [](DcmDataset& dataset) {
      withBytes(DCM_BitsStored, EVR_UN, std::string("\x0c\0", 2))(dataset);
      withBytes(DCM_HighBit, EVR_OB, std::string("\x0b\0", 2))(dataset);
    };
    slice.pixels.assign(12, 0x0fff);
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), -1.0);
}

TEST(DicomNumbers, RefuseNumbersThatAreNotFinite) {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto slices = evenSlices(2, 3.0);
    for (SyntheticSlice& slice : slices) {
      slice.edit = [value](DcmDataset& dataset) {
        dataset.findAndDeleteElement(DCM_RescaleSlope);
        auto* element = new DcmFloatingPointDouble(DcmTag(DCM_RescaleSlope, EVR_FD));
        element->putFloat64(value, 0);
        dataset.insert(element, OFTrue);
      };
    }
    EXPECT_THAT(refusalOf(slices), HasSubstr("RescaleSlope (0028,1053)"));
  }
}

TEST(DicomNumbers, TakePaddingAsUnsignedOrSignedWhicheverItIsStoredAs) {
  for (const DcmEVR vr : {EVR_US, EVR_SS}) {
    auto slices = evenSlices(2, 3.0);
    for (SyntheticSlice& slice : slices) {
      slice.pixels = {static_cast<std::uint16_t>(-2000), 24};
      slice.edit = [vr](DcmDataset& dataset) {
        if (vr == EVR_US) {
          dataset.putAndInsertUint16(DcmTag(DCM_PixelPaddingValue, vr), 63536);
        } else {
          dataset.putAndInsertSint16(DcmTag(DCM_PixelPaddingValue, vr), -2000);
        }
      };
    }
    const auto volume = volumeOf(slices);
    ASSERT_TRUE(volume) << volume.error().message;
    EXPECT_EQ(volume->at({0, 0, 0}), -1024.0);
    EXPECT_EQ(volume->at({1, 0, 0}), 24.0);
  }
}

TEST(DicomNumbers, ShowBytesThatAreNoUtf8AsText) {
  const std::string reason = refusalOf(slicesWith("0028,1052", "-1024\xb0"));
  EXPECT_THAT(reason, HasSubstr("-1024\xc2\xb0"));
}

}  // namespace
}  // namespace argand::dicom
