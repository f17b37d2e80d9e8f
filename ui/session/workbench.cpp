// SPDX-License-Identifier: Apache-2.0
#include "ui/session/workbench.h"

#include "core/base/log.h"
#include "ui/session/find_each.h"
#include "ui/session/session.h"
#include "ui/session/study_model.h"

#include <QFileInfo>
#include <QLocale>

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace argand::ui {
namespace {

QString text(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

std::filesystem::path fileOf(const QString& path) {
  return std::filesystem::path(path.toStdU16String());
}

QString seconds(double value) {
  return QLocale::c().toString(value, 'f', 1);
}

QString summaryOf(const infer::SegmentResult& result) {
  QStringList devices;
  for (const infer::DeviceUse& use : result.devices) {
    if (use.peakBytes > 0) {
      devices << Workbench::tr("%1 (%2)").arg(text(use.name),
                                              text(engine::formatBytes(use.peakBytes)));
    }
  }
  const infer::SegmentSeconds& spent = result.seconds;
  return Workbench::tr("%1 on %2 in %3 s.")
      .arg(text(result.card.name),
           devices.join(QStringLiteral(", ")),
           seconds(spent.load + spent.prepare + spent.network + spent.finish));
}

QString summaryOf(const dicom::WrittenRtStruct& written) {
  std::int64_t contours = 0;
  double lowest = 1.0;
  for (const dicom::WrittenStructure& structure : written.structures) {
    contours += structure.contours;
    lowest = std::min(lowest, structure.diceReadBack);
  }
  return Workbench::tr("%1 structures, %2 contours; read back and compared, Dice %3.")
      .arg(written.structures.size())
      .arg(contours)
      .arg(QLocale::c().toString(lowest, 'f', 4));
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
  const bool started =
      m_jobs.start(title,
                   std::move(task),
                   [this, title, onFailure, done = std::move(done)](auto result) mutable {
                     if (result) {
                       done(std::move(*result));
                     } else {
                       fail(title, result.error(), onFailure);
                     }
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
  emit(this->*onFailure)(title, text(error.message));
}

void Workbench::open(const QStringList& paths) {
  std::vector<std::filesystem::path> files;
  for (const QString& path : paths) {
    files.push_back(fileOf(path));
  }
  run(
      tr("Opening"),
      [files = std::move(files)](const std::stop_token& stop, const ProgressFn& progress) {
        return findEach(files, stop, progress);
      },
      [this, paths](const study::Found& result) { found(paths, result); });
}

void Workbench::found(const QStringList& paths, const study::Found& found) {
  QStringList refused;
  for (const study::Refusal& refusal : found.refused) {
    refused << QStringLiteral("%1: %2").arg(text(refusal.path.filename().string()),
                                            text(refusal.reason));
  }
  if (found.entries.empty()) {
    constexpr qsizetype kMost = 12;
    QString reason = refused.isEmpty()
                         ? tr("There is no image in %1.").arg(paths.join(QStringLiteral(", ")))
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
        Loaded result{shown, shownKey, std::nullopt, text(entry.title()), {}};
        if (entry.kind == dicom::ObjectKind::RtStruct) {
          ARGAND_ASSIGN(const dicom::RtStructSummary summary, dicom::summarizeRtStruct(entry.path));
          const auto& wanted = summary.referencedSeriesUids;
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

void Workbench::openSegmentation(const QString& path) {
  run(
      tr("Reading structures"),
      [file = fileOf(path), volume = m_session.volume(), key = m_session.key()](
          const std::stop_token& stop, const ProgressFn& /*progress*/) -> Result<Loaded> {
        if (!volume) {
          return argand::fail(
              ErrorCode::InputRefused,
              "Open the images first: there is no series to put the structures on.");
        }
        ARGAND_ASSIGN(study::LoadedLabels labels, study::loadSegmentation(file, *volume, {}, stop));
        return Loaded{volume, key, std::move(labels), text(file.filename().string()), {}};
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
    emit shown(loaded.key);
    warnOfGeometry(loaded.warnings);
  }
  if (!loaded.labels) {
    return;
  }
  if (merge(loaded.labels->segmentation,
            tr("Structures of %1").arg(loaded.labelsName),
            &Workbench::failed)) {
    m_session.say(tr("Structures added: %1.").arg(loaded.labels->segmentation.structures().size()));
  }
  if (!loaded.labels->warnings.empty()) {
    QStringList warnings;
    for (const Warning& warning : loaded.labels->warnings) {
      warnings << text(warning.text);
    }
    emit warned(tr("Look at these structures"), warnings);
  }
}

// What bends or tears the image is said before anyone measures on it; the rest
// is marked in the list.
void Workbench::warnOfGeometry(const Warnings& warnings) {
  static const std::set<WarningCode> kGeometry{
      WarningCode::Tilt, WarningCode::Gap, WarningCode::UnevenSpacing, WarningCode::NonOrthogonal};
  QStringList bent;
  for (const Warning& warning : warnings) {
    if (kGeometry.contains(warning.code)) {
      bent << text(warning.text);
    } else {
      m_session.say(text(warning.text));
    }
  }
  if (!bent.isEmpty()) {
    emit warned(tr("Look at the geometry of this series"), bent);
  }
}

bool Workbench::merge(const Segmentation& result, const QString& title, FailureSignal onFailure) {
  auto plan = edit::mergeResult(m_session.segmentation(), result);
  if (plan && !plan->kept.empty() && m_question) {
    QStringList kept;
    for (const std::string& name : plan->kept) {
      kept << text(name);
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
  if (const auto applied = m_session.apply(std::move(plan->edit)); !applied) {
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
      [this](const infer::SegmentResult& result) {
        if (merge(result.segmentation,
                  tr("Segment with %1").arg(text(result.card.name)),
                  &Workbench::segmentFailed)) {
          if (!result.plan.overrides.empty()) {
            m_remarks[m_session.key()] = fmt::format("{}", fmt::join(result.plan.overrides, " "));
          }
          emit segmented(summaryOf(result));
        }
      },
      &Workbench::segmentFailed);
}

void Workbench::exportRtStruct(const QString& path,
                               const dicom::RtStructOptions& options,
                               const std::vector<StructureId>& only) {
  const auto& volume = m_session.volume();
  if (!volume) {
    return;
  }
  dicom::RtStructOptions remarked = options;
  if (const auto remark = m_remarks.find(m_session.key()); remark != m_remarks.end()) {
    remarked.remark = remark->second;
  }
  run(
      tr("Exporting RTSTRUCT"),
      [file = fileOf(path), snapshot = m_session.segmentation(), volume, options = remarked, only](
          const std::stop_token& stop,
          const ProgressFn& progress) -> Result<dicom::WrittenRtStruct> {
        if (!volume->source) {
          return argand::fail(
              ErrorCode::InputRefused,
              "An RTSTRUCT refers to the DICOM images that it was drawn on, and this study did not "
              "come from DICOM. Export NIfTI instead, or convert the study to DICOM first "
              "(argand-cli convert).");
        }
        return dicom::writeRtStruct(file, snapshot, *volume->source, options, only, stop, progress);
      },
      [this, path](const dicom::WrittenRtStruct& written) {
        m_session.markSaved();
        emit exported(path, summaryOf(written));
        if (!written.warnings.empty()) {
          QStringList warnings;
          for (const Warning& warning : written.warnings) {
            warnings << text(warning.text);
          }
          emit warned(tr("The RTSTRUCT was written"), warnings);
        }
      },
      &Workbench::exportFailed);
}

void Workbench::exportLabels(const QString& path, const std::vector<StructureId>& only) {
  using Files = std::vector<std::filesystem::path>;
  run(
      tr("Exporting labels"),
      [file = fileOf(path), snapshot = m_session.segmentation(), only](
          const std::stop_token&, const ProgressFn& progress) -> Result<Files> {
        report(progress, "Writing", 0.0);
        return study::saveLabels(file, restrictedTo(snapshot, only));
      },
      [this, path](const Files& files) {
        m_session.markSaved();
        emit exported(path,
                      files.size() == 1
                          ? tr("One label map.")
                          : tr("%1 label maps, because structures overlap.").arg(files.size()));
      },
      &Workbench::exportFailed);
}

}  // namespace argand::ui
