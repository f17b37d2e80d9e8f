// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series_writer.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/dicom/object_writer.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

// Fractions are kept where the step of 16 bits is at most this part of the range in
// which the middle 98 % of the voxels lie: 12 bits, as scanners have.
constexpr double kFinestParts = 4096.0;

// Integers of 16 bits, and what turns them into voxels again.
struct StoredVoxels {
  bool isSigned = false;
  double slope = 1.0;
  double intercept = 0.0;
  bool exact = true;
};

// The range of the middle 98 % of the voxels that are not the most common value, so that
// neither a large background nor a few outliers decide.
double spreadOf(std::span<const float> voxels) {
  std::vector<float> sorted(voxels.begin(), voxels.end());
  const auto at = [&](std::size_t n) {
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(n);
    std::nth_element(sorted.begin(), place, sorted.end());
    return static_cast<double>(*place);
  };
  const double median = at(sorted.size() / 2);
  std::erase(sorted, static_cast<float>(median));
  if (sorted.empty()) {
    return 0.0;
  }
  constexpr std::size_t kFew = 8;
  const std::size_t margin =
      sorted.size() < kFew ? 0 : std::max<std::size_t>(1, sorted.size() / 100);
  return std::max(at(sorted.size() - 1 - margin), median) - std::min(at(margin), median);
}

Result<StoredVoxels> storedFloats(std::span<const float> voxels) {
  const auto broken = std::count_if(
      voxels.begin(), voxels.end(), [](float voxel) { return !std::isfinite(voxel); });
  if (broken > 0) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} of the image's voxels are no finite numbers, which a DICOM series "
                            "cannot hold. Replace them, or write NIfTI, NRRD or MetaImage.",
                            broken));
  }
  const auto [least, most] = std::minmax_element(voxels.begin(), voxels.end());
  const auto low = static_cast<double>(*least);
  const double range = static_cast<double>(*most) - low;
  const bool whole = std::all_of(
      voxels.begin(), voxels.end(), [](float voxel) { return voxel == std::trunc(voxel); });
  if (whole && low >= -32768.0 && *most <= 32767.0F) {
    return StoredVoxels{true, 1.0, 0.0, true};
  }
  if (whole && low >= 0.0 && *most <= 65535.0F) {
    return StoredVoxels{false, 1.0, 0.0, true};
  }
  if (whole && range <= 65535.0 && std::abs(low) <= 1e15) {
    return StoredVoxels{false, 1.0, low, true};
  }
  // As they will be read back: with the digits that a DS has room for.
  StoredVoxels stored{false, range > 0.0 ? range / 65535.0 : 1.0, low, range == 0.0};
  const double step = stored.slope;
  const double spread = spreadOf(voxels);
  if (range > 0.0 && step * kFinestParts > spread) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The voxels reach from {:.6g} to {:.6g}, most of them within {:.3g} of "
                            "one another. The 16 bits of a DICOM series would round them to steps "
                            "of {:.3g} and lose what most of the image shows. Cut the outliers, "
                            "or write NIfTI, NRRD or MetaImage, which keep every value.",
                            low,
                            static_cast<double>(*most),
                            spread,
                            step));
  }
  stored.slope = parseDecimal(decimalString(stored.slope)).value_or(step);
  stored.intercept = parseDecimal(decimalString(stored.intercept)).value_or(low);
  return stored;
}

Result<StoredVoxels> storedVoxelsOf(const Volume& volume) {
  return volume.visit([&](auto voxels) -> Result<StoredVoxels> {
    using T = std::remove_const_t<typename decltype(voxels)::element_type>;
    if constexpr (std::is_integral_v<T>) {
      return StoredVoxels{std::is_signed_v<T>, 1.0, 0.0, true};
    } else {
      return storedFloats(voxels);
    }
  });
}

