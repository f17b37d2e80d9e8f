// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/series/reading.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

// Stored values to the units that the headers declare: modality LUT, rescale,
// real world values, floating point pixels.
namespace argand::dicom {
namespace {

using test::entryOf;
using test::evenSlices;
using test::refusalOf;
using test::SyntheticSlice;
using test::volumeOf;
using test::warningsOf;
using ::testing::HasSubstr;

using Edit = std::function<void(DcmDataset&)>;

std::vector<SyntheticSlice> edited(const Edit& edit, std::vector<std::uint16_t> pixels) {
  auto slices = evenSlices(2, 3.0);
  for (SyntheticSlice& slice : slices) {
    slice.pixels = pixels;
    slice.edit = edit;
  }
  return slices;
}

struct Table {
  std::uint16_t entries = 0;  // of the descriptor
  std::int32_t first = 0;
  std::uint16_t bits = 16;
  std::vector<std::uint16_t> words;
  std::string type = "US";
};

void putTable(DcmDataset& dataset, const Table& table) {
  DcmItem* item = nullptr;
  dataset.findOrCreateSequenceItem(DCM_ModalityLUTSequence, item);
  if (table.first < 0) {
    const Sint16 signedWords[3] = {static_cast<Sint16>(table.entries),
                                   static_cast<Sint16>(table.first),
                                   static_cast<Sint16>(table.bits)};
    item->putAndInsertSint16Array(DcmTag(DCM_LUTDescriptor, EVR_SS), signedWords, 3);
  } else {
    const Uint16 words[3] = {table.entries, static_cast<Uint16>(table.first), table.bits};
    item->putAndInsertUint16Array(DcmTag(DCM_LUTDescriptor, EVR_US), words, 3);
  }
  item->putAndInsertUint16Array(DcmTag(DCM_LUTData, EVR_OW),
                                table.words.data(),
                                static_cast<unsigned long>(table.words.size()));
  item->putAndInsertString(DCM_ModalityLUTType, table.type.c_str());
}

std::vector<std::uint16_t> threeVPlus7(std::size_t count) {
  std::vector<std::uint16_t> words(count);
  for (std::size_t v = 0; v < count; ++v) {
    words[v] = static_cast<std::uint16_t>(3 * v + 7);
  }
  return words;
}

TEST(ModalityLut, IsAppliedAndClampsAtItsEnds) {
  const Table table{200, 0, 16, threeVPlus7(200)};
  const auto volume =
      volumeOf(edited([&](DcmDataset& d) { putTable(d, table); }, {185, 0, 199, 250, 65535}));
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 562.0);
  EXPECT_EQ(volume->at({1, 0, 0}), 7.0);
  EXPECT_EQ(volume->at({2, 0, 0}), 604.0);
  EXPECT_EQ(volume->at({0, 1, 0}), 604.0);
  EXPECT_EQ(volume->at({1, 1, 0}), 7.0);  // 65535 is -1 in these signed pixels
}

TEST(ModalityLut, MapsItsFirstValueWithTheSignOfThePixels) {
  const Table table{200, -100, 16, threeVPlus7(200), "HU"};
  const auto volume = volumeOf(edited([&](DcmDataset& d) { putTable(d, table); },
                                      {static_cast<std::uint16_t>(-100),
                                       static_cast<std::uint16_t>(-99),
                                       0,
                                       static_cast<std::uint16_t>(-200)}));
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 7.0);
  EXPECT_EQ(volume->at({1, 0, 0}), 10.0);
  EXPECT_EQ(volume->at({2, 0, 0}), 307.0);
  EXPECT_EQ(volume->at({0, 1, 0}), 7.0);
  EXPECT_EQ(volume->unit, "HU");
}

TEST(ModalityLut, TakesNoEntriesAs65536) {
  std::vector<std::uint16_t> words(65536);
  for (std::size_t v = 0; v < words.size(); ++v) {
    words[v] = static_cast<std::uint16_t>(65535 - v);
  }
  const Table table{0, 0, 16, words};
  auto slices = edited([&](DcmDataset& d) { putTable(d, table); }, {1, 65535, 40000});
  for (SyntheticSlice& slice : slices) {
    slice.isSigned = false;
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 65534.0);
  EXPECT_EQ(volume->at({1, 0, 0}), 0.0);
  EXPECT_EQ(volume->at({2, 0, 0}), 25535.0);
}

