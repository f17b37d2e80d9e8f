// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series_writer.h"

#include "core/base/log.h"
#include "core/dicom/dcmtk_tools.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

// Integers of 16 bits, and what turns them into voxels again.
struct StoredVoxels {
  bool isSigned = false;
  double slope = 1.0;
  double intercept = 0.0;
};

StoredVoxels storedVoxelsOf(const Volume& volume) {
  return volume.visit([&](auto voxels) -> StoredVoxels {
    using T = typename decltype(voxels)::value_type;
    if constexpr (std::is_integral_v<T>) {
      return {std::is_signed_v<T>, 1.0, 0.0};
    } else {
      const auto [least, most] = std::minmax_element(voxels.begin(), voxels.end());
      const bool whole = std::all_of(
          voxels.begin(), voxels.end(), [](float voxel) { return voxel == std::trunc(voxel); });
      if (whole && *least >= -32768.0F && *most <= 32767.0F) {
        return {true, 1.0, 0.0};
      }
      if (whole && *least >= 0.0F && *most <= 65535.0F) {
        return {false, 1.0, 0.0};
      }
      // As they will be read back: with the digits that a DS has room for.
      const auto low = static_cast<double>(*least);
      const double range = static_cast<double>(*most) - low;
      StoredVoxels stored{false, range > 0.0 ? range / 65535.0 : 1.0, low};
      stored.slope = std::stod(decimalString(stored.slope));
      stored.intercept = std::stod(decimalString(stored.intercept));
      return stored;
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

class SeriesWriter {
 public:
  SeriesWriter(const Volume& volume, Modality modality, std::string description)
      : m_volume(volume),
        m_modality(modality),
        m_description(std::move(description)),
        m_stored(storedVoxelsOf(volume)) {}

  Result<void> writeSlice(std::int64_t k, const fs::path& path);

 private:
  void put(DcmDataset& dataset, const DcmTagKey& tag, const std::string& value) {
    m_status = m_status.good() ? dataset.putAndInsertString(tag, value.c_str()) : m_status;
  }

  void put(DcmDataset& dataset, const DcmTagKey& tag, int value) {
    m_status =
        m_status.good() ? dataset.putAndInsertUint16(tag, static_cast<Uint16>(value)) : m_status;
  }

  void putPatientAndStudy(DcmDataset& dataset);
  void putSeries(DcmDataset& dataset);
  void putPlane(DcmDataset& dataset, std::int64_t k);
  void putPixels(DcmDataset& dataset, std::int64_t k);
  void putModality(DcmDataset& dataset);

  const Volume& m_volume;
  Modality m_modality;
  std::string m_description;
  StoredVoxels m_stored;
  std::string m_studyUid = newUid();
  std::string m_seriesUid = newUid();
  std::string m_frameOfReferenceUid = newUid();
  OFCondition m_status = EC_Normal;
};

void SeriesWriter::putPatientAndStudy(DcmDataset& dataset) {
  for (const DcmTagKey& tag : {DCM_PatientName,
                               DCM_PatientID,
                               DCM_PatientBirthDate,
                               DCM_PatientSex,
                               DCM_StudyDate,
                               DCM_StudyTime,
                               DCM_ReferringPhysicianName,
                               DCM_StudyID,
                               DCM_AccessionNumber}) {
    put(dataset, tag, std::string());
  }
  if (const auto& source = m_volume.source) {
    if (!source->characterSet.empty()) {
      put(dataset, DCM_SpecificCharacterSet, source->characterSet);
    }
    for (const SourceAttribute& attribute : source->patientAndStudy) {
      put(dataset,
          DcmTagKey(static_cast<Uint16>(attribute.tag >> 16),
                    static_cast<Uint16>(attribute.tag & 0xffffU)),
          attribute.value);
    }
  }
  put(dataset, DCM_StudyInstanceUID, m_studyUid);
}

void SeriesWriter::putSeries(DcmDataset& dataset) {
  put(dataset, DCM_Modality, std::string(toString(m_modality)));
  put(dataset, DCM_SeriesInstanceUID, m_seriesUid);
  put(dataset, DCM_SeriesNumber, std::string("1"));
  put(dataset, DCM_SeriesDescription, m_description);
  put(dataset, DCM_PatientPosition, std::string());
  put(dataset, DCM_Laterality, std::string());
  put(dataset, DCM_FrameOfReferenceUID, m_frameOfReferenceUid);
  put(dataset, DCM_PositionReferenceIndicator, std::string());
  put(dataset, DCM_Manufacturer, std::string("Argand"));
}

void SeriesWriter::putModality(DcmDataset& dataset) {
  put(dataset, DCM_AcquisitionNumber, std::string());
  if (m_modality == Modality::Ct) {
    put(dataset, DCM_ImageType, std::string("DERIVED\\SECONDARY\\AXIAL"));
    put(dataset, DCM_KVP, std::string());
    put(dataset, DCM_RescaleType, std::string("HU"));
  } else {
    put(dataset, DCM_ImageType, std::string("DERIVED\\SECONDARY\\OTHER"));
    put(dataset, DCM_ScanningSequence, std::string("RM"));
    put(dataset, DCM_SequenceVariant, std::string("NONE"));
    put(dataset, DCM_SpacingBetweenSlices, decimalString(m_volume.geometry().spacingMm().z));
    for (const DcmTagKey& tag : {DCM_ScanOptions,
                                 DCM_MRAcquisitionType,
                                 DCM_RepetitionTime,
                                 DCM_EchoTime,
                                 DCM_EchoTrainLength}) {
      put(dataset, tag, std::string());
    }
  }
  // An MR image has no rescaling of its own in the standard; it is written
  // only where values could not be kept without it.
  const bool scaled = m_stored.slope != 1.0 || m_stored.intercept != 0.0;
  if (m_modality == Modality::Ct || scaled) {
    put(dataset, DCM_RescaleSlope, decimalString(m_stored.slope));
    put(dataset, DCM_RescaleIntercept, decimalString(m_stored.intercept));
  }
}

void SeriesWriter::putPlane(DcmDataset& dataset, std::int64_t k) {
  const Geometry& geometry = m_volume.geometry();
  const Vec3 spacing = geometry.spacingMm();
  const Vec3 position = geometry.sliceToLps(0.0, 0.0, k);
  put(dataset, DCM_InstanceNumber, std::to_string(k + 1));
  put(dataset, DCM_ImageOrientationPatient, std::string("1\\0\\0\\0\\1\\0"));
  put(dataset,
      DCM_ImagePositionPatient,
      fmt::format("{}\\{}\\{}",
                  decimalString(position.x),
                  decimalString(position.y),
                  decimalString(position.z)));
  put(dataset,
      DCM_PixelSpacing,
      fmt::format("{}\\{}", decimalString(spacing.y), decimalString(spacing.x)));
  put(dataset, DCM_SliceThickness, decimalString(spacing.z));
}

void SeriesWriter::putPixels(DcmDataset& dataset, std::int64_t k) {
  const Size3& size = m_volume.geometry().size;
  put(dataset, DCM_SamplesPerPixel, 1);
  put(dataset, DCM_PhotometricInterpretation, std::string("MONOCHROME2"));
  put(dataset, DCM_Rows, static_cast<int>(size.j));
  put(dataset, DCM_Columns, static_cast<int>(size.i));
  put(dataset, DCM_BitsAllocated, 16);
  put(dataset, DCM_BitsStored, 16);
  put(dataset, DCM_HighBit, 15);
  put(dataset, DCM_PixelRepresentation, m_stored.isSigned ? 1 : 0);
  const WindowLevel window = m_volume.defaultWindow();
  put(dataset, DCM_WindowCenter, decimalString(window.level));
  put(dataset, DCM_WindowWidth, decimalString(std::max(1.0, window.width)));
  const std::vector<Uint16> pixels = pixelsOf(m_volume, m_stored, k);
  if (m_status.good()) {
    m_status = dataset.putAndInsertUint16Array(
        DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size()));
  }
}

Result<void> SeriesWriter::writeSlice(std::int64_t k, const fs::path& path) {
  DcmFileFormat file;
  DcmDataset& dataset = *file.getDataset();
  put(dataset,
      DCM_SOPClassUID,
      std::string(m_modality == Modality::Ct ? UID_CTImageStorage : UID_MRImageStorage));
  put(dataset, DCM_SOPInstanceUID, newUid());
  putPatientAndStudy(dataset);
  putSeries(dataset);
  putModality(dataset);
  putPlane(dataset, k);
  putPixels(dataset, k);
  if (m_volume.source && m_volume.source->lossy) {
    put(dataset, DCM_LossyImageCompression, std::string("01"));
  }
  if (m_status.good()) {
    m_status = file.saveFile(path.c_str(), EXS_LittleEndianExplicit);
  }
  if (m_status.bad()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("{} cannot be written: {}.", path.string(), m_status.text()));
  }
  return {};
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
        fmt::format("The folder {} cannot be written: {}.", m_folder.string(), error.message()));
  }

  fs::path m_folder;
  fs::path m_temporary;
};

}  // namespace

