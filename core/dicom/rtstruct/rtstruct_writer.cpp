// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/derived_object.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/rtstruct/rtstruct_dataset.h"

namespace argand::dicom {

namespace {

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

// Reads the file again and compares every structure with its mask.
Result<void> verify(const std::filesystem::path& path,
                    const Segmentation& segmentation,
                    const SourceSeries& source,
                    const std::vector<StructureId>& ids,
                    const std::stop_token& stop,
                    std::vector<WrittenStructure>& written) {
  ARGAND_ASSIGN(const ReadRtStruct back,
                readRtStruct(path, segmentation.geometry(), source, FillRule::Nested, stop));
  const auto& structures = back.segmentation.structures();
  // Slices may be free between parts of a structure, and structures may be empty.
  Warnings doubts = back.warnings;
  std::erase_if(doubts, [](const Warning& warning) {
    return warning.code == WarningCode::Gap || warning.code == WarningCode::LeftOut;
  });
  if (structures.size() != ids.size() || !doubts.empty()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("The structures were not found again in the written file, so it was "
                            "not kept{}{}",
                            doubts.empty() ? "." : ": ",
                            joined(doubts)));
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
  ARGAND_ASSIGN(const CompletedSource whole, completed(source, geometry, options.inventUids));
  if (whole.invented) {
    effective.seriesDescription += " (UIDs invented)";
  }
  WrittenRtStruct result;
  ARGAND_ASSIGN(const std::vector<Structure> structures,
                chosen(segmentation, only, options.includeEmpty, result.warnings));

  return guarded(ErrorCode::OutputFailed, "writing the RTSTRUCT", [&]() -> Result<WrittenRtStruct> {
    RtStructDataset dataset(whole.series, planes);
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
    ARGAND_TRY(
        verify(pending.temporary(), segmentation, whole.series, ids, stop, result.structures));
    ARGAND_TRY(checkStop(stop));
    ARGAND_TRY(pending.commit());
    append(result.warnings, dataset.warnings());
    return std::move(result);
  });
}

}  // namespace argand::dicom
