// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/suv.h"

#include "core/base/text.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/attributes.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace argand::dicom {

namespace {

constexpr double kSecondsOfDay = 86400.0;

Failure refused(std::string reason) {
  return fail(ErrorCode::InputRefused, "SUV cannot be computed: " + std::move(reason));
}

Failure missing(const DcmTagKey& tag) {
  return refused(fmt::format("the series has no {}.", nameOf(tag)));
}

// The number in `length` digits at `at`.
std::optional<int> digitsAt(std::string_view text, std::size_t at, std::size_t length) {
  if (at + length > text.size()) {
    return std::nullopt;
  }
  int value = 0;
  for (const char c : text.substr(at, length)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + (c - '0');
  }
  return value;
}

std::string without(std::string_view text, char dropped) {
  std::string kept(trimmed(text));
  std::erase(kept, dropped);
  return kept;
}

// Midnight of a DA ("20240131", formerly "2024.01.31") in seconds since 1970.
std::optional<double> secondsOfDate(std::string_view date) {
  const std::string text = without(date, '.');
  const auto year = digitsAt(text, 0, 4);
  const auto month = digitsAt(text, 4, 2);
  const auto day = digitsAt(text, 6, 2);
  if (text.size() != 8 || !year || !month || !day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day given{std::chrono::year{*year},
                                          std::chrono::month{static_cast<unsigned>(*month)},
                                          std::chrono::day{static_cast<unsigned>(*day)}};
  if (!given.ok()) {
    return std::nullopt;
  }
  return static_cast<double>(std::chrono::sys_days(given).time_since_epoch().count()) *
         kSecondsOfDay;
}

// A TM ("142501.5", formerly "14:25:01") in seconds since midnight.
std::optional<double> secondsOfTime(std::string_view time) {
  const std::string text = without(time, ':');
  const auto hours = digitsAt(text, 0, 2);
  const auto minutes = text.size() > 2 ? digitsAt(text, 2, 2) : std::optional(0);
  const auto seconds = text.size() > 4 ? digitsAt(text, 4, 2) : std::optional(0);
  if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60) {
    return std::nullopt;
  }
  double fraction = 0.0;
  if (text.size() > 6) {
    const auto read = text[6] == '.' ? parseDecimal('0' + text.substr(6)) : std::nullopt;
    if (!read) {
      return std::nullopt;
    }
    fraction = *read;
  }
  return *hours * 3600.0 + *minutes * 60.0 + *seconds + fraction;
}

// A DT ("20240131142501.5+0100") in seconds since 1970 of its own clock. Its offset from
// UTC is not applied: dates and times of an object are of one clock (PS3.3 C.12.1.1.8).
std::optional<double> secondsOfDateTime(std::string_view dateTime) {
  std::string_view text = trimmed(dateTime);
  text = text.substr(0, text.find_first_of("+-"));
  const auto date = secondsOfDate(text.substr(0, std::min<std::size_t>(8, text.size())));
  const auto time = text.size() > 8 ? secondsOfTime(text.substr(8)) : std::nullopt;
  return date && time ? std::optional(*date + *time) : std::nullopt;
}

std::optional<double> dateTimeAt(DcmItem& item, const DcmTagKey& date, const DcmTagKey& time) {
  const auto day = secondsOfDate(textOf(item, date));
  const auto seconds = secondsOfTime(textOf(item, time));
  return day && seconds ? std::optional(*day + *seconds) : std::nullopt;
}

Result<double> positiveAt(DcmItem& item, const DcmTagKey& tag, double least, double most) {
  DcmElement* element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr) {
    return missing(tag);
  }
  const auto numbers = readNumbers(*element);
  if (!numbers) {
    return refused(numbers.error().message);
  }
  if (numbers->values.empty()) {
    return missing(tag);
  }
  const double value = numbers->values.front();
  if (numbers->values.size() != 1 || !(value >= least && value <= most)) {
    return refused(
        fmt::format("{} is {}, which is not within {} to {}.", nameOf(tag), value, least, most));
  }
  return value;
}

