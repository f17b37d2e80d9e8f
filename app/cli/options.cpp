// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/base/file.h"
#include "core/base/text.h"

#include <charconv>

namespace argand::app {

namespace fs = std::filesystem;

void addStructureNames(CLI::App& verb, bool& tg263) {
  addChoice<bool>(verb,
                  "--structure-names",
                  tg263,
                  {{"own", false}, {"tg263", true}},
                  "The names as they are, or those of AAPM TG-263 where it has one; default: own");
}

void DeviceOptions::addTo(CLI::App& verb) {
  verb.add_option(
          "--devices",
          devices,
          "Where it runs: cpu, or cpu:0,cpu:1,... which share the cores equally; cuda:0, "
          "cuda:0,cuda:1,... for GPUs; auto: all GPUs, and the processor where nothing fits "
          "on them")
      ->capture_default_str();
  verb.add_option("--budget",
                  budgets,
                  "Memory each may use: 2GiB,1500MiB; one figure for all or one each. Default: "
                  "what is free");
  verb.add_option("--threads", threads, "Threads of each device")->check(CLI::PositiveNumber);
}

Result<engine::DeviceChoice> DeviceOptions::parse() const {
  return engine::chooseDevices(devices, budgets, threads);
}

Result<engine::Extent> extentOption(const std::string& option, const std::string& text) {
  engine::Extent extent;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int axis = 0; axis < 3; ++axis) {
    const auto [next, error] = std::from_chars(at, end, extent[axis]);
    const bool last = axis == 2;
    if (error != std::errc() || extent[axis] < 1 ||
        (last ? next != end : next == end || *next != 'x')) {
      return fail(
          ErrorCode::Usage,
          fmt::format(
              "{} {} is not DEPTHxHEIGHTxWIDTH in voxels, as in 192x320x256.", option, text));
    }
    at = next + 1;
  }
  return extent;
}

engine::Extent paddedFor(const engine::Graph& graph, engine::Extent size) {
  const engine::Extent alignment = graph.alignment();
  for (int axis = 0; axis < 3; ++axis) {
    size[axis] = (size[axis] + alignment[axis] - 1) / alignment[axis] * alignment[axis];
  }
  return size;
}

Result<std::string> planText(const std::string& option) {
  std::error_code ignored;
  if (!option.empty() && fs::is_regular_file(option, ignored)) {
    return readTextFile(option);
  }
  return option;
}

Result<void> checkOutput(const fs::path& path, const std::string& as) {
  const bool labelMap = io::formatOf(path).has_value();
  const bool dicom = path.extension() == ".dcm";
  if (!labelMap && !dicom) {
    return fail(ErrorCode::Usage,
                fmt::format("The ending of {} decides the format and is none of .nii.gz, .nii, "
                            ".nrrd, .mha and .dcm.",
                            displayed(path)));
  }
  if (dicom && as.empty()) {
    return fail(
        ErrorCode::Usage,
        fmt::format("{} can be more than one thing in DICOM: add --as rtstruct or --as seg.",
                    displayed(path)));
  }
  if (!dicom && !as.empty()) {
    return fail(ErrorCode::Usage,
                fmt::format("--as {} writes DICOM, and the ending of {} is another format's: name "
                            "a file that ends in .dcm.",
                            as,
                            displayed(path)));
  }
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, ignored)) {
    return fail(ErrorCode::Usage,
                fmt::format("There is no folder {} to write {} into.",
                            displayed(folder),
                            displayed(path.filename())));
  }
  return {};
}

Result<LabelTable> namesOption(const fs::path& path) {
  if (path.empty()) {
    return LabelTable{};
  }
  return LabelTable::read(path);
}

Json toJson(const Geometry& geometry) {
  const Vec3 spacing = geometry.spacingMm();
  Json matrix = Json::array();
  for (int row = 0; row < 3; ++row) {
    const auto& r = geometry.lpsFromIndex.linear[static_cast<std::size_t>(row)];
    matrix.push_back({r[0], r[1], r[2], geometry.lpsFromIndex.offset[row]});
  }
  matrix.push_back({0.0, 0.0, 0.0, 1.0});
  return {{"size", {geometry.size.i, geometry.size.j, geometry.size.k}},
          {"spacing_mm", {spacing.x, spacing.y, spacing.z}},
          {"lps_from_index", matrix}};
}

Json toJson(const Warnings& warnings) {
  Json list = Json::array();
  for (const Warning& warning : warnings) {
    list.push_back({{"code", toString(warning.code)}, {"text", warning.text}});
  }
  return list;
}

void addWarnings(const Warnings& warnings, Outcome& outcome) {
  outcome.json["warnings"] = toJson(warnings);
  for (const Warning& warning : warnings) {
    outcome.text += fmt::format("Warning: {}\n", warning.text);
  }
}

}  // namespace argand::app
