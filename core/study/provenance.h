// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/volume/segmentation.h"

#include <filesystem>
#include <string>

// Where a result came from. RTSTRUCT and SEG carry it themselves; label maps,
// whose formats have no room for it, have a file of it beside them.
namespace argand::study {

struct Provenance {
  std::string plan;       // the plan that the network ran under, as text; empty without one
  std::string source;     // Series Instance UID, or the file's name
  std::string overrides;  // what a person forced, as sentences
};

// {"program", "version", "date" (UTC, ISO 8601), "source", "plan", "overrides",
// "structures": [{"value", "name", "origin", "model", "weights_sha256", "edited"}]}.
// The values are those that flattened() gives.
[[nodiscard]] Json provenanceJson(const Segmentation& segmentation, const Provenance& provenance);

// Returns "organs.nii.gz.provenance.json" for "organs.nii.gz".
[[nodiscard]] std::filesystem::path provenancePath(const std::filesystem::path& labels);

[[nodiscard]] Result<void> writeProvenance(const std::filesystem::path& labels,
                                           const Segmentation& segmentation,
                                           const Provenance& provenance);

}  // namespace argand::study
