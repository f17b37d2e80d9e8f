// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/suv.h"

#include "tests/core/dicom/series/reading.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>

#include <cmath>

namespace argand::dicom {
namespace {

using test::entryOf;
using test::evenSlices;
using test::refusalOf;
using test::SyntheticSlice;
using test::volumeOf;
using ::testing::HasSubstr;

// A PET of 1000 Bq/ml: 70 kg, 350 MBq of F-18 given at 13:00.
struct Pet {
  std::map<std::string, std::string> attributes{
      {"0008,0016", UID_PositronEmissionTomographyImageStorage},
      {"0008,0060", "PT"},
      {"0008,0021", "20240131"},
      {"0008,0031", "140000"},
      {"0008,0022", "20240131"},
      {"0008,0032", "140000"},
      {"0010,1030", "70"},
      {"0028,0051", "DECY\\ATTN\\SCAT"},
      {"0028,1052", "0"},
      {"0028,1053", "10"},
      {"0054,1001", "BQML"},
      {"0054,1102", "START"}};
  std::map<std::string, std::string> dose{
      {"0018,1072", "130000.00"}, {"0018,1074", "350000000"}, {"0018,1075", "6586.2"}};
  std::function<void(DcmDataset&)> more = nullptr;

  [[nodiscard]] std::vector<SyntheticSlice> slices() const {
    auto slices = evenSlices(3, 2.0);
    for (std::size_t k = 0; k < slices.size(); ++k) {
      slices[k].pixels.assign(12, 100);
      slices[k].attributes = attributes;
      slices[k].edit = [this](DcmDataset& dataset) {
        DcmItem* item = nullptr;
        dataset.findOrCreateSequenceItem(DCM_RadiopharmaceuticalInformationSequence, item);
        for (const auto& [tag, value] : dose) {
          const DcmTagKey key(static_cast<Uint16>(std::stoul(tag.substr(0, 4), nullptr, 16)),
                              static_cast<Uint16>(std::stoul(tag.substr(5), nullptr, 16)));
          item->putAndInsertString(key, value.c_str());
        }
        if (more) {
          more(dataset);
        }
      };
    }
    return slices;
  }

  [[nodiscard]] SuvScale scale() const {
    const auto entry = entryOf(slices());
    EXPECT_TRUE(entry) << entry.error().message;
    auto found = suvScale(*entry);
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : SuvScale{};
  }

