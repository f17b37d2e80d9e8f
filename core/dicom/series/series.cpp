// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series.h"

#include "core/base/log.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/pixels.h"
#include "core/dicom/series/stacks.h"
#include "core/dicom/source_attributes.h"

#include <algorithm>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

constexpr double kAirHu = -1024.0;

Failure refused(const fs::path& file, std::string_view reason) {
  return fail(ErrorCode::InputRefused, fmt::format("{}: {}", file.string(), reason));
}

// The object that was opened last: frames of one file follow one another.
class OpenObject {
 public:
  Result<void> open(const fs::path& path) {
    if (m_file != nullptr && path == m_path) {
      return {};
    }
    m_file.reset();
    ARGAND_ASSIGN(m_file, loadObject(path, LoadPart::All));
    m_path = path;
    auto frames = framesOf(*m_file, path);
    if (!frames) {
      return refused(path, frames.error().message);
    }
    m_frames = std::move(*frames);
    return {};
  }

  DcmDataset& dataset() { return *m_file->getDataset(); }

  // `number` as in SourceSlice::frame.
  Result<Frame> frame(int number) const {
    const auto found = std::find_if(m_frames.begin(), m_frames.end(), [&](const Frame& frame) {
      return frame.slice.frame == number;
    });
    if (found == m_frames.end()) {
      return refused(m_path, "It has changed since it was looked at; open it again.");
    }
    return *found;
  }

 private:
  fs::path m_path;
  std::unique_ptr<DcmFileFormat> m_file;
  std::vector<Frame> m_frames;
};

Result<void> checkUnchanged(const SeriesEntry& entry, const Frame& frame, std::size_t k) {
  constexpr double kMm = 0.01;
  const Geometry& geometry = entry.geometry;
  const bool sameSize =
      frame.pixels.columns == geometry.size.i && frame.pixels.rows == geometry.size.j;
  // An even series may lie off its grid by the tolerance of `gridOf`.
  const double tolerance =
      geometry.evenlySpaced() ? std::max(0.2, 0.06 * geometry.spacingMm().z) : kMm;
  const Vec3 expected = geometry.sliceToLps(0.0, 0.0, static_cast<std::int64_t>(k));
  if (!sameSize || length(frame.slice.positionMm - expected) > tolerance) {
    return refused(frame.file, "It has changed since it was looked at; open it again.");
  }
  return {};
}

}  // namespace

Result<Volume> readSeries(const SeriesEntry& entry,
                          const std::stop_token& stop,
                          const ProgressFn& progress) {
  if (entry.kind != ObjectKind::Image || entry.files.empty() ||
      entry.files.size() != static_cast<std::size_t>(entry.geometry.size.k) ||
      entry.files.size() != entry.frames.size()) {
    return fail(ErrorCode::Usage, "The series has no image volume to read.");
  }
  return guarded(ErrorCode::InputRefused, "reading a series", [&]() -> Result<Volume> {
    log::info("Reading series {}, {} slices.", log::shortUid(entry.seriesUid), entry.files.size());
    const Modality modality = modalityFromCode(entry.modality);
    const double background = modality == Modality::Ct ? kAirHu : 0.0;
    VoxelStore voxels(entry.geometry.size, background);
    SourceSeries source;
    std::vector<WindowLevel> windows;
    OpenObject object;
    std::vector<std::int64_t> stored;
    for (std::size_t k = 0; k < entry.files.size(); ++k) {
      ARGAND_TRY(checkStop(stop));
      ARGAND_TRY(object.open(entry.files[k]));
      ARGAND_ASSIGN(const Frame frame, object.frame(entry.frames[k]));
      ARGAND_TRY(checkUnchanged(entry, frame, k));
      const auto number = static_cast<std::uint32_t>(std::max(0, frame.slice.frame - 1));
      Result<void> done = decodeFrame(object.dataset(), frame.pixels, number, stored);
      if (done) {
        done = voxels.put(static_cast<std::int64_t>(k), stored, frame.pixels);
      }
      if (!done) {
        return refused(entry.files[k], done.error().message);
      }
      if (k == 0) {
        source = sourceSeriesOf(object.dataset());
        source.rowCosine = frame.rowCosine;
        source.columnCosine = frame.columnCosine;
      }
      if (k == entry.files.size() / 2) {
        windows = windowsOf(object.dataset());
      }
      source.slices.push_back(frame.slice);
      if (lossyCompressed(object.dataset())) {
        source.lossy = true;
        if (source.lossyRatio.empty()) {
          source.lossyRatio = textOf(object.dataset(), DCM_LossyImageCompressionRatio);
          source.lossyMethod = textOf(object.dataset(), DCM_LossyImageCompressionMethod);
        }
      }
      report(progress,
             "Reading slices",
             static_cast<double>(k + 1) / static_cast<double>(entry.files.size()),
             fmt::format("{} of {}", k + 1, entry.files.size()));
    }
    ARGAND_ASSIGN(Volume volume, Volume::create(entry.geometry, voxels.take()));
    volume.modality = modality;
    volume.description = entry.seriesDescription;
    volume.windows = std::move(windows);
    volume.backgroundValue = background;
    volume.source = std::move(source);
    return volume;
  });
}

}  // namespace argand::dicom