// The bits of slice `k` as they are stored, signed or not.
std::vector<Uint16> pixelsOf(const Volume& volume, const StoredVoxels& stored, std::int64_t k) {
  const auto count = static_cast<std::size_t>(volume.geometry().size.i * volume.geometry().size.j);
  std::vector<Uint16> pixels(count);
  volume.visit([&](auto voxels) {
    const auto slice = voxels.subspan(static_cast<std::size_t>(k) * count, count);
    std::transform(slice.begin(), slice.end(), pixels.begin(), [&](auto voxel) {
      const double value = (static_cast<double>(voxel) - stored.intercept) / stored.slope;
      const auto whole = std::lround(value);
      return static_cast<Uint16>(stored.isSigned ? std::clamp(whole, -32768L, 32767L)
                                                 : std::clamp(whole, 0L, 65535L));
    });
  });
  return pixels;
}

// The same voxels with axes left, posterior, superior, or the angle that forbids it.
// A lesser tilt stays and is written as it is.
Result<Volume> axial(const Volume& volume) {
  constexpr double kRadians = 1e-4;  // 0.03 mm over 300 mm
  ARGAND_ASSIGN(const AxisOrder order, orderTo(volume.geometry(), "LPS"));
  Volume turned = order.identity() ? volume : reordered(volume, order);
  const std::array<Vec3, 3> axes{Vec3{1, 0, 0}, Vec3{0, 1, 0}, Vec3{0, 0, 1}};
  double worst = 0.0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const Vec3 direction = turned.geometry().direction(static_cast<int>(axis));
    worst = std::max(worst, std::asin(std::min(1.0, length(cross(direction, axes[axis])))));
  }
  if (worst > kRadians) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("The image is oblique or tilted by {:.3f} degrees, and a DICOM series is "
                    "written axial, never resampled. Resample it to straight axes first.",
                    worst * 180.0 / M_PI));
  }
  return turned;
}

// One slice as a CT or MR Image.
class SliceObject : public ObjectWriter {
 public:
  // `series` has the patient and study of the image's source and new UIDs.
  SliceObject(const SourceSeries& series,
              const Volume& volume,
              Modality modality,
              const StoredVoxels& stored)
      : ObjectWriter(series), m_volume(volume), m_modality(modality), m_scale(stored) {}

  void setHeader(const std::string& description);
  void setPlane(std::int64_t k);
  void setPixels(std::int64_t k);

  using ObjectWriter::save;

 private:
  void setModality();
  void setWindows();

  const Volume& m_volume;
  Modality m_modality;
  StoredVoxels m_scale;
};

void SliceObject::setHeader(const std::string& description) {
  const bool ct = m_modality == Modality::Ct;
  setPatientAndStudy({description});
  setSeriesAndEquipment(
      ct ? UID_CTImageStorage : UID_MRImageStorage, ct ? "CT" : "MR", "1", description, {});
  put(m_dataset, DCM_SeriesInstanceUID, m_source.seriesUid);
  put(m_dataset, DCM_PatientPosition, {});
  put(m_dataset, DCM_Laterality, {});
  setModality();
  setWindows();
  if (const auto& source = m_volume.source; source && source->lossy) {
    put(m_dataset, DCM_LossyImageCompression, "01");
    for (const auto& [tag, value] :
         {std::pair(DCM_LossyImageCompressionRatio, source->lossyRatio),
          std::pair(DCM_LossyImageCompressionMethod, source->lossyMethod)}) {
      if (!value.empty() && isPlainAscii(value)) {
        put(m_dataset, tag, value);
      }
    }
  }
}

void SliceObject::setModality() {
  put(m_dataset, DCM_AcquisitionNumber, {});
  if (m_modality == Modality::Ct) {
    put(m_dataset, DCM_ImageType, "DERIVED\\SECONDARY\\AXIAL");
    put(m_dataset, DCM_KVP, {});
    put(m_dataset, DCM_RescaleType, "HU");
  } else {
    put(m_dataset, DCM_ImageType, "DERIVED\\SECONDARY\\OTHER");
    put(m_dataset, DCM_ScanningSequence, "RM");
    put(m_dataset, DCM_SequenceVariant, "NONE");
    put(m_dataset, DCM_SpacingBetweenSlices, decimalString(m_volume.geometry().spacingMm().z));
    for (const DcmTagKey& tag : {DCM_ScanOptions,
                                 DCM_MRAcquisitionType,
                                 DCM_RepetitionTime,
                                 DCM_EchoTime,
                                 DCM_EchoTrainLength}) {
      put(m_dataset, tag, {});
    }
  }
  put(m_dataset,
      DCM_DerivationDescription,
      m_scale.exact ? "Converted; every voxel as it was"
                    : fmt::format("Converted; voxels rounded to steps of {:.6g}", m_scale.slope));
  // An MR image has no rescaling of its own in the standard; it is written
  // only where values could not be kept without it.
  const bool scaled = m_scale.slope != 1.0 || m_scale.intercept != 0.0;
  if (m_modality == Modality::Ct || scaled) {
    put(m_dataset, DCM_RescaleSlope, decimalString(m_scale.slope));
    put(m_dataset, DCM_RescaleIntercept, decimalString(m_scale.intercept));
  }
  if (m_modality != Modality::Ct && scaled) {
    put(m_dataset, DCM_RescaleType, "US");  // unspecified
  }
}

