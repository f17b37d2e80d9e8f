// SPDX-License-Identifier: Apache-2.0
#include "ui/session/text.h"

#include "ui/session/export_name.h"

#include <QUrl>

#include <gtest/gtest.h>

namespace argand::ui {
namespace {

namespace fs = std::filesystem;

TEST(Text, CarriesAnyPathByteForByte) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    all += static_cast<char>(byte);
  }
  // Latin-1; UTF-8 of two, three and four bytes; a cut sequence; an overlong one; a
  // surrogate in UTF-8, which no UTF-8 may hold.
  for (const std::string& bytes : {std::string("/M\xfcller/k\xe4"
                                               "fer.nii.gz"),
                                   std::string("/M\xc3\xbcller/\xe4\xb8\xad\xf0\x9f\xab\x80.mha"),
                                   std::string("/cut\xe4\xb8"),
                                   std::string("/\xc0\xaf"),
                                   std::string("/\xed\xb2\x80"),
                                   all,
                                   std::string()}) {
    EXPECT_EQ(pathFrom(carriedPath(bytes)).native(), bytes);
    if (!bytes.empty() && bytes.front() == '/') {
      EXPECT_EQ(pathFrom(urlFrom(bytes)).native(), bytes);
    }
  }
}

TEST(Text, ReadsTheBytesOfAUrlThatSomeOtherProgramWrote) {
  EXPECT_EQ(pathFrom(QUrl::fromEncoded("file:///data/M%FCller/a%20b%23c.nii")).native(),
            "/data/M\xfcller/a b#c.nii");
  EXPECT_EQ(pathFrom(QUrl(QStringLiteral("file:///data/Müller"))).native(), "/data/M\xc3\xbcller");
  EXPECT_TRUE(pathFrom(QUrl(QStringLiteral("https://example.org/a.nii"))).empty());
}

TEST(Text, ShowsEveryNameReadably) {
  EXPECT_EQ(shownPath(fs::path("/M\xfcller/k\xe4"
                               "fer.nii.gz")),
            QStringLiteral("/Müller/käfer.nii.gz"));
  EXPECT_EQ(textOf("Gl\xe4ndula"), QStringLiteral("Gländula"));
  EXPECT_EQ(textOf("Gl\xc3\xa4ndula"), QStringLiteral("Gländula"));
}

TEST(Text, KeepsOnlyWhatEveryFileSystemTakesInAName) {
  EXPECT_EQ(fileNamePart(QStringLiteral(" O'Brien^Ann / \\ : * ? \" < > | . ")),
            QStringLiteral("O-Brien-Ann"));
  EXPECT_EQ(fileNamePart(QStringLiteral("../../etc")), QStringLiteral("etc"));
  EXPECT_EQ(fileNamePart(QStringLiteral("王^小东")), QStringLiteral("王-小东"));
  EXPECT_EQ(fileNamePart(QString(300, u'a')).size(), 40);
}

study::Entry seriesOf(const std::string& patient, const std::string& uid) {
  study::Entry entry;
  entry.path = "/data";
  dicom::SeriesEntry series;
  series.seriesUid = uid;
  series.patientLabel = patient;
  series.seriesDescription = "T1 axial";
  series.studyDate = "20260131";
  entry.series = series;
  return entry;
}

TEST(ExportName, SaysWhoseSeriesOfWhatDayItIs) {
  const QString name = exportName(
      seriesOf("Doe^John", "1.2.3"), QStringLiteral("A/17"), QStringLiteral("rtstruct"), false);
  EXPECT_TRUE(name.startsWith(QStringLiteral("Doe-John_A-17_T1-axial_2026-01-31_")))
      << name.toStdString();
  EXPECT_TRUE(name.endsWith(QStringLiteral("_rtstruct")));
}

TEST(ExportName, IsAnotherForEverySeriesEvenWhereAllThatIsSaidIsTheSame) {
  const auto named = [](const study::Entry& entry, bool hidden) {
    return exportName(entry, {}, QStringLiteral("labels"), hidden);
  };
  for (const bool hidden : {false, true}) {
    EXPECT_NE(named(seriesOf("ANON", "1.2.3"), hidden), named(seriesOf("ANON", "1.2.4"), hidden));
    study::Entry second = seriesOf("ANON", "1.2.3");
    second.series->stack = 2;
    EXPECT_NE(named(seriesOf("ANON", "1.2.3"), hidden), named(second, hidden));
  }
  EXPECT_FALSE(named(seriesOf("Doe^John", "1.2.3"), true).contains(QStringLiteral("Doe")));
  study::Entry a;
  a.path = "/one/anat/T1.nii.gz";
  study::Entry b;
  b.path = "/two/anat/T1.nii.gz";
  EXPECT_NE(named(a, false), named(b, false));
  EXPECT_TRUE(named(a, false).startsWith(QStringLiteral("anat_T1_")));
}

}  // namespace
}  // namespace argand::ui
