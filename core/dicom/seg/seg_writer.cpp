// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/dicom/derived_object.h"
#include "core/dicom/seg/seg.h"
#include "core/dicom/seg/seg_dataset.h"

#include <algorithm>

namespace argand::dicom {

namespace {

// Adds every slice of the structure that holds a voxel of it.
Result<WrittenSegment> addFrames(const Segmentation& segmentation,
                                 StructureId id,
                                 int number,
                                 const std::stop_token& stop,
                                 SegDataset& dataset) {
  WrittenSegment written;
  const Box bounds = segmentation.boundsOf(id);
  for (std::int64_t k = bounds.begin.k; k < bounds.end.k; ++k) {
    ARGAND_TRY(checkStop(stop));
    Box slice = bounds;
    slice.begin.k = k;
    slice.end.k = k + 1;
    const auto mask = segmentation.mask(id, slice);
    const auto voxels = std::count(mask.begin(), mask.end(), std::uint8_t{1});
    if (voxels > 0) {
      ARGAND_TRY(dataset.addFrame(number, slice, mask));
      ++written.frames;
      written.voxels += voxels;
    }
  }
  return written;
}

// Reads the file again and compares every structure with its mask, voxel for voxel.
Result<void> verify(const std::filesystem::path& path,
                    const Segmentation& segmentation,
                    const SourceSeries& source,
                    const std::vector<StructureId>& ids,
                    const std::stop_token& stop,
                    std::vector<WrittenSegment>& written) {
  ARGAND_ASSIGN(const ReadSeg back, readSeg(path, segmentation.geometry(), source, stop));
  const auto& structures = back.segmentation.structures();
  if (structures.size() != ids.size() || !back.warnings.empty()) {
    return fail(ErrorCode::OutputFailed,
                fmt::format("The segments were not found again in the written file, so it was not "
                            "kept{}{}",
                            back.warnings.empty() ? "." : ": ",
                            joined(back.warnings)));
  }
  for (std::size_t n = 0; n < ids.size(); ++n) {
    written[n].diceReadBack = diceOf(segmentation, ids[n], back.segmentation, structures[n].id);
    if (written[n].diceReadBack < 1.0) {
      return fail(ErrorCode::OutputFailed,
                  fmt::format("'{}' is another mask in the written file than the one drawn (Dice "
                              "{:.6f}), so the file was not kept.",
                              written[n].name,
                              written[n].diceReadBack));
    }
  }
  return {};
}

}  // namespace

Result<WrittenSeg> writeSeg(const std::filesystem::path& path,
                            const Segmentation& segmentation,
                            const SourceSeries& source,
                            const SegOptions& options,
                            const std::vector<StructureId>& only,
                            const std::stop_token& stop,
                            const ProgressFn& progress) {
  constexpr std::int64_t kMostRows = 65535;  // Rows and Columns are US
  ARGAND_TRY(prepareDcmtk());
  const Geometry& geometry = segmentation.geometry();
  ARGAND_ASSIGN(const SlicePlanes planes, SlicePlanes::create(geometry, source));
  if (geometry.size.i > kMostRows || geometry.size.j > kMostRows) {
    return fail(ErrorCode::InputRefused,
                fmt::format("Slices of {} x {} pixels are larger than DICOM allows ({}).",
                            geometry.size.i,
                            geometry.size.j,
                            kMostRows));
  }
  ARGAND_ASSIGN(const CompletedSource whole, completed(source, geometry, options.inventUids));
  SegOptions effective = options;
  if (whole.invented) {
    effective.seriesDescription += " (UIDs invented)";
  }
  WrittenSeg result;
  ARGAND_ASSIGN(const std::vector<Structure> structures,
                chosen(segmentation, only, false, result.warnings));
  std::vector<std::string> names;
  for (const Structure& structure : structures) {
    names.push_back(structure.name);
  }
  names = distinctValues(names, kLongestLo, result.warnings);

  return guarded(ErrorCode::OutputFailed, "writing the SEG", [&]() -> Result<WrittenSeg> {
    SegDataset dataset(whole.series, planes, geometry);
    dataset.setHeader(effective, structures, names);
    std::vector<StructureId> ids;
    for (const Structure& structure : structures) {
      report(progress,
             "Packing segments",
             static_cast<double>(ids.size()) / static_cast<double>(structures.size()),
             structure.name);
      ids.push_back(structure.id);
      ARGAND_ASSIGN(
          WrittenSegment written,
          addFrames(segmentation, structure.id, static_cast<int>(ids.size()), stop, dataset));
      written.name = structure.name;
      result.structures.push_back(std::move(written));
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
