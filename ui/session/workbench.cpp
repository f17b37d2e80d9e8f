// SPDX-License-Identifier: Apache-2.0
#include "ui/session/workbench.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/study/outputs.h"
#include "ui/session/find_each.h"
#include "ui/session/study_model.h"
#include "ui/session/text.h"

#include <QLocale>

#include <fmt/ranges.h>

#include <algorithm>

namespace argand::ui {
namespace {

QString seconds(double value) {
  return QLocale::c().toString(value, 'f', 1);
}

QString summaryOf(const infer::SegmentResult& result) {
  QStringList devices;
  for (const infer::DeviceUse& use : result.devices) {
    if (use.peakBytes > 0) {
      devices << Workbench::tr("%1 (%2)").arg(textOf(use.name),
                                              textOf(engine::formatBytes(use.peakBytes)));
    }
  }
  const infer::SegmentSeconds& spent = result.seconds;
  return Workbench::tr("%1 on %2 in %3 s.")
      .arg(textOf(result.card.name),
           devices.join(QStringLiteral(", ")),
           seconds(spent.load + spent.prepare + spent.network + spent.finish));
}

// What was written of all structures, and how far it agrees when it is read back.
template <typename Structures, typename Count>
QString readBackText(const Structures& structures, const QString& sentence, Count count) {
  std::int64_t total = 0;
  double lowest = 1.0;
  for (const auto& structure : structures) {
    total += count(structure);
    lowest = std::min(lowest, structure.diceReadBack);
  }
  return sentence.arg(structures.size()).arg(total).arg(QLocale::c().toString(lowest, 'f', 4));
}

QString summaryOf(const dicom::WrittenRtStruct& written) {
  return readBackText(written.structures,
                      Workbench::tr("%1 structures, %2 contours; read back and compared, Dice %3."),
                      [](const dicom::WrittenStructure& structure) { return structure.contours; });
}

QString summaryOf(const dicom::WrittenSeg& written) {
  return readBackText(written.structures,
                      Workbench::tr("%1 segments, %2 voxels; read back and compared, Dice %3."),
                      [](const dicom::WrittenSegment& segment) { return segment.voxels; });
}

}  // namespace

Segmentation restrictedTo(const Segmentation& segmentation, const std::vector<StructureId>& only) {
  Segmentation result = segmentation;
  if (!only.empty()) {
    for (const Structure& structure : segmentation.structures()) {
      if (std::find(only.begin(), only.end(), structure.id) == only.end()) {
        result.remove(structure.id);
      }
    }
  }
  return result;
}

Workbench::Workbench(Session& session, StudyModel& studies, const infer::ModelSource& models)
    : m_session(session), m_studies(studies), m_models(models) {}

Workbench::~Workbench() = default;

template <typename Task, typename Done>
void Workbench::run(const QString& title, Task task, Done done, FailureSignal onFailure) {
  const bool started = m_jobs.start(
      title, std::move(task), [this, title, onFailure, done = std::move(done)](auto result) {
        if (!result) {
          fail(title, result.error(), onFailure);
          return;
        }
        // A stroke is drawn to its end: neither is lost to the other.
        const auto kept = std::make_shared<decltype(result)>(std::move(result));
        whenNoStroke([done, kept]() mutable { done(std::move(**kept)); });
      });
  if (!started) {
    m_session.say(
        tr("%1 is still running. Wait for it, or cancel it with Esc.").arg(m_jobs.title()));
  }
}

void Workbench::fail(const QString& title, const Error& error, FailureSignal onFailure) {
  if (error.code == ErrorCode::Cancelled) {
    m_session.say(tr("%1: cancelled.").arg(title));
    emit stopped();
    return;
  }
  log::warning("{} failed.", title.toStdString());
  emit(this->*onFailure)(title, textOf(error.message));
}

void Workbench::open(const std::vector<std::filesystem::path>& paths) {
  run(
      tr("Opening"),
      [paths](const std::stop_token& stop, const ProgressFn& progress) {
        return findEach(paths, stop, progress);
      },
      [this, paths](const study::Found& result) { found(paths, result); });
}

void Workbench::found(const std::vector<std::filesystem::path>& paths, const study::Found& found) {
  QStringList refused;
  for (const study::Refusal& refusal : found.refused) {
    refused << QStringLiteral("%1: %2").arg(shownPath(refusal.path.filename()),
                                            textOf(refusal.reason));
  }
  if (found.entries.empty()) {
    constexpr qsizetype kMost = 12;
    QStringList names;
    for (const std::filesystem::path& path : paths) {
      names << shownPath(path);
    }
    QString reason = refused.isEmpty()
                         ? tr("There is no image in %1.").arg(names.join(QStringLiteral(", ")))
                         : refused.mid(0, kMost).join(QStringLiteral("\n\n"));
    if (refused.size() > kMost) {
      reason += tr("\n\nand %1 more.").arg(refused.size() - kMost);
    }
    emit failed(tr("Opening"), reason);
    return;
  }
  const std::vector<QString> keys = m_studies.add(found);
  emit opened(paths);
  if (!refused.isEmpty()) {
    emit warned(tr("Some files were left out"), refused);
  }
  // A series before a file, as a label map lies beside its images as a file often.
  std::pair<bool, std::int64_t> best{false, -1};
  QString chosen = keys.front();
  for (const QString& key : keys) {
    const study::Entry* entry = m_studies.entry(key);
    if (entry->kind == dicom::ObjectKind::Image && entry->geometry) {
      const std::pair rank{entry->series.has_value(), entry->geometry->size.voxels()};
      if (rank > best) {
        best = rank;
        chosen = key;
      }
    }
  }
  show(chosen);
}

void Workbench::show(const QString& key) {
  const study::Entry* entry = m_studies.entry(key);
  if (entry == nullptr || (key == m_session.key() && m_session.volume())) {
    return;
  }
  if (entry->kind != dicom::ObjectKind::Image) {
    showStructures(*entry);
  } else if (auto volume = m_session.kept(key); volume && !m_jobs.busy()) {
    loaded({std::move(volume), key, std::nullopt, {}, entry->warnings});
  } else {
    showImage(key, *entry);
  }
}

void Workbench::showImage(const QString& key, const study::Entry& entry) {
  run(
      tr("Reading the series"),
      [key, entry](const std::stop_token& stop, const ProgressFn& progress) -> Result<Loaded> {
        ARGAND_ASSIGN(study::LoadedVolume read, study::load(entry, stop, progress));
        static_cast<void>(read.volume.range());  // found here, so that the window need not wait
        return Loaded{std::make_shared<const Volume>(std::move(read.volume)),
                      key,
                      std::nullopt,
                      {},
                      std::move(read.warnings)};
      },
      [this](Loaded result) { loaded(std::move(result)); });
}

void Workbench::showStructures(const study::Entry& entry) {
  // The series it refers to, where that is listed; else the one that is shown.
  std::vector<std::pair<QString, study::Entry>> images;
  for (int row = 0; row < m_studies.rowCount(); ++row) {
    const QModelIndex study = m_studies.index(row, 0);
    for (int n = 0; n < m_studies.rowCount(study); ++n) {
      const QString key = m_studies.index(n, 0, study).data(StudyModel::KeyRole).toString();
      const study::Entry* other = m_studies.entry(key);
      if (other->kind == dicom::ObjectKind::Image && other->series) {
        images.emplace_back(key, *other);
      }
    }
  }
  run(
      tr("Reading structures"),
      [entry, images = std::move(images), shown = m_session.volume(), shownKey = m_session.key()](
          const std::stop_token& stop, const ProgressFn& progress) -> Result<Loaded> {
        Loaded result{shown, shownKey, std::nullopt, textOf(entry.title()), {}};
        if (entry.kind != dicom::ObjectKind::Image) {
          ARGAND_ASSIGN(const std::vector<std::string> wanted, study::referencedSeries(entry));
          const auto refers = [&](const std::string& uid) {
            return std::find(wanted.begin(), wanted.end(), uid) != wanted.end();
          };
          const bool shownIsIt = shown && shown->source && refers(shown->source->seriesUid);
          const auto found = std::find_if(images.begin(), images.end(), [&](const auto& image) {
            return refers(image.second.seriesUid());
          });
          if (!shownIsIt && found != images.end()) {
            ARGAND_ASSIGN(study::LoadedVolume read, study::load(found->second, stop, progress));
            static_cast<void>(read.volume.range());
            result.volume = std::make_shared<const Volume>(std::move(read.volume));
            result.warnings = std::move(read.warnings);
            result.key = found->first;
          }
        }
        if (!result.volume) {
          return argand::fail(
              ErrorCode::InputRefused,
              "Open the images first: there is no series to put the structures on.");
        }
        ARGAND_ASSIGN(study::LoadedLabels labels,
                      study::loadSegmentation(entry.path, *result.volume, {}, stop));
        result.labels = std::move(labels);
        return result;
      },
      [this](Loaded result) { loaded(std::move(result)); });
}

void Workbench::openSegmentation(const std::filesystem::path& path) {
  run(
      tr("Reading structures"),
      [path, volume = m_session.volume(), key = m_session.key()](
          const std::stop_token& stop, const ProgressFn& /*progress*/) -> Result<Loaded> {
        if (!volume) {
          return argand::fail(
              ErrorCode::InputRefused,
              "Open the images first: there is no series to put the structures on.");
        }
        ARGAND_ASSIGN(study::LoadedLabels labels, study::loadSegmentation(path, *volume, {}, stop));
        return Loaded{volume, key, std::move(labels), shownPath(path.filename()), {}};
      },
      [this](Loaded result) { loaded(std::move(result)); });
}

void Workbench::loaded(Loaded loaded) {
  if (loaded.volume != m_session.volume()) {
    m_session.setVolume(loaded.volume, loaded.key);
    m_studies.setShown(loaded.key);
    if (m_studies.thumbnail(loaded.key) == nullptr) {
      constexpr int kThumbnailPixels = 96;
      m_studies.setThumbnail(loaded.key, thumbnailOf(*loaded.volume, kThumbnailPixels));
    }
    m_studies.addWarnings(loaded.key, loaded.warnings);
    emit shown(loaded.key);
    warnOf(loaded.key, loaded.warnings);
  }
  if (!loaded.labels) {
    return;
  }
  if (merge(loaded.labels->segmentation,
            tr("Structures of %1").arg(loaded.labelsName),
            Session::Source::File,
            &Workbench::failed)) {
    m_session.say(tr("Structures added: %1.").arg(loaded.labels->segmentation.structures().size()));
  }
  if (!loaded.labels->warnings.empty()) {
    QStringList warnings;
    for (const Warning& warning : loaded.labels->warnings) {
      warnings << textOf(warning.text);
    }
    emit warned(tr("Look at these structures"), warnings);
  }
}

// What bends or tears the image, or is missing from it, is said before anyone measures on
// it. All of it is marked in the list, where it can be read again.
void Workbench::warnOf(const QString& key, const Warnings& warnings) {
  static const std::set<WarningCode> kStopAndLook{WarningCode::Tilt,
                                                  WarningCode::Gap,
                                                  WarningCode::UnevenSpacing,
                                                  WarningCode::NonOrthogonal,
                                                  WarningCode::FilesLeftOut};
  if (!m_warned.insert(key).second) {
    return;
  }
  QStringList urgent;
  QStringList other;
  for (const Warning& warning : warnings) {
    (kStopAndLook.contains(warning.code) ? urgent : other) << textOf(warning.text);
  }
  if (other.size() == 1) {
    m_session.say(other.front());
  } else if (!other.isEmpty()) {
    m_session.say(tr("%1 notes on this series (Notes in its menu in the list of studies): %2")
                      .arg(other.size())
                      .arg(other.join(u' ')));
  }
  if (!urgent.isEmpty()) {
    emit warned(tr("Look at the geometry of this series"), urgent);
  }
}

bool Workbench::merge(const Segmentation& result,
                      const QString& title,
                      Session::Source source,
                      FailureSignal onFailure) {
  auto plan = edit::mergeResult(m_session.segmentation(), result);
  if (plan && !plan->kept.empty() && m_question) {
    QStringList kept;
    for (const std::string& name : plan->kept) {
      kept << textOf(name);
    }
    std::vector<std::string> overwrite;
    for (const QString& name : m_question(kept)) {
      overwrite.push_back(name.toStdString());
    }
    if (!overwrite.empty()) {
      plan = edit::mergeResult(m_session.segmentation(), result, overwrite);
    }
  }
  if (!plan) {
    fail(title, plan.error(), onFailure);
    return false;
  }
  plan->edit.title = title.toStdString();
  if (const auto applied = m_session.apply(std::move(plan->edit), source); !applied) {
    fail(title, applied.error(), onFailure);
    return false;
  }
  return true;
}

void Workbench::segment(infer::SegmentRequest request) {
  if (!m_session.volume()) {
    return;
  }
  request.channels = {m_session.volume()};
  run(
      tr("Segmenting"),
      [this, request = std::move(request)](const std::stop_token& stop,
                                           const ProgressFn& progress) {
        return infer::segment(request, m_models, stop, progress);
      },
      [this](const infer::SegmentResult& result) { takeSegmented(result); },
      &Workbench::segmentFailed);
}

void Workbench::whenNoStroke(const std::function<void()>& then) {
  if (m_session.strokeActive()) {
    connect(&m_session, &Session::strokeFinished, this, then, Qt::SingleShotConnection);
  } else {
    then();
  }
}

void Workbench::takeSegmented(const infer::SegmentResult& result) {
  if (merge(result.segmentation,
            tr("Segment with %1").arg(textOf(result.card.name)),
            Session::Source::Work,
            &Workbench::segmentFailed)) {
    study::Provenance& provenance = m_provenance[m_session.key()];
    provenance.plan = result.plan.plans;
    provenance.overrides = fmt::format("{}", fmt::join(result.plan.overrides, " "));
    emit segmented(summaryOf(result));
  }
}

Result<void> Workbench::checkOutput(const std::filesystem::path& path) const {
  for (const std::filesystem::path& input : m_studies.files()) {
    if (sameFile(path, input)) {
      return argand::fail(
          ErrorCode::Usage,
          fmt::format("{} belongs to a study that is open, and exporting there would destroy it. "
                      "Choose another name.",
                      displayed(path)));
    }
  }
  return {};
}

std::vector<std::filesystem::path> Workbench::labelFiles(
    const std::filesystem::path& path, const std::vector<StructureId>& only) const {
  std::vector<std::filesystem::path> files{path};
  const int layers = restrictedTo(m_session.segmentation(), only).layerCount();
  for (int layer = 0; layer < layers && layers > 1; ++layer) {
    files.push_back(study::layerPath(path, layer));
  }
  for (std::size_t n = files.size(); n-- > 0;) {
    files.push_back(study::provenancePath(files[n]));
  }
  return files;
}

template <typename Written, typename Options>
void Workbench::exportDicom(const QString& kind,
                            const std::filesystem::path& path,
                            Options options,
                            const std::vector<StructureId>& only,
                            DicomWriter<Written, Options> write) {
  const auto& volume = m_session.volume();
  if (!volume) {
    return;
  }
  if (const auto found = m_provenance.find(m_session.key()); found != m_provenance.end()) {
    options.remark = found->second.overrides;
    if constexpr (requires { options.plan; }) {
      options.plan = found->second.plan;
    }
  }
  run(
      tr("Exporting %1").arg(kind),
      [path, snapshot = m_session.segmentation(), volume, options, only, kind, write](
          const std::stop_token& stop, const ProgressFn& progress) -> Result<Written> {
        if (!volume->source) {
          return argand::fail(
              ErrorCode::InputRefused,
              fmt::format("A DICOM {} refers to the DICOM images that it was drawn on, and this "
                          "study did not come from DICOM. Export NIfTI instead, or convert the "
                          "study to DICOM first (argand-cli convert).",
                          kind.toStdString()));
        }
        return write(path, snapshot, *volume->source, options, only, stop, progress);
      },
      [this, path, kind, mark = m_session.exportMark(only)](const Written& written) {
        m_session.markExported(mark);
        emit exported(path, summaryOf(written));
        if (!written.warnings.empty()) {
          QStringList warnings;
          for (const Warning& warning : written.warnings) {
            warnings << textOf(warning.text);
          }
          emit warned(tr("The %1 was written").arg(kind), warnings);
        }
      },
      &Workbench::exportFailed);
}

void Workbench::exportRtStruct(const std::filesystem::path& path,
                               const dicom::RtStructOptions& options,
                               const std::vector<StructureId>& only) {
  exportDicom<dicom::WrittenRtStruct, dicom::RtStructOptions>(
      QStringLiteral("RTSTRUCT"), path, options, only, &dicom::writeRtStruct);
}

void Workbench::exportSeg(const std::filesystem::path& path,
                          const dicom::SegOptions& options,
                          const std::vector<StructureId>& only) {
  exportDicom<dicom::WrittenSeg, dicom::SegOptions>(
      QStringLiteral("SEG"), path, options, only, &dicom::writeSeg);
}

void Workbench::exportLabels(const std::filesystem::path& path,
                             const std::vector<StructureId>& only) {
  using Files = std::vector<std::filesystem::path>;
  study::Provenance provenance;
  if (const auto found = m_provenance.find(m_session.key()); found != m_provenance.end()) {
    provenance = found->second;
  }
  if (const study::Entry* entry = m_studies.entry(m_session.key())) {
    provenance.source =
        entry->series ? entry->series->seriesUid : displayed(entry->path.filename());
  }
  run(
      tr("Exporting labels"),
      [path, snapshot = m_session.segmentation(), only, provenance](
          const std::stop_token&, const ProgressFn& progress) -> Result<Files> {
        report(progress, "Writing", 0.0);
        return study::saveLabels(path, restrictedTo(snapshot, only), provenance);
      },
      [this, path, mark = m_session.exportMark(only)](const Files& files) {
        m_session.markExported(mark);
        emit exported(path,
                      files.size() == 1
                          ? tr("One label map.")
                          : tr("%1 label maps, because structures overlap.").arg(files.size()));
      },
      &Workbench::exportFailed);
}

}  // namespace argand::ui
