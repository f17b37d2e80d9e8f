// SPDX-License-Identifier: Apache-2.0
#include "tests/core/dicom/rtstruct/foreign_rtstruct.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace argand::test {

namespace {

void put(DcmItem& item, const DcmTagKey& key, const std::string& value) {
  if (item.putAndInsertString(key, value.c_str()).bad()) {
    throw std::runtime_error("An attribute of the foreign RTSTRUCT was refused.");
  }
}

DcmItem& added(DcmItem& item, const DcmTagKey& sequence) {
  DcmItem* made = nullptr;
  if (item.findOrCreateSequenceItem(sequence, made, -2).bad()) {
    throw std::runtime_error("An item of the foreign RTSTRUCT was refused.");
  }
  return *made;
}

}  // namespace

void writeForeign(const std::filesystem::path& path,
                  const SourceSeries& source,
                  const std::vector<ForeignRoi>& rois,
                  const std::string& characterSet) {
  DcmFileFormat file;
  DcmDataset& set = *file.getDataset();
  put(set, DCM_SOPClassUID, UID_RTStructureSetStorage);
  put(set, DCM_SOPInstanceUID, "2.25.4711");
  put(set, DCM_StudyInstanceUID, source.studyUid);
  put(set, DCM_SeriesInstanceUID, "2.25.4712");
  put(set, DCM_Modality, "RTSTRUCT");
  put(set, DCM_FrameOfReferenceUID, source.frameOfReferenceUid);
  if (!characterSet.empty()) {
    put(set, DCM_SpecificCharacterSet, characterSet);
  }
  for (const ForeignRoi& roi : rois) {
    DcmItem& item = added(set, DCM_StructureSetROISequence);
    put(item, DCM_ROINumber, roi.number);
    put(item, DCM_ROIName, roi.name);
    put(item, DCM_ReferencedFrameOfReferenceUID, source.frameOfReferenceUid);
    put(item, DCM_ROIGenerationAlgorithm, "MANUAL");
  }
  for (const ForeignRoi& roi : rois) {
    DcmItem& item = added(set, DCM_ROIContourSequence);
    put(item, DCM_ReferencedROINumber, roi.contoursOf.empty() ? roi.number : roi.contoursOf);
    for (const ForeignContour& contour : roi.contours) {
      DcmItem& child = added(item, DCM_ContourSequence);
      const auto numbers = std::count(contour.data.begin(), contour.data.end(), '\\') + 1;
      put(child, DCM_ContourGeometricType, contour.type);
      put(child, DCM_NumberOfContourPoints, std::to_string(numbers / 3));
      put(child, DCM_ContourData, contour.data);
    }
  }
  if (file.saveFile(path.c_str(), EXS_LittleEndianImplicit).bad()) {
    throw std::runtime_error("The foreign RTSTRUCT could not be written.");
  }
}

std::string dataOf(const std::vector<Vec3>& points) {
  std::string data;
  for (const Vec3& p : points) {
    data += fmt::format("{}{:.4f}\\{:.4f}\\{:.4f}", data.empty() ? "" : "\\", p.x, p.y, p.z);
  }
  return data;
}

std::vector<Vec3> rectangle(double x0, double y0, double x1, double y1, double z) {
  return {{x0, y0, z}, {x1, y0, z}, {x1, y1, z}, {x0, y1, z}};
}

std::vector<Vec3> circle(double x, double y, double radius, double z, int corners) {
  std::vector<Vec3> points;
  for (int n = 0; n < corners; ++n) {
    const double angle = 2.0 * M_PI * (n + 0.5) / corners;
    points.push_back({x + radius * std::cos(angle), y + radius * std::sin(angle), z});
  }
  return points;
}

}  // namespace argand::test