Result<void> writeSeries(const fs::path& folder,
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
        fmt::format("{} exists and is not an empty folder; choose another.", target.string()));
  }
  ARGAND_TRY(prepareDcmtk());
  ARGAND_ASSIGN(const Volume turned, axial(volume));
  const std::int64_t slices = turned.geometry().size.k;
  if (turned.geometry().size.i > 65535 || turned.geometry().size.j > 65535) {
    return fail(ErrorCode::InputRefused, "A DICOM image has at most 65535 rows and columns.");
  }
  log::info("Writing a DICOM series of {} slices.", slices);
  const PendingFolder pending(target);
  return guarded(
      ErrorCode::OutputFailed, fmt::format("writing {}", target.string()), [&]() -> Result<void> {
        ARGAND_TRY(pending.create());
        SeriesWriter writer(turned, modality, options.seriesDescription);
        for (std::int64_t k = 0; k < slices; ++k) {
          ARGAND_TRY(checkStop(stop));
          ARGAND_TRY(writer.writeSlice(k, pending.temporary() / fmt::format("IM{:05}.dcm", k + 1)));
          report(progress,
                 "Writing slices",
                 static_cast<double>(k + 1) / static_cast<double>(slices),
                 fmt::format("{} of {}", k + 1, slices));
        }
        return pending.commit();
      });
}

}  // namespace argand::dicom