  [[nodiscard]] std::string refusal() const { return refusalOf(slices(), {.suv = true}); }
};

constexpr double kAtInjection = 70000.0 / 350e6;

double afterHours(double hours) {
  return kAtInjection * std::exp2(hours * 3600.0 / 6586.2);
}

TEST(Suv, IsTheWeightOverTheDoseDecayedToTheSeriesTime) {
  const Pet pet;
  EXPECT_NEAR(pet.scale().factor, afterHours(1.0), 1e-15);
  EXPECT_TRUE(pet.scale().warnings.empty());
  const auto volume = volumeOf(pet.slices(), {.suv = true});
  ASSERT_TRUE(volume) << volume.error().message;
  EXPECT_EQ(volume->unit, "SUVbw");
  EXPECT_NEAR(volume->at({0, 0, 0}), 1000.0 * afterHours(1.0), 1e-7);
  const auto stored = volumeOf(pet.slices());
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->unit, "Bq/ml");
  EXPECT_EQ(stored->at({0, 0, 0}), 1000.0);
}

TEST(Suv, TakesADoseCorrectedToItsAdministrationAsItIs) {
  Pet pet;
  pet.attributes["0054,1102"] = "ADMIN";
  EXPECT_NEAR(pet.scale().factor, kAtInjection, 1e-15);
}

TEST(Suv, CountsFromTheEarliestAcquisitionWhereTheSeriesWasMadeLater) {
  Pet pet;
  pet.attributes["0008,0031"] = "170000";
  pet.attributes["0008,0032"] = "143000";
  EXPECT_NEAR(pet.scale().factor, afterHours(1.5), 1e-15);
  EXPECT_THAT(joined(pet.scale().warnings), HasSubstr("earliest Acquisition Time"));
  // GE keeps the time of the scan itself.
  pet.more = [](DcmDataset& dataset) {
    dataset.putAndInsertString(DcmTag(DcmTagKey(0x0009, 0x0010), EVR_LO), "GEMS_PETD_01");
    dataset.putAndInsertString(DcmTag(DcmTagKey(0x0009, 0x100d), EVR_DT), "20240131140000.00");
  };
  EXPECT_NEAR(pet.scale().factor, afterHours(1.0), 1e-15);
  EXPECT_TRUE(pet.scale().warnings.empty());
}

TEST(Suv, TakesTheFullDateOfTheInjectionBeforeItsTimeAlone) {
  Pet pet;
  pet.dose["0018,1078"] = "20240131123000.000000+0100";
  EXPECT_NEAR(pet.scale().factor, afterHours(1.5), 1e-15);
  pet.dose.erase("0018,1078");
  pet.attributes["0008,0021"] = pet.attributes["0008,0022"] = "20240201";
  pet.attributes["0008,0031"] = pet.attributes["0008,0032"] = "003000";
  pet.dose["0018,1072"] = "233000";
  EXPECT_NEAR(pet.scale().factor, afterHours(1.0), 1e-15);
  EXPECT_THAT(joined(pet.scale().warnings), HasSubstr("the day before"));
}

TEST(Suv, OfPhilipsCountsAndOfStoredSuvNeedsNoDose) {
  Pet pet;
  pet.attributes["0054,1001"] = "GML";
  EXPECT_EQ(pet.scale().factor, 1.0);
  pet.attributes["0054,1001"] = "CNTS";
  EXPECT_THAT(pet.refusal(), HasSubstr("(7053,xx00)"));
  pet.more = [](DcmDataset& dataset) {
    dataset.putAndInsertString(DcmTag(DcmTagKey(0x7053, 0x0010), EVR_LO),
                               "Philips PET Private Group");
    dataset.putAndInsertString(DcmTag(DcmTagKey(0x7053, 0x1000), EVR_DS), "0.00065");
  };
  EXPECT_EQ(pet.scale().factor, 0.00065);
}

TEST(Suv, IsRefusedByTheNameOfWhatIsMissing) {
  const auto without = [](const std::string& tag) {
    Pet pet;
    pet.attributes.erase(tag);
    pet.dose.erase(tag);
    return pet.refusal();
  };
  EXPECT_THAT(without("0010,1030"), HasSubstr("(0010,1030)"));
  EXPECT_THAT(without("0018,1072"), HasSubstr("(0018,1072)"));
  EXPECT_THAT(without("0018,1074"), HasSubstr("(0018,1074)"));
  EXPECT_THAT(without("0018,1075"), HasSubstr("(0018,1075)"));
  EXPECT_THAT(without("0028,0051"), HasSubstr("(0028,0051)"));
  EXPECT_THAT(without("0054,1001"), HasSubstr("(0054,1001)"));
  EXPECT_THAT(without("0054,1102"), HasSubstr("(0054,1102)"));
  EXPECT_THAT(without("0008,0032"), HasSubstr("(0008,0032)"));
  const auto with = [](const std::string& tag, const std::string& value) {
    Pet pet;
    (tag < "0018,1080" && tag > "0018" ? pet.dose : pet.attributes)[tag] = value;
    return pet.refusal();
  };
  EXPECT_THAT(with("0010,1030", "0"), HasSubstr("(0010,1030) is 0"));
  EXPECT_THAT(with("0010,1030", "70 kg"), HasSubstr("\"70 kg\""));
  EXPECT_THAT(with("0018,1074", "350"), HasSubstr("(0018,1074) is 350"));
  EXPECT_THAT(with("0054,1102", "NONE"), HasSubstr("(0054,1102) is NONE"));
  EXPECT_THAT(with("0054,1001", "PROPCPS"), HasSubstr("PROPCPS"));
  EXPECT_THAT(with("0018,1078", "20240101120000"), HasSubstr("half lives"));
  EXPECT_THAT(refusalOf(evenSlices(2, 1.0), {.suv = true}), HasSubstr("no PET"));
}

}  // namespace
}  // namespace argand::dicom
