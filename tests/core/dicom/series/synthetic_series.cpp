// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/series/synthetic_series.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>

#include <stdexcept>

namespace argand::test {

namespace {

void check(const OFCondition& status) {
  if (status.bad()) {
    throw std::runtime_error(status.text());
  }
}

DcmTagKey keyOf(const std::string& text) {
  return {static_cast<Uint16>(std::stoul(text.substr(0, 4), nullptr, 16)),
          static_cast<Uint16>(std::stoul(text.substr(5, 4), nullptr, 16))};
}

std::string textOf(const Vec3& v) {
  return fmt::format("{:.9g}\\{:.9g}\\{:.9g}", v.x, v.y, v.z);
}

}  // namespace

void writeSlice(const std::filesystem::path& path, const SyntheticSlice& slice) {
  DcmFileFormat file;
  DcmDataset& dataset = *file.getDataset();
  const auto put = [&](const DcmTagKey& key, const std::string& value) {
    DcmTag tag(key);
    if (tag.getEVR() == EVR_xs) {
      tag.setVR(slice.isSigned ? EVR_SS : EVR_US);
    }
    check(dataset.putAndInsertString(tag, value.c_str()));
  };
  const auto putNumber = [&](const DcmTagKey& tag, int value) {
    check(dataset.putAndInsertUint16(tag, static_cast<Uint16>(value)));
  };
  char uid[100];
  put(DCM_SOPClassUID, UID_CTImageStorage);
  put(DCM_SOPInstanceUID,
      slice.sopInstanceUid.empty() ? dcmGenerateUniqueIdentifier(uid) : slice.sopInstanceUid);
  put(DCM_StudyInstanceUID, "2.25.7");
  put(DCM_SeriesInstanceUID, slice.seriesUid);
  put(DCM_FrameOfReferenceUID, "2.25.777");
  put(DCM_Modality, "CT");
  put(DCM_InstanceNumber, std::to_string(slice.instanceNumber));
  put(DCM_ImagePositionPatient, textOf(slice.positionMm));
  put(DCM_ImageOrientationPatient, textOf(slice.rowCosine) + '\\' + textOf(slice.columnCosine));
  put(DCM_PixelSpacing, fmt::format("{}\\{}", slice.rowSpacingMm, slice.columnSpacingMm));
  putNumber(DCM_SamplesPerPixel, 1);
  put(DCM_PhotometricInterpretation, "MONOCHROME2");
  putNumber(DCM_Rows, slice.rows);
  putNumber(DCM_Columns, slice.columns);
  putNumber(DCM_BitsAllocated, 16);
  putNumber(DCM_BitsStored, 16);
  putNumber(DCM_HighBit, 15);
  putNumber(DCM_PixelRepresentation, slice.isSigned ? 1 : 0);
  std::vector<Uint16> pixels = slice.pixels;
  pixels.resize(static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns));
  check(dataset.putAndInsertUint16Array(
      DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size())));
  for (const auto& [tag, value] : slice.attributes) {
    if (value.empty()) {
      dataset.findAndDeleteElement(keyOf(tag));
    } else {
      put(keyOf(tag), value);
    }
  }
  if (slice.edit) {
    slice.edit(dataset);
  }
  check(file.saveFile(path.c_str(), EXS_LittleEndianExplicit));
}

std::vector<SyntheticSlice> evenSlices(int count, double spacingMm) {
  std::vector<SyntheticSlice> slices(static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) {
    SyntheticSlice& slice = slices[static_cast<std::size_t>(k)];
    slice.instanceNumber = k + 1;
    slice.positionMm = {-10.0, 20.0, 100.0 + spacingMm * k};
    slice.pixels.assign(static_cast<std::size_t>(slice.rows * slice.columns),
                        static_cast<std::uint16_t>(k));
  }
  return slices;
}

void writeSlices(const std::filesystem::path& folder, const std::vector<SyntheticSlice>& slices) {
  std::filesystem::create_directories(folder);
  for (std::size_t n = 0; n < slices.size(); ++n) {
    // 7 and 101 share no factor: the names are a permutation of the slices.
    writeSlice(folder / fmt::format("{:03}-{}.dcm", (n * 7 + 3) % 101, n), slices[n]);
  }
}

}  // namespace argand::test
