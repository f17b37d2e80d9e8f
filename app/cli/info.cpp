// SPDX-License-Identifier: Apache-2.0
#include "app/cli/verb.h"
#include "core/base/text.h"

namespace argand::app {

namespace {

std::string_view kindName(dicom::ObjectKind kind) {
  switch (kind) {
    case dicom::ObjectKind::Image:
      return "image";
    case dicom::ObjectKind::Seg:
      return "seg";
    case dicom::ObjectKind::RtStruct:
      return "rtstruct";
  }
  return "image";
}

Json entryJson(const study::Entry& entry) {
  Json json = {{"kind", kindName(entry.kind)},
               {"path", displayed(entry.path)},
               {"modality", entry.modality},
               {"series_uid", entry.seriesUid()},
               {"description", entry.description}};
  if (entry.geometry) {
    json.update(toJson(*entry.geometry));
    json["axis_codes"] = axisCodes(*entry.geometry);
  }
  if (entry.series) {
    json["files"] = entry.series->files.size();
  }
  json["warnings"] = toJson(entry.warnings);
  return json;
}

std::string entryText(const study::Entry& entry) {
  std::string text = fmt::format("{}  {}\n", kindName(entry.kind), entry.title());
  text += fmt::format("    {}\n", displayed(entry.path));
  if (entry.geometry) {
    const Vec3 spacing = entry.geometry->spacingMm();
    text += fmt::format("    {:.4g} x {:.4g} x {:.4g} mm, axes {}\n",
                        spacing.x,
                        spacing.y,
                        spacing.z,
                        axisCodes(*entry.geometry));
  }
  if (entry.series) {
    text += fmt::format("    series {}\n", entry.seriesUid());
  }
  for (const Warning& warning : entry.warnings) {
    text += fmt::format("    {}: {}\n", toString(warning.code), warning.text);
  }
  return text;
}

Result<Outcome> info(const std::filesystem::path& path, const Context& context) {
  ARGAND_ASSIGN(const study::Found found, study::find(path, context.stop, context.progress));
  Outcome outcome;
  outcome.json = {{"volumes", Json::array()}, {"refused", Json::array()}};
  for (const study::Entry& entry : found.entries) {
    outcome.json["volumes"].push_back(entryJson(entry));
    outcome.text += entryText(entry);
  }
  for (const study::Refusal& refusal : found.refused) {
    outcome.json["refused"].push_back({{"path", displayed(refusal.path)},
                                       {"reason", refusal.reason},
                                       {"warnings", toJson(refusal.warnings)}});
    outcome.text += fmt::format("refused  {}\n    {}\n", displayed(refusal.path), refusal.reason);
    for (const Warning& warning : refusal.warnings) {
      outcome.text += fmt::format("    {}: {}\n", toString(warning.code), warning.text);
    }
  }
  if (found.entries.empty()) {
    outcome.status = exitStatus(ErrorCode::InputRefused);
    if (found.refused.empty()) {
      outcome.text = fmt::format("Nothing in {} can be opened.\n", displayed(path));
    }
  }
  return outcome;
}

}  // namespace

Action addInfo(CLI::App& verb) {
  auto path = std::make_shared<std::filesystem::path>();
  verb.add_option("PATH", *path, "A file, or a folder searched with its subfolders")->required();
  return [path](Context& context) { return info(*path, context); };
}

}  // namespace argand::app
