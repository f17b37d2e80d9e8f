// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/seg/seg.h"
#include "core/study/outputs.h"
#include "core/study/study.h"
#include "core/volume/resample.h"

#include <algorithm>

namespace argand::study {

namespace fs = std::filesystem;

namespace {

// True where `grid` holds the voxels of `other` in another order of the axes.
bool onlyReordered(const Geometry& other, const Geometry& grid) {
  const auto order = orderTo(other, axisCodes(grid));
  return order && sameGrid(reordered(other, *order), grid);
}

// Contours or segments, on the slices of the series that they belong to.
Result<LoadedLabels> loadObject(const Entry& object,
                                const Volume& reference,
                                const std::stop_token& stop) {
  const bool seg = object.kind == dicom::ObjectKind::Seg;
  if (!reference.source) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is {}, which belongs to a DICOM series; the image given is not "
                            "from one. Give the folder of its series.",
                            displayed(object.path.filename()),
                            seg ? "a DICOM SEG" : "an RTSTRUCT"));
  }
  if (seg) {
    ARGAND_ASSIGN(dicom::ReadSeg read,
                  dicom::readSeg(object.path, reference.geometry(), *reference.source, stop));
    return LoadedLabels{std::move(read.segmentation), std::move(read.warnings)};
  }
  ARGAND_ASSIGN(dicom::ReadRtStruct read,
                dicom::readRtStruct(
                    object.path, reference.geometry(), *reference.source, FillRule::Nested, stop));
  return LoadedLabels{std::move(read.segmentation), std::move(read.warnings)};
}

// The structures of one layer as a segmentation of their own.
Segmentation layerAlone(const Segmentation& segmentation, int layer) {
  Segmentation alone(segmentation.geometry());
  if (alone.layerCount() == 0) {
    alone.addLayer();
  }
  alone.layer(0) = segmentation.layer(layer);
  for (Structure structure : segmentation.structures()) {
    if (structure.layer == layer) {
      structure.layer = 0;
      alone.insert(structure, alone.structures().size());
    }
  }
  return alone;
}

// Brings the labels of the file `name` to `grid`.
Result<LabelMap> broughtTo(const Geometry& grid,
                           LabelMap labels,
                           const std::string& name,
                           Warnings& warnings,
                           const std::stop_token& stop) {
  if (sameGrid(labels.geometry, grid)) {
    labels.geometry = grid;
    return labels;
  }
  if (!gridsOverlap(labels.geometry, grid)) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The labels in {} lie elsewhere in the patient than the reference: the "
                            "two grids share no point. Are they of the same study?",
                            name));
  }
  if (!onlyReordered(labels.geometry, grid)) {
    const Warning resampled{
        WarningCode::Resampled,
        fmt::format("{} is on another grid than the reference; each voxel took the label of the "
                    "nearest one.",
                    name)};
    if (std::find(warnings.begin(), warnings.end(), resampled) == warnings.end()) {
      warnings.push_back(resampled);
    }
  }
  return resampledLabels(labels, grid, stop);
}

Warnings namedWarnings(const Warnings& warnings, const std::string& name) {
  Warnings named;
  for (const Warning& warning : warnings) {
    named.push_back({warning.code, fmt::format("{}: {}", name, warning.text)});
  }
  return named;
}

LabelTable merged(LabelTable names, const LabelTable& stronger) {
  for (const auto& [value, entry] : stronger.entries()) {
    names.set(value, entry);
  }
  return names;
}

// Adds the structures of one layer, in a layer of their own.
void addLayer(Segmentation& segmentation, const LabelMap& labels, const LabelTable& names) {
  const Segmentation alone = segmentationFrom(labels, names);
  const int layer = segmentation.addLayer();
  segmentation.layer(layer) = alone.layer(0);
  for (Structure structure : alone.structures()) {
    structure.id = 0;
    structure.layer = layer;
    segmentation.add(std::move(structure));
  }
}

