// SPDX-License-Identifier: Apache-2.0
// Text and provenance of the RTSTRUCT files that we write.
#include "core/dicom/rtstruct/rtstruct.h"
#include "tests/support/dicom_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/test_data.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace argand::dicom {
namespace {

using test::Says;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kLiver = "\xd0\x9f\xd0\xb5\xd1\x87\xd0\xb5\xd0\xbd\xd1\x8c";  // Cyrillic
const std::string kHip =
    "H\xc3\xbc"
    "fte links";

class RtStructText : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& model = {}, const std::string& hash = {}) {
    Structure structure;
    structure.name = name;
    structure.model = model;
    structure.modelHash = hash;
    structure.origin = model.empty() ? Origin::Manual : Origin::Automatic;
    const std::int64_t k = m_count++;
    m_masks.assign(
        m_masks.add(structure), {{2, 3, k}, {6, 6, k + 1}}, std::vector<std::uint8_t>(12, 1));
  }

  Warnings write(const RtStructOptions& options = {}) {
    const auto written = writeRtStruct(m_path, m_masks, m_source, options);
    EXPECT_TRUE(written) << written.error().message;
    m_file = std::make_unique<DcmFileFormat>();
    EXPECT_TRUE(m_file->loadFile(m_path.c_str()).good());
    return written ? written->warnings : Warnings{};
  }

  std::vector<std::string> namesRead() {
    const auto back = readRtStruct(m_path, m_geometry, m_source);
    EXPECT_TRUE(back) << back.error().message;
    EXPECT_THAT(back->warnings, IsEmpty());
    std::vector<std::string> names;
    for (const Structure& structure : back->segmentation.structures()) {
      names.push_back(structure.name);
    }
    return names;
  }

  std::string value(const DcmTagKey& key) {
    OFString text;
    EXPECT_TRUE(m_file->getDataset()->findAndGetOFStringArray(key, text).good()) << key.toString();
    return {text.c_str(), text.size()};
  }

  void expectValid() {
    if (const auto checked = test::runIfInstalled("dciodvfy", m_path.string())) {
      EXPECT_THAT(checked->output, Not(HasSubstr("Error"))) << checked->output;
    }
  }

  Geometry m_geometry = test::gridOf({10, 9, 5}, {1.5, 1.25, 3.0}, {-4.0, 11.0, 100.0});
  SourceSeries m_source = test::sourceOf(m_geometry);
  Segmentation m_masks{m_geometry};
  std::int64_t m_count = 0;
  std::filesystem::path m_path = test::testDir() / "rt.dcm";
  std::unique_ptr<DcmFileFormat> m_file;
};

TEST_F(RtStructText, StaysInTheStudysCharacterSetWhereThatHoldsEveryName) {
  add(kHip);
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_EQ(value(DCM_SpecificCharacterSet), "ISO_IR 100");
  EXPECT_EQ(value(DCM_PatientName),
            "Fixture^Mar\xed"
            "a");
  EXPECT_THAT(namesRead(), ElementsAre(kHip));
  expectValid();
}

TEST_F(RtStructText, TurnsToUtf8AsAWholeForANameThatDoesNotFit) {
  add(kLiver);
  EXPECT_THAT(write(), IsEmpty());
  EXPECT_EQ(value(DCM_SpecificCharacterSet), "ISO_IR 192");
  EXPECT_EQ(value(DCM_PatientName),
            "Fixture^Mar\xc3\xad"
            "a");
  EXPECT_THAT(namesRead(), ElementsAre(kLiver));
  expectValid();
}

TEST_F(RtStructText, ConvertsAStudyThatIsNotInTheSetItDeclares) {
  m_source.characterSet.clear();
  add("Liver");
  EXPECT_THAT(
      write(),
      ElementsAre(AllOf(Says("Name of the study is not in the character set"), Says("ASCII"))));
  EXPECT_EQ(value(DCM_SpecificCharacterSet), "ISO_IR 192");
  EXPECT_EQ(value(DCM_PatientName),
            "Fixture^Mar\xc3\xad"
            "a");
  expectValid();
}

TEST_F(RtStructText, CutsByCharactersEachOfSeveralValues) {
  std::string wide;
  for (int n = 0; n < 70; ++n) {
    wide += "\xfc";
  }
  m_source.patientAndStudy.push_back({0x00081030, "LO", wide});
  m_source.patientAndStudy.push_back({0x00081080, "LO", std::string(64, 'a') + "\\" + wide});
  add("Liver");
  EXPECT_THAT(write(), ElementsAre(Says("more than 64"), Says("more than 64")));
  EXPECT_EQ(value(DCM_StudyDescription), wide.substr(0, 64));
  EXPECT_EQ(value(DCM_AdmittingDiagnosesDescription),
            std::string(64, 'a') + "\\" + wide.substr(0, 64));
  expectValid();
}

TEST_F(RtStructText, LeavesOutBytesThatNoDateCanHold) {
  m_source.patientAndStudy.push_back({0x00101010,
                                      "AS",
                                      "0\xff"
                                      "6Y"});
  add("Liver");
  EXPECT_THAT(write(), ElementsAre(Says("is left out")));
  EXPECT_FALSE(m_file->getDataset()->tagExists(DCM_PatientAge));
}

TEST_F(RtStructText, KeepsNamesApartThatAreEqualOnceCut) {
  const std::string stem(64, 'n');
  add(stem + "_left");
  add(stem + "_right");
  add(stem);
  const Warnings warnings = write();
  EXPECT_THAT(namesRead(),
              ElementsAre(stem, std::string(62, 'n') + "~2", std::string(62, 'n') + "~3"));
  EXPECT_THAT(warnings,
              ElementsAre(Says("_left' is written as"),
                          AllOf(Says("_right' is written as"), Says("_left'")),
                          AllOf(Says("~3"), Says("_left'"))));
  for (const Warning& warning : warnings) {
    EXPECT_EQ(warning.code, WarningCode::Renamed);
  }
}

TEST_F(RtStructText, SaysWhichProgramNetworkAndPlanMadeItAndReadsTheNetworkBack) {
  const std::string hash = std::string(60, 'a') + "0123";
  add("Liver", "testnet 1.0", hash);
  add("Drawn");
  RtStructOptions options;
  options.plan = "4 tiles on cpu:0";
  options.remark = "forced";
  EXPECT_THAT(write(options), IsEmpty());
  EXPECT_EQ(value(DCM_Manufacturer), "Argand");
  EXPECT_FALSE(value(DCM_SoftwareVersions).empty());
  EXPECT_EQ(value(DCM_DeviceSerialNumber), hash);
  EXPECT_EQ(value(DCM_StructureSetDescription),
            fmt::format("Argand {}; testnet 1.0, sha256 {}; plan: 4 tiles on cpu:0",
                        value(DCM_SoftwareVersions),
                        hash));
  const auto back = readRtStruct(m_path, m_geometry, m_source);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->segmentation.structures()[0].model, "testnet 1.0");
  EXPECT_EQ(back->segmentation.structures()[0].modelHash, hash);
  EXPECT_EQ(back->segmentation.structures()[1].modelHash, "");
  expectValid();
}

}  // namespace
}  // namespace argand::dicom
