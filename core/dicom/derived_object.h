// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/volume/segmentation.h"
#include "core/volume/source_series.h"

#include <set>
#include <string>
#include <vector>

// What writing and reading RT Structure Sets and segmentations have in common.
// Internal to core/dicom.
namespace argand::dicom {

// Returns the source with every UID that a derived object must repeat, new ones
// where `invent` allows them; where it has no slices, those of `geometry`.
// Fails, naming what lacks, where UIDs lack and none may be invented.
struct CompletedSource {
  SourceSeries series;
  bool invented = false;
};

[[nodiscard]] Result<CompletedSource> completed(const SourceSeries& source,
                                                const Geometry& geometry,
                                                bool invent);

// Returns the structures to write (all, or those in `only`) in list order; empty
// ones are named and left out. Fails where none is left.
[[nodiscard]] Result<std::vector<Structure>> chosen(const Segmentation& segmentation,
                                                    const std::vector<StructureId>& only,
                                                    bool includeEmpty,
                                                    Warnings& warnings);

// Returns the Dice coefficient of two masks on one grid; 1 where both are empty.
[[nodiscard]] double diceOf(const Segmentation& a,
                            StructureId idOfA,
                            const Segmentation& b,
                            StructureId idOfB);

// Whether an object was drawn in the space of a series, as far as it says.
enum class Space { Same, Unsaid, OtherButItsImages, Other };

// `frameOfReferenceUid` and `instanceUids` are what the object names.
[[nodiscard]] Space spaceOf(const std::string& frameOfReferenceUid,
                            const std::set<std::string>& instanceUids,
                            const SourceSeries& source);

// Adds a doubt where the series lacks images that the object refers to.
void nameMissingImages(const std::set<std::string>& instanceUids,
                       const SourceSeries& source,
                       Warnings& warnings);

}  // namespace argand::dicom