// A label map file of one layer or several.
Result<LoadedLabels> loadLayers(const fs::path& path,
                                const Geometry& grid,
                                const LabelTable& names,
                                const std::stop_token& stop) {
  ARGAND_ASSIGN(io::LayeredLabels file, io::readLabelLayers(path));
  const std::string name = displayed(path.filename());
  LoadedLabels loaded{Segmentation(grid), namedWarnings(file.warnings, name)};
  const bool one = file.layers.size() == 1;
  for (io::LayeredLabels::Layer& layer : file.layers) {
    ARGAND_ASSIGN(const LabelMap labels,
                  broughtTo(grid, std::move(layer.labels), name, loaded.warnings, stop));
    // Values name structures only where there is one layer: others use them again.
    addLayer(loaded.segmentation, labels, one ? merged(layer.names, names) : layer.names);
  }
  return loaded;
}

}  // namespace

Result<LoadedLabelMap> loadLabelMap(const fs::path& path,
                                    const Geometry& grid,
                                    const LabelTable& names,
                                    const std::stop_token& stop) {
  ARGAND_ASSIGN(io::LabelFile file, io::readLabels(path));
  const std::string name = displayed(path.filename());
  LoadedLabelMap loaded;
  loaded.names = merged(std::move(file.names), names);
  loaded.warnings = namedWarnings(file.warnings, name);
  ARGAND_ASSIGN(loaded.labels,
                broughtTo(grid, std::move(file.labels), name, loaded.warnings, stop));
  return loaded;
}

Result<std::vector<std::string>> referencedSeries(const Entry& entry) {
  if (entry.kind == dicom::ObjectKind::Seg) {
    ARGAND_ASSIGN(dicom::SegSummary summary, dicom::summarizeSeg(entry.path));
    return std::move(summary.referencedSeriesUids);
  }
  ARGAND_ASSIGN(dicom::RtStructSummary summary, dicom::summarizeRtStruct(entry.path));
  return std::move(summary.referencedSeriesUids);
}

Result<LoadedLabels> loadSegmentation(const fs::path& path,
                                      const Volume& reference,
                                      const LabelTable& names,
                                      const std::stop_token& stop) {
  if (io::formatOf(path)) {
    return loadLayers(path, reference.geometry(), names, stop);
  }
  ARGAND_ASSIGN(const Found found, find(path, stop));
  const auto object = std::find_if(found.entries.begin(), found.entries.end(), [](const Entry& e) {
    return e.kind != dicom::ObjectKind::Image;
  });
  if (object == found.entries.end()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} holds no label map, no RTSTRUCT and no SEG.{}",
                            path.string(),
                            found.refused.empty() ? "" : " " + found.refused.front().reason));
  }
  return loadObject(*object, reference, stop);
}

Result<std::vector<fs::path>> saveLabels(const fs::path& path,
                                         const Segmentation& segmentation,
                                         const Provenance& provenance) {
  if (const auto whole = flattened(segmentation)) {
    ARGAND_TRY(io::writeLabels(path, *whole, labelTable(segmentation)));
    ARGAND_TRY(writeProvenance(path, segmentation, provenance));
    return std::vector<fs::path>{path};
  }
  std::vector<fs::path> files;
  for (int layer = 0; layer < segmentation.layerCount(); ++layer) {
    const Segmentation alone = layerAlone(segmentation, layer);
    if (alone.structures().empty()) {
      continue;
    }
    ARGAND_ASSIGN(const LabelMap map, flattened(alone));
    files.push_back(layerPath(path, layer));
    ARGAND_TRY(io::writeLabels(files.back(), map, labelTable(alone)));
    ARGAND_TRY(writeProvenance(files.back(), alone, provenance));
  }
  return files;
}

LabelTable labelTable(const Segmentation& segmentation) {
  LabelTable table;
  LabelValue next = 1;
  for (const Structure& structure : segmentation.structures()) {
    const LabelValue value = segmentation.layerCount() == 1 ? structure.label : next;
    table.set(value, {structure.name, structure.code, structure.color, structure.side});
    ++next;
  }
  return table;
}

}  // namespace argand::study
