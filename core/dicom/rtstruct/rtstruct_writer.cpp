// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/rtstruct/rtstruct_dataset.h"

#include <algorithm>

namespace argand::dicom {

namespace {

// The image class that stands for a slice without one.
std::string imageClassFor(const std::string& modality) {
  if (modality == "CT") {
    return UID_CTImageStorage;
  }
  return modality == "MR" ? UID_MRImageStorage : UID_SecondaryCaptureImageStorage;
}

// The source with every UID that an RTSTRUCT must repeat, or a refusal that
// names what lacks.
Result<SourceSeries> completed(const SourceSeries& source,
                               const Geometry& geometry,
                               bool invent,
                               RtStructOptions& options) {
  std::vector<std::string> lacking;
  SourceSeries whole = source;
  const auto need = [&](std::string& uid, const char* name) {
    if (uid.empty()) {
      uid = newUid();
      if (std::find(lacking.begin(), lacking.end(), name) == lacking.end()) {
        lacking.emplace_back(name);
      }
    }
  };
  need(whole.frameOfReferenceUid, "Frame of Reference UID");
  need(whole.studyUid, "Study Instance UID");
  need(whole.seriesUid, "Series Instance UID");
  if (whole.slices.empty()) {  // no DICOM series: the slices are those of the grid
    whole.rowCosine = geometry.direction(0);
    whole.columnCosine = geometry.direction(1);
    for (std::int64_t k = 0; k < geometry.size.k; ++k) {
      whole.slices.push_back({{}, {}, 0, geometry.sliceToLps(0.0, 0.0, k)});
    }
  }
  for (SourceSlice& slice : whole.slices) {
    need(slice.sopInstanceUid, "SOP Instance UIDs");
    slice.sopClassUid =
        slice.sopClassUid.empty() ? imageClassFor(source.modality) : slice.sopClassUid;
  }
  if (lacking.empty()) {
    return whole;
  }
  if (!invent) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The source has no {}, so a planning system could not tell where the "
                            "structures lie. Use a DICOM series that has them, or ask for "
                            "invented UIDs (--invent-uids).",
                            fmt::join(lacking, ", no ")));
  }
  options.seriesDescription += " (UIDs invented)";
  return whole;
}

// Contours slice by slice over the structure's bounding box.
Result<std::vector<SlicedContours>> contoursOfStructure(const Segmentation& segmentation,
                                                        StructureId id,
                                                        const ContourOptions& options,
                                                        const std::stop_token& stop) {
  std::vector<SlicedContours> result;
  const Box bounds = segmentation.boundsOf(id);
  for (std::int64_t k = bounds.begin.k; k < bounds.end.k; ++k) {
    ARGAND_TRY(checkStop(stop));
    Box slice = bounds;
    slice.begin.k = k;
    slice.end.k = k + 1;
    const auto mask = segmentation.mask(id, slice);
    auto rings = contoursOf(mask, slice.size().i, slice.size().j, options);
    if (rings.empty()) {
      continue;
    }
    for (Ring& ring : rings) {
      for (Point2& point : ring) {
        point.x += static_cast<double>(bounds.begin.i);
        point.y += static_cast<double>(bounds.begin.j);
      }
    }
    result.push_back({k, std::move(rings)});
  }
  return result;
}

double diceOf(const Segmentation& a, StructureId idOfA, const Segmentation& b, StructureId idOfB) {
  const Box boundsOfA = a.boundsOf(idOfA);
  const Box boundsOfB = b.boundsOf(idOfB);
  if (boundsOfA.empty() && boundsOfB.empty()) {
    return 1.0;
  }
  const Box box = boundsOfA.empty()   ? boundsOfB
                  : boundsOfB.empty() ? boundsOfA
                                      : united(boundsOfA, boundsOfB);
  const auto maskOfA = a.mask(idOfA, box);
  const auto maskOfB = b.mask(idOfB, box);
  std::int64_t both = 0;
  std::int64_t sum = 0;
  for (std::size_t n = 0; n < maskOfA.size(); ++n) {
    both += maskOfA[n] & maskOfB[n];
    sum += maskOfA[n] + maskOfB[n];
  }
  return 2.0 * static_cast<double>(both) / static_cast<double>(sum);
}