TEST(ModalityLut, ReadsEntriesOf8BitsPackedAndInWords) {
  const Table packed{4, 0, 8, {0x2010, 0x4030}};
  const Table inWords{4, 0, 8, {0x10, 0x20, 0x30, 0x40}};
  for (const Table& table : {packed, inWords}) {
    const auto volume = volumeOf(edited([&](DcmDataset& d) { putTable(d, table); }, {0, 1, 2, 3}));
    ASSERT_TRUE(volume) << volume.error().message;
    EXPECT_EQ(volume->at({0, 0, 0}), 16.0);
    EXPECT_EQ(volume->at({1, 0, 0}), 32.0);
    EXPECT_EQ(volume->at({2, 0, 0}), 48.0);
    EXPECT_EQ(volume->at({0, 1, 0}), 64.0);
  }
}

TEST(ModalityLut, IsRefusedWhereItsTableIsNotWhatItAnnounces) {
  const Table shortTable{200, 0, 16, threeVPlus7(100)};
  EXPECT_THAT(refusalOf(edited([&](DcmDataset& d) { putTable(d, shortTable); }, {1})),
              HasSubstr("LUTData (0028,3006) has 100 words"));
  const Table oneBit{200, 0, 1, threeVPlus7(200)};
  EXPECT_THAT(refusalOf(edited([&](DcmDataset& d) { putTable(d, oneBit); }, {1})),
              HasSubstr("LUTDescriptor (0028,3002)"));
  const Edit asBytes = [](DcmDataset& dataset) {
    const Uint8 bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    auto* element = new DcmOtherByteOtherWord(DcmTag(DCM_ModalityLUTSequence, EVR_OB));
    element->putUint8Array(bytes, 8);
    dataset.insert(element, OFTrue);
  };
  EXPECT_THAT(refusalOf(edited(asBytes, {1})), HasSubstr("ModalityLUTSequence (0028,3000)"));
}

TEST(ModalityLut, KeepsPaddingInStoredValues) {
  const Table table{200, 0, 16, threeVPlus7(200)};
  const Edit edit = [&](DcmDataset& dataset) {
    putTable(dataset, table);
    dataset.putAndInsertSint16(DcmTag(DCM_PixelPaddingValue, EVR_SS), 185);
  };
  const auto volume = volumeOf(edited(edit, {185, 184}));
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), -1024.0);
  EXPECT_EQ(volume->at({1, 0, 0}), 559.0);
}

TEST(ModalityValues, ApplyEachSlicesOwnRescaleAndNameUnitsThatDiffer) {
  auto slices = evenSlices(3, 3.0);
  for (int k = 0; k < 3; ++k) {
    SyntheticSlice& slice = slices[static_cast<std::size_t>(k)];
    slice.pixels.assign(12, 10);
    slice.attributes["0028,1053"] = std::to_string(k + 1);
    slice.attributes["0028,1052"] = std::to_string(-k);
    slice.attributes["0028,1054"] = k == 2 ? "HU_MOD" : "HU";
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 10.0);
  EXPECT_EQ(volume->at({0, 0, 1}), 19.0);
  EXPECT_EQ(volume->at({0, 0, 2}), 28.0);
  EXPECT_EQ(volume->unit, "");
  EXPECT_THAT(warningsOf(slices), HasSubstr("different units (HU, HU_MOD)"));
}

TEST(ModalityValues, SayTheirUnit) {
  auto slices = evenSlices(2, 3.0);
  const auto unitOf = [&] {
    const auto volume = volumeOf(slices);
    EXPECT_TRUE(volume) << volume.error().message;
    return volume ? volume->unit : "?";
  };
  EXPECT_EQ(unitOf(), "");  // no rescale: nothing says that these are HU
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1052"] = "-1024";
    slice.attributes["0028,1053"] = "1";
  }
  EXPECT_EQ(unitOf(), "HU");
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0028,1054"] = "US";
  }
  EXPECT_EQ(unitOf(), "");
  for (SyntheticSlice& slice : slices) {
    slice.attributes["0008,0060"] = "PT";
    slice.attributes["0054,1001"] = "BQML";
  }
  EXPECT_EQ(unitOf(), "Bq/ml");
}

// A mapping of stored 0 to 65535 to value / 10 + 5.
void putMapping(DcmDataset& dataset, std::uint16_t last) {
  DcmItem* item = nullptr;
  dataset.findOrCreateSequenceItem(DCM_RealWorldValueMappingSequence, item, -2);
  item->putAndInsertUint16(DcmTag(DCM_RealWorldValueFirstValueMapped, EVR_US), 0);
  item->putAndInsertUint16(DcmTag(DCM_RealWorldValueLastValueMapped, EVR_US), last);
  item->putAndInsertFloat64(DCM_RealWorldValueSlope, 0.1);
  item->putAndInsertFloat64(DCM_RealWorldValueIntercept, 5.0);
  DcmItem* unit = nullptr;
  item->findOrCreateSequenceItem(DCM_MeasurementUnitsCodeSequence, unit);
  unit->putAndInsertString(DCM_CodeValue, "um2/s");
}

