// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/derived_object.h"

#include "core/dicom/dcmtk_tools.h"

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

}  // namespace

Result<CompletedSource> completed(const SourceSeries& source,
                                  const Geometry& geometry,
                                  bool invent) {
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
    return CompletedSource{std::move(whole), false};
  }
  if (!invent) {
    return fail(ErrorCode::InputRefused,
                fmt::format("The source has no {}, so another system could not tell where the "
                            "structures lie. Use a DICOM series that has them, or ask for "
                            "invented UIDs (--invent-uids).",
                            fmt::join(lacking, ", no ")));
  }
  return CompletedSource{std::move(whole), true};
}

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

Space spaceOf(const std::string& frameOfReferenceUid,
              const std::set<std::string>& instanceUids,
              const SourceSeries& source) {
  const std::string& named = frameOfReferenceUid;
  if (named == source.frameOfReferenceUid && !named.empty()) {
    return Space::Same;
  }
  if (std::any_of(source.slices.begin(), source.slices.end(), [&](const SourceSlice& slice) {
        return instanceUids.contains(slice.sopInstanceUid);
      })) {
    return named.empty() ? Space::Same : Space::OtherButItsImages;
  }
  return named.empty() || source.frameOfReferenceUid.empty() ? Space::Unsaid : Space::Other;
}

void nameMissingImages(const std::set<std::string>& instanceUids,
                       const SourceSeries& source,
                       Warnings& warnings) {
  std::set<std::string> lacking = instanceUids;
  for (const SourceSlice& slice : source.slices) {
    lacking.erase(slice.sopInstanceUid);
  }
  if (source.slices.empty() || lacking.empty()) {
    return;
  }
  warnings.push_back(
      {WarningCode::OtherReference,
       lacking.size() == instanceUids.size()
           ? "The structures were drawn on another series: compare them with the images."
           : fmt::format("The structures refer to {} image{} that this series lacks.",
                         lacking.size(),
                         lacking.size() > 1 ? "s" : "")});
}

}  // namespace argand::dicom
