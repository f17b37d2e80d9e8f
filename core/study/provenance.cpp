// SPDX-License-Identifier: Apache-2.0
#include "core/study/provenance.h"

#include "core/base/version.h"

#include <ctime>

namespace argand::study {

namespace fs = std::filesystem;

namespace {

std::string nowUtc() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                     utc.tm_year + 1900,
                     utc.tm_mon + 1,
                     utc.tm_mday,
                     utc.tm_hour,
                     utc.tm_min,
                     utc.tm_sec);
}

}  // namespace

Json provenanceJson(const Segmentation& segmentation, const Provenance& provenance) {
  Json json = {{"program", "Argand"},
               {"version", kVersion},
               {"date", nowUtc()},
               {"remark", "For research use only."},
               {"source", provenance.source},
               {"plan", provenance.plan},
               {"overrides", provenance.overrides},
               {"structures", Json::array()}};
  LabelValue next = 1;
  for (const Structure& structure : segmentation.structures()) {
    const LabelValue value = segmentation.layerCount() == 1 ? structure.label : next;
    ++next;
    json["structures"].push_back({{"value", value},
                                  {"name", structure.name},
                                  {"origin", toString(structure.origin)},
                                  {"model", structure.model},
                                  {"weights_sha256", structure.modelHash},
                                  {"edited", structure.edited}});
  }
  return json;
}

fs::path provenancePath(const fs::path& labels) {
  fs::path path = labels;
  path += ".provenance.json";
  return path;
}

Result<void> writeProvenance(const fs::path& labels,
                             const Segmentation& segmentation,
                             const Provenance& provenance) {
  return writeJsonFile(provenancePath(labels), provenanceJson(segmentation, provenance));
}

}  // namespace argand::study