// The element `offset` of a private block, by its creator (PS3.5 7.8.1).
std::optional<DcmTagKey> privateTag(DcmItem& item,
                                    Uint16 group,
                                    std::string_view creator,
                                    Uint16 offset) {
  for (Uint16 block = 0x10; block <= 0xff; ++block) {
    if (textOf(item, {group, block}) == creator) {
      return DcmTagKey(group, static_cast<Uint16>(block << 8 | offset));
    }
  }
  return std::nullopt;
}

std::optional<double> earliestAcquisition(const SeriesEntry& entry, const std::stop_token& stop) {
  std::optional<double> earliest;
  const std::filesystem::path* last = nullptr;
  for (const auto& path : entry.files) {
    if (stop.stop_requested()) {
      break;
    }
    if (last != nullptr && *last == path) {
      continue;
    }
    last = &path;
    DcmFileFormat file;
    if (file.loadFileUntilTag(path.c_str(),
                              EXS_Unknown,
                              EGL_noChange,
                              DCM_MaxReadLength,
                              ERM_autoDetect,
                              DCM_Modality)
            .bad()) {
      continue;
    }
    const auto at = dateTimeAt(*file.getDataset(), DCM_AcquisitionDate, DCM_AcquisitionTime);
    if (at && (!earliest || *at < *earliest)) {
      earliest = at;
    }
  }
  return earliest;
}

// The time to which the images are decay corrected, of Decay Correction START.
Result<double> referenceTime(DcmDataset& dataset,
                             const SeriesEntry& entry,
                             const std::stop_token& stop,
                             Warnings& warnings) {
  const auto series = dateTimeAt(dataset, DCM_SeriesDate, DCM_SeriesTime);
  const auto acquired = earliestAcquisition(entry, stop);
  ARGAND_TRY(checkStop(stop));
  if (!acquired) {
    return missing(DCM_AcquisitionTime);
  }
  if (series && *series <= *acquired) {
    return *series;
  }
  // The series was made later, by a reconstruction or another program.
  if (const auto tag = privateTag(dataset, 0x0009, "GEMS_PETD_01", 0x0d)) {
    if (const auto scan = secondsOfDateTime(textOf(dataset, *tag))) {
      return *scan;
    }
  }
  warnings.push_back({WarningCode::ValueRepaired,
                      "Series Time is later than the acquisition; for SUV, decay was counted to "
                      "the earliest Acquisition Time of the series."});
  return *acquired;
}

Result<double> administrationTime(DcmItem& dose, double reference, Warnings& warnings) {
  if (const auto given = secondsOfDateTime(textOf(dose, DCM_RadiopharmaceuticalStartDateTime))) {
    return *given;
  }
  const auto time = secondsOfTime(textOf(dose, DCM_RadiopharmaceuticalStartTime));
  if (!time) {
    return missing(DCM_RadiopharmaceuticalStartTime);
  }
  const double midnight = std::floor(reference / kSecondsOfDay) * kSecondsOfDay;
  if (midnight + *time <= reference) {
    return midnight + *time;
  }
  warnings.push_back({WarningCode::ValueRepaired,
                      "Radiopharmaceutical Start Time is later in the day than the scan; for SUV, "
                      "it was taken as of the day before."});
  return midnight + *time - kSecondsOfDay;
}

