// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/series.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/dicom/dcmtk_tools.h"
#include "core/dicom/series/frames.h"
#include "core/dicom/series/pixels.h"
#include "core/dicom/series/plausible_size.h"
#include "core/dicom/series/suv.h"
#include "core/dicom/source_attributes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

Failure refused(const fs::path& file, std::string_view reason) {
  return fail(ErrorCode::InputRefused, fmt::format("{}: {}", displayed(file), reason));
}

// The object that a worker opened last: frames of one file follow one another.
class OpenObject {
 public:
  Result<void> open(const fs::path& path) {
    if (m_file != nullptr && path == m_path) {
      return {};
    }
    m_file.reset();
    ARGAND_ASSIGN(m_file, loadObject(path, LoadPart::All));
    m_path = path;
    return {};
  }

  DcmDataset& dataset() { return *m_file->getDataset(); }

  // `number` as in SourceSlice::frame.
  Result<Frame> frame(int number) {
    auto frame = frameAt(*m_file, m_path, number);
    if (!frame) {
      return refused(m_path, frame.error().message);
    }
    if (frame->slice.frame != number) {
      return refused(m_path, "It has changed since it was looked at; open it again.");
    }
    return frame;
  }

 private:
  fs::path m_path;
  std::unique_ptr<DcmFileFormat> m_file;
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

// What is kept of each slice beside its voxels.
struct SliceFacts {
  SourceSlice slice;
  std::string unit;
  bool lossy = false;
  std::string lossyRatio;
  std::string lossyMethod;
  std::int64_t notFinite = 0;
  Warnings warnings;
};

// Reads the slices of one entry, each once and in any order, from several threads.
class SliceReader {
 public:
  SliceReader(const SeriesEntry& entry, double background, double factor)
      : m_entry(entry),
        m_factor(factor),
        m_background(background),
        m_voxels(entry.geometry.size, background),
        m_facts(entry.files.size()) {}

  Result<void> read(std::size_t k, OpenObject& object);

  // Once all slices are read.
  Result<LoadedSeries> take();

 private:
  Warnings warnings() const;

