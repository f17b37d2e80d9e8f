// SPDX-License-Identifier: Apache-2.0
#include "ui/views/patient_text.h"

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

TEST(PatientText, ShowsWhatTheFileHasAndLeavesOutWhatItLacks) {
  SourceSeries source;
  source.characterSet = "ISO_IR 100";
  source.patientAndStudy = {{0x00100010, "PN", "M\xfcller^Eva^Maria"},
                            {0x00100020, "LO", "12 34 "},
                            {0x00100040, "CS", "F"},
                            {0x00101010, "AS", "045Y"},
                            {0x00080020, "DA", "20240301"}};
  const PatientText text = patientText(source);
  EXPECT_EQ(text.patient,
            QStringList({QStringLiteral("Müller, Eva Maria"),
                         QStringLiteral("ID 12 34"),
                         QStringLiteral("F  45 y")}));
  EXPECT_EQ(text.study, QStringList({QStringLiteral("2024-03-01")}));
  EXPECT_TRUE(patientText({}).patient.isEmpty());
  EXPECT_TRUE(patientText({}).study.isEmpty());
}

TEST(PatientText, ShowsAQuestionMarkRatherThanAWrongLetter) {
  EXPECT_EQ(decoded("J\xc3\xb6rg", "ISO_IR 192"), QStringLiteral("Jörg"));
  EXPECT_EQ(decoded("\xb9\xba", "ISO_IR 144"), QStringLiteral("??"));
  EXPECT_EQ(decoded("Ann", ""), QStringLiteral("Ann"));
}

}  // namespace
}  // namespace argand::ui