TEST(RealWorldValues, AreAppliedOnlyWhereTheyAreTheOnlyMeaning) {
  auto slices = edited([](DcmDataset& d) { putMapping(d, 65535); }, {100, 200});
  for (SyntheticSlice& slice : slices) {
    slice.isSigned = false;
  }
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 15.0);
  EXPECT_EQ(volume->at({1, 0, 0}), 25.0);
  EXPECT_EQ(volume->unit, "um2/s");
  EXPECT_THAT(warningsOf(slices), HasSubstr("RealWorldValueMappingSequence (0040,9096)"));

  const std::vector<std::pair<std::string, Edit>> others{
      {"it has 2 items",
       [](DcmDataset& d) {
         putMapping(d, 65535);
         putMapping(d, 65535);
       }},
      {"does not cover all stored values", [](DcmDataset& d) { putMapping(d, 4095); }}};
  for (const auto& [why, edit] : others) {
    for (SyntheticSlice& slice : slices) {
      slice.edit = edit;
    }
    const auto stored = volumeOf(slices);
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->at({0, 0, 0}), 100.0);
    EXPECT_THAT(warningsOf(slices), HasSubstr(why));
  }
  for (SyntheticSlice& slice : slices) {
    slice.edit = [](DcmDataset& d) { putMapping(d, 65535); };
    slice.attributes["0028,1053"] = "2";
    slice.attributes["0028,1052"] = "1";
  }
  const auto rescaled = volumeOf(slices);
  ASSERT_TRUE(rescaled) << rescaled.error().message;
  EXPECT_EQ(rescaled->at({0, 0, 0}), 201.0);
}

template <typename T>
Edit withReals(const DcmTagKey& tag, std::vector<T> values) {
  values.resize(12);
  return [=](DcmDataset& dataset) {
    dataset.findAndDeleteElement(DCM_PixelData);
    for (const DcmTagKey& gone : {DCM_BitsStored, DCM_HighBit, DCM_PixelRepresentation}) {
      dataset.findAndDeleteElement(gone);
    }
    dataset.putAndInsertUint16(DCM_BitsAllocated, 8 * sizeof(T));
    if constexpr (sizeof(T) == 4) {
      auto* element = new DcmOtherFloat(DcmTag(tag, EVR_OF));
      element->putFloat32Array(values.data(), static_cast<unsigned long>(values.size()));
      dataset.insert(element, OFTrue);
    } else {
      auto* element = new DcmOtherDouble(DcmTag(tag, EVR_OD));
      element->putFloat64Array(values.data(), static_cast<unsigned long>(values.size()));
      dataset.insert(element, OFTrue);
    }
  };
}

TEST(FloatingPointPixels, AreReadInSinglePrecision) {
  const auto single =
      volumeOf(edited(withReals<float>(DCM_FloatPixelData, {0.25F, -1e-7F, 3e8F}), {}));
  ASSERT_TRUE(single) << single.error().message;
  EXPECT_EQ(single->at({0, 0, 0}), 0.25);
  EXPECT_EQ(single->at({1, 0, 0}), static_cast<double>(-1e-7F));
  EXPECT_EQ(single->at({2, 0, 1}), static_cast<double>(3e8F));
  const auto twice = volumeOf(edited(withReals<double>(DCM_DoubleFloatPixelData, {0.1, -2.5}), {}));
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(twice->at({0, 0, 0}), static_cast<double>(0.1F));
  EXPECT_EQ(twice->at({1, 0, 1}), -2.5);
}

TEST(FloatingPointPixels, ThatAreNotFiniteBecomeBackgroundAndAreCounted) {
  const auto slices =
      edited(withReals<float>(DCM_FloatPixelData,
                              {1.5F, std::nanf(""), std::numeric_limits<float>::infinity()}),
             {});
  const auto volume = volumeOf(slices);
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->at({0, 0, 0}), 1.5);
  EXPECT_EQ(volume->at({1, 0, 0}), -1024.0);
  EXPECT_EQ(volume->at({2, 0, 1}), -1024.0);
  EXPECT_THAT(warningsOf(slices), HasSubstr("4 voxels are not finite numbers"));
}

TEST(FloatingPointPixels, BeyondSinglePrecisionAreRefused) {
  EXPECT_THAT(refusalOf(edited(withReals<double>(DCM_DoubleFloatPixelData, {1e300}), {})),
              HasSubstr("single precision does not hold"));
}

}  // namespace
}  // namespace argand::dicom