  const SeriesEntry& m_entry;
  double m_factor;
  double m_background;
  VoxelStore m_voxels;
  std::vector<SliceFacts> m_facts;
  SourceSeries m_source;               // by the reader of slice 0
  std::vector<WindowLevel> m_windows;  // by that of the middle slice
};

Result<void> SliceReader::read(std::size_t k, OpenObject& object) {
  const fs::path& path = m_entry.files[k];
  ARGAND_TRY(object.open(path));
  ARGAND_ASSIGN(Frame frame, object.frame(m_entry.frames[k]));
  ARGAND_TRY(checkUnchanged(m_entry, frame, k));
  frame.pixels.factor = m_factor;
  const auto number = static_cast<std::uint32_t>(std::max(0, frame.slice.frame - 1));
  const auto samples = decodeFrame(object.dataset(), frame.pixels, number);
  if (!samples) {
    return refused(path, samples.error().message);
  }
  const auto notFinite = m_voxels.put(static_cast<std::int64_t>(k), *samples, frame.pixels);
  if (!notFinite) {
    return refused(path, notFinite.error().message);
  }
  if (k == 0) {
    m_source = sourceSeriesOf(object.dataset());
    m_source.rowCosine = frame.rowCosine;
    m_source.columnCosine = frame.columnCosine;
  }
  if (k == m_entry.files.size() / 2) {
    m_windows = windowsOf(object.dataset());
  }
  const bool lossy = lossyCompressed(object.dataset());
  m_facts[k] = {std::move(frame.slice),
                std::move(frame.pixels.unit),
                lossy,
                lossy ? textOf(object.dataset(), DCM_LossyImageCompressionRatio) : "",
                lossy ? textOf(object.dataset(), DCM_LossyImageCompressionMethod) : "",
                *notFinite,
                std::move(frame.warnings)};
  return {};
}

// Each sentence once, and none that the entry has already.
Warnings SliceReader::warnings() const {
  Warnings all;
  const auto add = [&](const Warning& warning) {
    const auto holds = [&](const Warnings& known) {
      return std::find(known.begin(), known.end(), warning) != known.end();
    };
    if (!holds(m_entry.warnings) && !holds(all)) {
      all.push_back(warning);
    }
  };
  std::set<std::string> units;
  std::int64_t notFinite = 0;
  for (const SliceFacts& facts : m_facts) {
    std::for_each(facts.warnings.begin(), facts.warnings.end(), add);
    units.insert(facts.unit.empty() ? "none" : facts.unit);
    notFinite += facts.notFinite;
  }
  if (units.size() > 1) {
    add({WarningCode::ValueRepaired,
         fmt::format("The slices are in different units ({}); each was read by its own header.",
                     fmt::join(units, ", "))});
  }
  if (notFinite > 0) {
    add({WarningCode::ValueRepaired,
         fmt::format(
             "{} voxels are not finite numbers; they are set to {}.", notFinite, m_background)});
  }
  return all;
}

Result<LoadedSeries> SliceReader::take() {
  ARGAND_ASSIGN(Volume volume, Volume::create(m_entry.geometry, m_voxels.take()));
  volume.modality = modalityFromCode(m_entry.modality);
  volume.description = m_entry.seriesDescription;
  volume.windows = std::move(m_windows);
  volume.backgroundValue = m_background;
  volume.unit = m_facts.front().unit;
  for (SliceFacts& facts : m_facts) {
    if (facts.unit != volume.unit) {
      volume.unit.clear();
    }
    m_source.lossy = m_source.lossy || facts.lossy;
    if (m_source.lossyRatio.empty()) {
      m_source.lossyRatio = facts.lossyRatio;
      m_source.lossyMethod = facts.lossyMethod;
    }
    m_source.slices.push_back(std::move(facts.slice));
  }
  for (WindowLevel& window : volume.windows) {
    window.width *= m_factor;
    window.level *= m_factor;
  }
  volume.source = std::move(m_source);
  return LoadedSeries{std::move(volume), warnings()};
}

// Slices given out to threads in rising order. Of several failures, that of the lowest
// slice is kept: all slices below a failed one have been given out and are finished.
class SliceQueue {
 public:
  explicit SliceQueue(std::size_t count) : m_count(count) {}

  std::optional<std::size_t> next() {
    const std::scoped_lock lock(m_mutex);
    if (m_failure || m_next == m_count) {
      return std::nullopt;
    }
    return m_next++;
  }

  void finish(std::size_t k, const Result<void>& result) {
    const std::scoped_lock lock(m_mutex);
    ++m_finished;
    if (!result && (!m_failure || k < m_failedAt)) {
      m_failedAt = k;
      m_failure = result.error();
    }
  }

  void leave() {
    {
      const std::scoped_lock lock(m_mutex);
      ++m_left;
    }
    m_changed.notify_one();
  }

  // Waits until `workers` threads have left, calling `tick` with the slices finished.
  template <typename Tick>
  void wait(std::size_t workers, const Tick& tick) {
    constexpr std::chrono::milliseconds kBetweenReports{50};
    std::unique_lock lock(m_mutex);
    while (!m_changed.wait_for(lock, kBetweenReports, [&] { return m_left == workers; })) {
      const std::size_t finished = m_finished;
      lock.unlock();
      tick(finished);
      lock.lock();
    }
  }