void SliceObject::setWindows() {
  std::vector<WindowLevel> windows = m_volume.windows;
  if (windows.empty()) {
    windows.push_back(m_volume.defaultWindow());
  }
  std::string levels;
  std::string widths;
  std::string names;
  double narrowest = HUGE_VAL;
  for (const WindowLevel& window : windows) {
    const char* separator = levels.empty() ? "" : "\\";
    const double width = window.width > 0.0 ? window.width : 1.0;
    narrowest = std::min(narrowest, width);
    levels.append(separator).append(decimalString(window.level));
    widths.append(separator).append(decimalString(width));
    const std::string name = singleValue(window.name, kLongestLo);
    names.append(separator).append(isPlainAscii(name) ? name : std::string());
  }
  put(m_dataset, DCM_WindowCenter, levels);
  put(m_dataset, DCM_WindowWidth, widths);
  if (names.find_first_not_of('\\') != std::string::npos) {
    put(m_dataset, DCM_WindowCenterWidthExplanation, names);
  }
  if (narrowest < 1.0) {  // the linear function needs 1 or more (PS3.3 C.11.2.1.2.1)
    put(m_dataset, DCM_VOILUTFunction, "LINEAR_EXACT");
  }
}

void SliceObject::setPlane(std::int64_t k) {
  const Geometry& geometry = m_volume.geometry();
  const Vec3 spacing = geometry.spacingMm();
  const auto values = [](const Vec3& v) {
    return fmt::format("{}\\{}\\{}", decimalString(v.x), decimalString(v.y), decimalString(v.z));
  };
  put(m_dataset, DCM_InstanceNumber, std::to_string(k + 1));
  put(m_dataset,
      DCM_ImageOrientationPatient,
      fmt::format("{}\\{}", values(geometry.direction(0)), values(geometry.direction(1))));
  put(m_dataset, DCM_ImagePositionPatient, values(geometry.sliceToLps(0.0, 0.0, k)));
  put(m_dataset,
      DCM_PixelSpacing,
      fmt::format("{}\\{}", decimalString(spacing.y), decimalString(spacing.x)));
  put(m_dataset, DCM_SliceThickness, decimalString(spacing.z));
}

void SliceObject::setPixels(std::int64_t k) {
  const Size3& size = m_volume.geometry().size;
  putNumber(m_dataset, DCM_SamplesPerPixel, 1);
  put(m_dataset, DCM_PhotometricInterpretation, "MONOCHROME2");
  putNumber(m_dataset, DCM_Rows, static_cast<Uint16>(size.j));
  putNumber(m_dataset, DCM_Columns, static_cast<Uint16>(size.i));
  putNumber(m_dataset, DCM_BitsAllocated, 16);
  putNumber(m_dataset, DCM_BitsStored, 16);
  putNumber(m_dataset, DCM_HighBit, 15);
  putNumber(m_dataset, DCM_PixelRepresentation, m_scale.isSigned ? 1 : 0);
  const std::vector<Uint16> pixels = pixelsOf(m_volume, m_scale, k);
  note(m_dataset.putAndInsertUint16Array(
      DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size())));
}

// The patient and study of the image's source, with new UIDs.
SourceSeries newSeriesFor(const Volume& volume) {
  SourceSeries series;
  if (volume.source) {
    series.characterSet = volume.source->characterSet;
    series.patientAndStudy = volume.source->patientAndStudy;
  }
  series.studyUid = newUid();
  series.seriesUid = newUid();
  series.frameOfReferenceUid = newUid();
  return series;
}