// Reads the file again and compares every structure with its mask.
Result<void> verify(const std::filesystem::path& path,
                    const Segmentation& segmentation,
                    const SourceSeries& source,
                    const std::vector<StructureId>& ids,
                    const std::stop_token& stop,
                    std::vector<WrittenStructure>& written) {
  ARGAND_ASSIGN(const ReadRtStruct back,
                readRtStruct(path, segmentation.geometry(), source, FillRule::EvenOdd, stop));
  const auto& structures = back.segmentation.structures();
  if (structures.size() != ids.size() || !back.warnings.empty()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("The structures were not found again in the written file, so it was "
                            "not kept{}{}",
                            back.warnings.empty() ? "." : ": ",
                            joined(back.warnings)));
  }
  for (std::size_t n = 0; n < ids.size(); ++n) {
    written[n].diceReadBack = diceOf(segmentation, ids[n], back.segmentation, structures[n].id);
    if (written[n].diceReadBack < 1.0) {
      return fail(ErrorCode::OutputFailed,
                  fmt::format("The contours of '{}' fill to another mask than the one drawn (Dice "
                              "{:.6f}), so the file was not kept. Export with a smaller "
                              "simplification tolerance.",
                              written[n].name,
                              written[n].diceReadBack));
    }
  }
  return {};
}

// Those to write, in list order; empty structures are named and left out.
Result<std::vector<Structure>> chosen(const Segmentation& segmentation,
                                      const std::vector<StructureId>& only,
                                      bool includeEmpty,
                                      Warnings& warnings) {
  std::vector<Structure> result;
  for (const Structure& structure : segmentation.structures()) {
    if (!only.empty() && std::find(only.begin(), only.end(), structure.id) == only.end()) {
      continue;
    }
    if (!includeEmpty && segmentation.boundsOf(structure.id).empty()) {
      warnings.push_back(
          {WarningCode::LeftOut, fmt::format("'{}' is empty and was left out.", structure.name)});
      continue;
    }
    result.push_back(structure);
  }
  if (result.empty()) {
    return fail(ErrorCode::InputRefused,
                "There is nothing to write: every structure is empty. Segment or draw one first.");
  }
  return result;
}

}  // namespace

Result<WrittenRtStruct> writeRtStruct(const std::filesystem::path& path,
                                      const Segmentation& segmentation,
                                      const SourceSeries& source,
                                      const RtStructOptions& options,
                                      const std::vector<StructureId>& only,
                                      const std::stop_token& stop,
                                      const ProgressFn& progress) {
  ARGAND_TRY(prepareDcmtk());
  const Geometry& geometry = segmentation.geometry();
  ARGAND_ASSIGN(const SlicePlanes planes, SlicePlanes::create(geometry, source));
  RtStructOptions effective = options;
  ARGAND_ASSIGN(const SourceSeries whole,
                completed(source, geometry, options.inventUids, effective));
  WrittenRtStruct result;
  ARGAND_ASSIGN(const std::vector<Structure> structures,
                chosen(segmentation, only, options.includeEmpty, result.warnings));

  return guarded(ErrorCode::OutputFailed, "writing the RTSTRUCT", [&]() -> Result<WrittenRtStruct> {
    RtStructDataset dataset(whole, planes);
    dataset.setHeader(effective, structures);
    std::vector<StructureId> ids;
    for (const Structure& structure : structures) {
      report(progress,
             "Drawing contours",
             static_cast<double>(ids.size()) / static_cast<double>(structures.size()),
             structure.name);
      ARGAND_ASSIGN(const auto contours,
                    contoursOfStructure(
                        segmentation, structure.id, {options.holes, options.tolerancePx}, stop));
      ARGAND_ASSIGN(WrittenStructure written, dataset.addRoi(structure, contours, options.remark));
      result.structures.push_back(std::move(written));
      ids.push_back(structure.id);
    }
    PendingFile pending(path);
    report(progress, "Writing the file", 0.0);
    ARGAND_TRY(pending.named(dataset.save(pending.temporary())));
    report(progress, "Reading it back", 0.0);
    ARGAND_TRY(verify(pending.temporary(), segmentation, whole, ids, stop, result.structures));
    ARGAND_TRY(checkStop(stop));
    ARGAND_TRY(pending.commit());
    append(result.warnings, dataset.warnings());
    return std::move(result);
  });
}

}  // namespace argand::dicom
