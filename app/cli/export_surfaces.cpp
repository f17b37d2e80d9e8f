// SPDX-License-Identifier: Apache-2.0
#include "app/cli/export_surfaces.h"

#include "core/base/text.h"
#include "core/study/outputs.h"
#include "core/volume/structure_table.h"

#include <algorithm>
#include <set>

namespace argand::app {

namespace {

namespace fs = std::filesystem;

Result<study::LoadedLabels> load(const SurfaceExport& options, const Context& context) {
  ARGAND_ASSIGN(const LabelTable names, namesOption(options.names));
  if (!options.reference.empty()) {
    ARGAND_ASSIGN(const study::Entry entry,
                  study::findImage(options.reference, options.series, context.stop));
    ARGAND_ASSIGN(study::LoadedVolume reference,
                  study::load(entry, context.stop, context.progress));
    ARGAND_ASSIGN(study::LoadedLabels labels,
                  study::loadSegmentation(options.labels, reference.volume, names, context.stop));
    append(reference.warnings, labels.warnings);
    labels.warnings = std::move(reference.warnings);
    return labels;
  }
  if (!io::formatOf(options.labels)) {
    return fail(ErrorCode::Usage,
                fmt::format("{} is no label map: give the series that its structures lie on with "
                            "--reference.",
                            displayed(options.labels)));
  }
  ARGAND_ASSIGN(const io::LabelFile file, io::readLabels(options.labels));
  LabelTable table = file.names;
  for (const auto& [value, entry] : names.entries()) {
    table.set(value, entry);
  }
  return study::LoadedLabels{segmentationFrom(file.labels, table), file.warnings};
}

// Those asked for that have a voxel; the others are named in a warning.
Result<std::vector<Structure>> chosen(const SurfaceExport& options,
                                      const Segmentation& segmentation,
                                      Warnings& warnings) {
  for (const std::string& name : options.only) {
    if (segmentation.findByName(name) == nullptr) {
      std::string known;
      for (const Structure& structure : segmentation.structures()) {
        known += (known.empty() ? "" : ", ") + structure.name;
      }
      return fail(ErrorCode::Usage,
                  fmt::format("There is no structure '{}'; there are {}.", name, known));
    }
  }
  std::vector<Structure> list;
  for (const Structure& structure : segmentation.structures()) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), structure.name) == options.only.end()) {
      continue;
    }
    if (segmentation.boundsOf(structure.id).empty()) {
      warnings.push_back(
          {WarningCode::LeftOut, fmt::format("'{}' has no voxel and no surface.", structure.name)});
      continue;
    }
    list.push_back(structure);
  }
  if (list.empty()) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} holds no structure with a voxel.", displayed(options.labels)));
  }
  return list;
}

// A file's name for a structure: what no file system takes becomes '_', and no two are equal
// in any case.
fs::path fileName(const std::string& structure,
                  mesh::MeshFormat format,
                  std::set<std::string>& taken) {
  std::string stem = utf8Text(structure);
  std::replace_if(
      stem.begin(),
      stem.end(),
      [](char c) {
        return static_cast<unsigned char>(c) < 0x20 ||
               std::string_view(R"(/\:*?"<>|)").find(c) != std::string_view::npos;
      },
      '_');
  if (stem.empty() || stem.front() == '.') {
    stem.insert(0, "_");
  }
  std::string name = stem;
  for (int n = 2; !taken.insert(CLI::detail::to_lower(name)).second; ++n) {
    name = fmt::format("{}-{}", stem, n);
  }
  return fs::path(fmt::format("{}.{}", name, mesh::toString(format)));
}

Result<std::vector<fs::path>> outputsFor(const SurfaceExport& options,
                                         mesh::MeshFormat format,
                                         const std::vector<Structure>& structures) {
  const bool oneFile = CLI::detail::to_lower(options.out.extension().string()) ==
                       fmt::format(".{}", toString(format));
  if (oneFile) {
    if (structures.size() > 1) {
      return fail(
          ErrorCode::Usage,
          fmt::format("A file holds one surface, and there are {} structures: give a folder, "
                      "or one of them with --only.",
                      structures.size()));
    }
    return std::vector<fs::path>{options.out};
  }
  std::vector<fs::path> outputs;
  std::set<std::string> taken;
  for (const Structure& structure : structures) {
    outputs.push_back(options.out / fileName(structure.name, format, taken));
  }
  return outputs;
}

Result<void> makeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return fail(ErrorCode::Usage,
                fmt::format("The folder {} cannot be made: {}. Give another --out.",
                            displayed(folder),
                            error.message()));
  }
  return {};
}

std::vector<std::string> comments(const Structure& structure, const SurfaceExport& options) {
  std::vector<std::string> lines{structure.name,
                                 fmt::format("From {}", displayed(options.labels.filename()))};
  if (!structure.model.empty()) {
    lines.push_back(fmt::format("Model {} {}", structure.model, structure.modelHash));
  }
  return lines;
}

}  // namespace

std::optional<mesh::MeshFormat> surfaceFormat(const std::string& as) {
  for (const auto format : {mesh::MeshFormat::Stl, mesh::MeshFormat::Obj, mesh::MeshFormat::Ply}) {
    if (as == mesh::toString(format)) {
      return format;
    }
  }
  return std::nullopt;
}

Result<Outcome> exportSurfaces(const SurfaceExport& options,
                               mesh::MeshFormat format,
                               const Context& context) {
  ARGAND_ASSIGN(study::LoadedLabels loaded, load(options, context));
  const Segmentation segmentation = options.tg263 ? withTg263Names(std::move(loaded.segmentation))
                                                  : std::move(loaded.segmentation);
  ARGAND_ASSIGN(const auto structures, chosen(options, segmentation, loaded.warnings));
  ARGAND_ASSIGN(const auto outputs, outputsFor(options, format, structures));
  const fs::path inputs[] = {options.labels, options.reference, options.names};
  ARGAND_TRY(study::checkOutputs(outputs, inputs, context.stop));
  ARGAND_TRY(makeFolder(outputs.front().has_parent_path() ? outputs.front().parent_path()
                                                          : fs::path(".")));
  Outcome outcome;
  outcome.json["structures"] = Json::array();
  for (std::size_t n = 0; n < structures.size(); ++n) {
    const Structure& structure = structures[n];
    report(context.progress,
           "Surfaces",
           static_cast<double>(n) / static_cast<double>(structures.size()),
           structure.name);
    ARGAND_ASSIGN(const mesh::TriangleMesh surface,
                  mesh::surfaceMesh(segmentation, structure.id, context.stop));
    ARGAND_TRY(mesh::writeMesh(
        outputs[n], surface, {format, options.frame, comments(structure, options)}));
    const std::string file = displayed(outputs[n]);
    outcome.json["outputs"].push_back(file);
    outcome.json["structures"].push_back({{"name", structure.name},
                                          {"file", file},
                                          {"points", surface.pointsMm.size()},
                                          {"triangles", surface.triangles.size()},
                                          {"volume_ml", surface.volumeMl()},
                                          {"voxels_ml", segmentation.volumeMl(structure.id)}});
    outcome.text += fmt::format("{}: {} triangles, {:.2f} ml inside; wrote {}\n",
                                structure.name,
                                surface.triangles.size(),
                                surface.volumeMl(),
                                file);
  }
  outcome.json["frame"] = options.frame == mesh::Frame::Lps ? "LPS" : "RAS";
  addWarnings(loaded.warnings, outcome);
  return outcome;
}

}  // namespace argand::app