// Body weight over decayed dose, of images in Bq/ml.
Result<SuvScale> scaleOfActivity(DcmDataset& dataset,
                                 const SeriesEntry& entry,
                                 const std::stop_token& stop) {
  constexpr double kLeastDoseBq = 1e4;  // below, the number is in MBq
  constexpr double kMostDoseBq = 1e11;
  constexpr double kMostHalfLives = 10.0;
  SuvScale scale;
  const std::string corrections = textOf(dataset, DCM_CorrectedImage);
  for (const char* needed : {"ATTN", "DECY"}) {
    if (!holdsValue(corrections, needed)) {
      return refused(fmt::format("{} does not hold {}.", nameOf(DCM_CorrectedImage), needed));
    }
  }
  ARGAND_ASSIGN(const double weightKg, positiveAt(dataset, DCM_PatientWeight, 0.2, 700.0));
  ARGAND_ASSIGN(DcmSequenceOfItems * doses,
                sequenceOf(dataset, DCM_RadiopharmaceuticalInformationSequence));
  if (doses == nullptr || doses->card() == 0) {
    return missing(DCM_RadiopharmaceuticalInformationSequence);
  }
  if (doses->card() > 1) {
    return refused(fmt::format(
        "{} has {} items.", nameOf(DCM_RadiopharmaceuticalInformationSequence), doses->card()));
  }
  DcmItem& dose = *doses->getItem(0);
  ARGAND_ASSIGN(double doseBq,
                positiveAt(dose, DCM_RadionuclideTotalDose, kLeastDoseBq, kMostDoseBq));
  const std::string decay = textOf(dataset, DCM_DecayCorrection);
  if (decay.empty()) {
    return missing(DCM_DecayCorrection);
  }
  if (decay == "START") {
    ARGAND_ASSIGN(const double halfLife, positiveAt(dose, DCM_RadionuclideHalfLife, 1.0, 1e9));
    ARGAND_ASSIGN(const double reference, referenceTime(dataset, entry, stop, scale.warnings));
    ARGAND_ASSIGN(const double given, administrationTime(dose, reference, scale.warnings));
    const double halfLives = (reference - given) / halfLife;
    if (halfLives < 0.0 || halfLives > kMostHalfLives) {
      return refused(
          fmt::format("the injection lies {:.1f} half lives before the scan.", halfLives));
    }
    doseBq *= std::exp2(-halfLives);
  } else if (decay != "ADMIN") {
    return refused(fmt::format(
        "{} is {}; START or ADMIN is expected.", nameOf(DCM_DecayCorrection), utf8Text(decay)));
  }
  scale.factor = weightKg * 1000.0 / doseBq;
  return scale;
}

}  // namespace

Result<SuvScale> suvScale(const SeriesEntry& entry, const std::stop_token& stop) {
  if (entry.modality != "PT" || entry.files.empty()) {
    return refused("the series is no PET.");
  }
  return guarded(ErrorCode::InputRefused, "computing SUV", [&]() -> Result<SuvScale> {
    ARGAND_ASSIGN(const auto file, loadObject(entry.files.front(), LoadPart::HeaderOnly));
    DcmDataset& dataset = *file->getDataset();
    const std::string units = textOf(dataset, DCM_Units);
    if (units.empty()) {
      return missing(DCM_Units);
    }
    if (units == "BQML") {
      return scaleOfActivity(dataset, entry, stop);
    }
    if (units == "GML") {
      const std::string type = textOf(dataset, DCM_SUVType);
      if (!type.empty() && type != "BW") {
        return refused(fmt::format(
            "the voxels are SUV of another kind ({} is {}).", nameOf(DCM_SUVType), utf8Text(type)));
      }
      return SuvScale{};
    }
    if (units == "CNTS") {
      const auto tag = privateTag(dataset, 0x7053, "Philips PET Private Group", 0x00);
      if (!tag) {
        return refused(
            "the voxels are counts, and the series has no factor of Philips (7053,xx00).");
      }
      ARGAND_ASSIGN(const double factor, positiveAt(dataset, *tag, 1e-12, 1e12));
      return SuvScale{factor, {}};
    }
    return refused(fmt::format(
        "{} is {}; BQML, CNTS or GML is expected.", nameOf(DCM_Units), utf8Text(units)));
  });
}

}  // namespace argand::dicom
