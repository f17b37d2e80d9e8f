// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dicom_fixture.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>

#include <stdexcept>

namespace argand::test {

namespace {

// At most the 16 characters of DS.
std::string decimal(double value) {
  return fmt::format("{:.9g}", value == 0.0 ? 0.0 : value);
}

void put(DcmDataset& dataset, const DcmTagKey& key, const std::string& value) {
  if (dataset.putAndInsertString(key, value.c_str()).bad()) {
    throw std::runtime_error("An attribute of the CT fixture was refused.");
  }
}

void putCtModules(DcmDataset& dataset) {
  put(dataset, DCM_ImageType, "ORIGINAL\\PRIMARY\\AXIAL");
  put(dataset, DCM_Modality, "CT");
  put(dataset, DCM_Manufacturer, "Fixture");
  put(dataset, DCM_SeriesNumber, "1");
  put(dataset, DCM_Laterality, "");
  put(dataset, DCM_AcquisitionNumber, "1");
  put(dataset, DCM_KVP, "120");
  put(dataset, DCM_PatientPosition, "HFS");
  put(dataset, DCM_PhotometricInterpretation, "MONOCHROME2");
  put(dataset, DCM_RescaleIntercept, "0");
  put(dataset, DCM_RescaleSlope, "1");
  put(dataset, DCM_RescaleType, "HU");
  dataset.putAndInsertUint16(DCM_SamplesPerPixel, 1);
  dataset.putAndInsertUint16(DCM_BitsAllocated, 16);
  dataset.putAndInsertUint16(DCM_BitsStored, 16);
  dataset.putAndInsertUint16(DCM_HighBit, 15);
  dataset.putAndInsertUint16(DCM_PixelRepresentation, 1);
}

}  // namespace

Geometry gridOf(const Size3& size,
                const Vec3& spacingMm,
                const Vec3& originMm,
                const Vec3& rowCosine,
                const Vec3& columnCosine) {
  Geometry geometry;
  geometry.size = size;
  const Vec3 row = normalized(rowCosine);
  const Vec3 normal = normalized(cross(row, columnCosine));
  geometry.lpsFromIndex.setColumn(0, row * spacingMm.x);
  geometry.lpsFromIndex.setColumn(1, cross(normal, row) * spacingMm.y);
  geometry.lpsFromIndex.setColumn(2, normal * spacingMm.z);
  geometry.lpsFromIndex.offset = originMm;
  return geometry;
}

SourceSeries sourceOf(const Geometry& geometry) {
  SourceSeries source;
  source.studyUid = "2.25.1000";
  source.seriesUid = "2.25.1001";
  source.frameOfReferenceUid = "2.25.1002";
  source.modality = "CT";
  source.characterSet = "ISO_IR 100";
  source.patientAndStudy = {{0x00100010,
                             "PN",
                             "Fixture^Mar\xed"
                             "a"},
                            {0x00100020, "LO", "F-1"},
                            {0x00100030, "DA", "19700101"},
                            {0x00100040, "CS", "F"},
                            {0x00080020, "DA", "20260102"},
                            {0x00080030, "TM", "030405"},
                            {0x00080050, "SH", "A1"},
                            {0x00200010, "SH", "S1"}};
  source.rowCosine = geometry.direction(0);
  source.columnCosine = geometry.direction(1);
  for (std::int64_t k = 0; k < geometry.size.k; ++k) {
    source.slices.push_back({UID_CTImageStorage,
                             fmt::format("2.25.1003{:04}", k),
                             0,
                             geometry.sliceToLps(0.0, 0.0, k)});
  }
  return source;
}

void writeCtSeries(const std::filesystem::path& folder,
                   const Geometry& geometry,
                   const SourceSeries& source) {
  std::filesystem::create_directories(folder);
  const auto [width, height, depth] = geometry.size;
  const Vec3 spacing = geometry.spacingMm();
  std::vector<Uint16> pixels(static_cast<std::size_t>(width * height));
  for (std::size_t n = 0; n < pixels.size(); ++n) {
    pixels[n] = static_cast<Uint16>(n % 512);
  }
  const Vec3& row = source.rowCosine;
  const Vec3& column = source.columnCosine;
  for (std::int64_t k = 0; k < depth; ++k) {
    const SourceSlice& slice = source.slices[static_cast<std::size_t>(k)];
    DcmFileFormat file;
    DcmDataset& dataset = *file.getDataset();
    putCtModules(dataset);
    put(dataset, DCM_SpecificCharacterSet, source.characterSet);
    put(dataset, DCM_ReferringPhysicianName, "");
    for (const SourceAttribute& attribute : source.patientAndStudy) {
      put(dataset,
          DcmTagKey(static_cast<Uint16>(attribute.tag >> 16),
                    static_cast<Uint16>(attribute.tag & 0xFFFFU)),
          attribute.value);
    }
    put(dataset, DCM_SOPClassUID, slice.sopClassUid);
    put(dataset, DCM_SOPInstanceUID, slice.sopInstanceUid);
    put(dataset, DCM_StudyInstanceUID, source.studyUid);
    put(dataset, DCM_SeriesInstanceUID, source.seriesUid);
    put(dataset, DCM_FrameOfReferenceUID, source.frameOfReferenceUid);
    put(dataset, DCM_PositionReferenceIndicator, source.positionReferenceIndicator);
    put(dataset, DCM_InstanceNumber, std::to_string(k + 1));
    put(dataset,
        DCM_ImagePositionPatient,
        decimal(slice.positionMm.x) + "\\" + decimal(slice.positionMm.y) + "\\" +
            decimal(slice.positionMm.z));
    put(dataset,
        DCM_ImageOrientationPatient,
        decimal(row.x) + "\\" + decimal(row.y) + "\\" + decimal(row.z) + "\\" + decimal(column.x) +
            "\\" + decimal(column.y) + "\\" + decimal(column.z));
    put(dataset, DCM_PixelSpacing, decimal(spacing.y) + "\\" + decimal(spacing.x));
    put(dataset, DCM_SliceThickness, decimal(spacing.z));
    dataset.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(height));
    dataset.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(width));
    dataset.putAndInsertUint16Array(
        DCM_PixelData, pixels.data(), static_cast<unsigned long>(pixels.size()));
    const auto path = folder / fmt::format("{:04}.dcm", k);
    if (file.saveFile(path.c_str(), EXS_LittleEndianExplicit).bad()) {
      throw std::runtime_error("The CT fixture could not be written.");
    }
  }
}

}  // namespace argand::test