  [[nodiscard]] Result<void> result() const {
    if (m_failure) {
      return fail(m_failure->code, m_failure->message);
    }
    return {};
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::size_t m_count;
  std::size_t m_next = 0;
  std::size_t m_finished = 0;
  std::size_t m_left = 0;
  std::size_t m_failedAt = 0;
  std::optional<Error> m_failure;
};

Result<void> readOnAllCores(SliceReader& reader,
                            std::size_t slices,
                            const std::stop_token& stop,
                            const ProgressFn& progress) {
  SliceQueue queue(slices);
  const auto work = [&] {
    OpenObject object;
    while (!stop.stop_requested()) {
      const auto k = queue.next();
      if (!k) {
        break;
      }
      queue.finish(*k, guarded(ErrorCode::InputRefused, "reading a series", [&] {
        return reader.read(*k, object);
      }));
    }
    queue.leave();
  };
  const auto tell = [&](std::size_t finished) {
    report(progress,
           "Reading slices",
           static_cast<double>(finished) / static_cast<double>(slices),
           fmt::format("{} of {}", finished, slices));
  };
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t workers = std::min(cores, slices);
  std::vector<std::jthread> threads;
  for (std::size_t n = 0; n < workers; ++n) {
    threads.emplace_back(work);
  }
  queue.wait(workers, tell);
  threads.clear();
  ARGAND_TRY(checkStop(stop));
  ARGAND_TRY(queue.result());
  tell(slices);
  return {};
}

Result<LoadedSeries> readEntry(const SeriesEntry& entry,
                               const std::optional<SuvScale>& suv,
                               const std::stop_token& stop,
                               const ProgressFn& progress) {
  constexpr double kAirHu = -1024.0;
  const double background = modalityFromCode(entry.modality) == Modality::Ct ? kAirHu : 0.0;
  SliceReader reader(entry, background, suv ? suv->factor : 1.0);
  ARGAND_TRY(readOnAllCores(reader, entry.files.size(), stop, progress));
  ARGAND_ASSIGN(LoadedSeries loaded, reader.take());
  if (suv) {
    loaded.volume.unit = "SUVbw";
    append(loaded.warnings, suv->warnings);
  }
  return loaded;
}

Result<std::optional<SuvScale>> scaleFor(const SeriesEntry& entry,
                                         const ReadOptions& options,
                                         const std::stop_token& stop) {
  if (entry.kind != ObjectKind::Image || entry.files.empty() ||
      entry.files.size() != static_cast<std::size_t>(entry.geometry.size.k) ||
      entry.files.size() != entry.frames.size()) {
    return fail(ErrorCode::Usage, "The series has no image volume to read.");
  }
  ARGAND_TRY(checkPlausibleSize(entry.geometry.size, entry.files));
  if (!options.suv) {
    return std::nullopt;
  }
  ARGAND_ASSIGN(SuvScale scale, suvScale(entry, stop));
  return scale;
}

}  // namespace

Result<LoadedSeries> readSeries(const SeriesEntry& entry,
                                const std::stop_token& stop,
                                const ProgressFn& progress,
                                const ReadOptions& options) {
  return guarded(ErrorCode::InputRefused, "reading a series", [&]() -> Result<LoadedSeries> {
    ARGAND_ASSIGN(const auto suv, scaleFor(entry, options, stop));
    log::info("Reading series {}, {} slices.", log::shortUid(entry.seriesUid), entry.files.size());
    return readEntry(entry, suv, stop, progress);
  });
}

Result<LoadedSeries> readSlice(const SeriesEntry& entry,
                               std::int64_t k,
                               const ReadOptions& options) {
  return guarded(ErrorCode::InputRefused, "reading a slice", [&]() -> Result<LoadedSeries> {
    ARGAND_ASSIGN(const auto suv, scaleFor(entry, options, {}));
    if (k < 0 || k >= entry.geometry.size.k) {
      return fail(ErrorCode::Usage, fmt::format("The series has no slice {}.", k));
    }
    SeriesEntry slice = entry;
    const Size3 size = entry.geometry.size;
    slice.geometry = cropped(entry.geometry, {{0, 0, k}, {size.i, size.j, k + 1}});
    slice.files = {entry.files[static_cast<std::size_t>(k)]};
    slice.frames = {entry.frames[static_cast<std::size_t>(k)]};
    return readEntry(slice, suv, {}, {});
  });
}

}  // namespace argand::dicom