// A folder beside the one asked for, which takes its place when it is complete.
class PendingFolder {
 public:
  explicit PendingFolder(const fs::path& folder)
      : m_folder(folder),
        m_temporary(folder.parent_path() /
                    fmt::format(".pending-{}-{}", ::getpid(), folder.filename().string())) {}

  ~PendingFolder() {
    std::error_code ignored;
    fs::remove_all(m_temporary, ignored);
  }

  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  [[nodiscard]] const fs::path& temporary() const { return m_temporary; }

  Result<void> create() const {
    std::error_code error;
    fs::create_directories(m_temporary, error);
    return error ? failed(error) : Result<void>{};
  }

  Result<void> commit() const {
    std::error_code error;
    fs::remove(m_folder, error);  // the empty folder that was there, if any
    fs::rename(m_temporary, m_folder, error);
    return error ? failed(error) : Result<void>{};
  }

 private:
  Result<void> failed(const std::error_code& error) const {
    return fail(
        ErrorCode::OutputFailed,
        fmt::format("The folder {} cannot be written: {}.", displayed(m_folder), error.message()));
  }

  fs::path m_folder;
  fs::path m_temporary;
};

}  // namespace

Result<Warnings> writeSeries(const fs::path& folder,
                             const Volume& volume,
                             const SeriesWriteOptions& options,
                             const std::stop_token& stop,
                             const ProgressFn& progress) {
  const Modality modality =
      options.modality == Modality::Unknown ? volume.modality : options.modality;
  if (modality != Modality::Ct && modality != Modality::Mr) {
    return fail(ErrorCode::Usage,
                "A DICOM series is written as CT or MR, and the image does not say which it is: "
                "name the modality.");
  }
  fs::path target = fs::absolute(folder).lexically_normal();
  target = target.has_filename() ? target : target.parent_path();
  std::error_code ignored;
  if (fs::exists(target, ignored) &&
      !(fs::is_directory(target, ignored) && fs::is_empty(target, ignored))) {
    return fail(
        ErrorCode::OutputFailed,
        fmt::format("{} exists and is not an empty folder; choose another.", displayed(target)));
  }
  ARGAND_TRY(prepareDcmtk());
  ARGAND_ASSIGN(const Volume turned, axial(volume));
  const std::int64_t slices = turned.geometry().size.k;
  if (turned.geometry().size.i > 65535 || turned.geometry().size.j > 65535) {
    return fail(ErrorCode::InputRefused, "A DICOM image has at most 65535 rows and columns.");
  }
  ARGAND_ASSIGN(const StoredVoxels stored, storedVoxelsOf(turned));
  const SourceSeries series = newSeriesFor(turned);
  log::info("Writing a DICOM series of {} slices.", slices);
  const PendingFolder pending(target);
  return guarded(
      ErrorCode::OutputFailed,
      fmt::format("writing {}", displayed(target)),
      [&]() -> Result<Warnings> {
        ARGAND_TRY(pending.create());
        Warnings warnings;
        if (!stored.exact) {
          warnings.push_back({WarningCode::ValueRepaired,
                              fmt::format("The voxels were rounded to steps of {:.6g}: a DICOM "
                                          "series holds 16 bits for each.",
                                          stored.slope)});
        }
        for (std::int64_t k = 0; k < slices; ++k) {
          ARGAND_TRY(checkStop(stop));
          SliceObject slice(series, turned, modality, stored);
          slice.setHeader(options.seriesDescription);
          slice.setPlane(k);
          slice.setPixels(k);
          ARGAND_TRY(slice.save(pending.temporary() / fmt::format("IM{:05}.dcm", k + 1),
                                EXS_LittleEndianExplicit));
          if (k == 0) {  // the others say the same
            append(warnings, slice.warnings());
          }
          report(progress,
                 "Writing slices",
                 static_cast<double>(k + 1) / static_cast<double>(slices),
                 fmt::format("{} of {}", k + 1, slices));
        }
        ARGAND_TRY(pending.commit());
        return warnings;
      });
}

}  // namespace argand::dicom
