// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/rtstruct/rtstruct.h"
#include "core/dicom/seg/seg.h"
#include "core/infer/segmenter.h"
#include "core/study/study.h"
#include "ui/jobs/job_runner.h"
#include "ui/session/session.h"

#include <QObject>
#include <QString>
#include <QStringList>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace argand::ui {

class StudyModel;

// What the window does with studies: opens, segments, exports; in the background,
// one thing at a time, with the result put into the session. Needs no window.
class Workbench : public QObject {
  Q_OBJECT

 public:
  // All three must outlive it. `models` is asked from the task's thread too.
  Workbench(Session& session, StudyModel& studies, const infer::ModelSource& models);
  ~Workbench() override;

  [[nodiscard]] JobRunner& jobs() { return m_jobs; }

  [[nodiscard]] const infer::ModelSource& models() const { return m_models; }

  // Lists what is under the paths and shows the largest image; where they hold no
  // image but structures, puts these onto the volume that is shown.
  void open(const std::vector<std::filesystem::path>& paths);
  // An image: shows it. A structure set or label map: puts it onto the series it
  // refers to, or onto the one that is shown.
  void show(const QString& key);
  void openSegmentation(const std::filesystem::path& path);

  // The volume that is shown is the model's one channel.
  void segment(infer::SegmentRequest request);

  // Fails with a sentence where writing there would replace a file that a listed study
  // is read from. Every file is asked for before anything is written to it.
  [[nodiscard]] Result<void> checkOutput(const std::filesystem::path& path) const;
  // The files that exportLabels() may write to: one for each layer where organs overlap,
  // and beside each where it came from.
  [[nodiscard]] std::vector<std::filesystem::path> labelFiles(
      const std::filesystem::path& path, const std::vector<StructureId>& only) const;

  [[nodiscard]] const StudyModel& studies() const { return m_studies; }

  void exportRtStruct(const std::filesystem::path& path,
                      const dicom::RtStructOptions& options,
                      const std::vector<StructureId>& only);
  void exportSeg(const std::filesystem::path& path,
                 const dicom::SegOptions& options,
                 const std::vector<StructureId>& only);
  // .nii.gz, .nii, .nrrd, .mha by the name's ending.
  void exportLabels(const std::filesystem::path& path, const std::vector<StructureId>& only);

  // What answers the question whether organs that a person has edited, reviewed or locked may
  // be replaced by a result; returns those that may. Without it, none.
  using OverwriteQuestion = std::function<QStringList(const QStringList& edited)>;

  void setOverwriteQuestion(OverwriteQuestion question) { m_question = std::move(question); }

 signals:
  void opened(const std::vector<std::filesystem::path>& paths);
  void shown(const QString& key);
  // A result is in the session; `summary` says where it ran and how long it took.
  void segmented(const QString& summary);
  void exported(const std::filesystem::path& path, const QString& summary);
  // What went wrong while opening; the other two are said in their dialogs. Never
  // sent for what the person cancelled: stopped() is.
  void failed(const QString& title, const QString& message);
  void segmentFailed(const QString& title, const QString& message);
  void exportFailed(const QString& title, const QString& message);
  void stopped();
  void warned(const QString& title, const QStringList& sentences);

 private:
  struct Loaded {
    std::shared_ptr<const Volume> volume;  // null: the one that is shown
    QString key;
    std::optional<study::LoadedLabels> labels;
    QString labelsName;
    Warnings warnings;  // of the volume
  };

  using FailureSignal = void (Workbench::*)(const QString&, const QString&);

  template <typename Task, typename Done>
  void run(const QString& title,
           Task task,
           Done done,
           FailureSignal onFailure = &Workbench::failed);
  void found(const std::vector<std::filesystem::path>& paths, const study::Found& found);
  // How an object that refers to the images of the series is written, and read back:
  // dicom::writeRtStruct() and dicom::writeSeg().
  template <typename Written, typename Options>
  using DicomWriter = Result<Written> (*)(const std::filesystem::path&,
                                          const Segmentation&,
                                          const SourceSeries&,
                                          const Options&,
                                          const std::vector<StructureId>&,
                                          const std::stop_token&,
                                          const ProgressFn&);

  template <typename Written, typename Options>
  void exportDicom(const QString& kind,
                   const std::filesystem::path& path,
                   Options options,
                   const std::vector<StructureId>& only,
                   DicomWriter<Written, Options> write);
  void showImage(const QString& key, const study::Entry& entry);
  void showStructures(const study::Entry& entry);
  void loaded(Loaded loaded);
  void warnOf(const QString& key, const Warnings& warnings);
  [[nodiscard]] bool merge(const Segmentation& result,
                           const QString& title,
                           Session::Source source,
                           FailureSignal onFailure);
  void fail(const QString& title, const Error& error, FailureSignal onFailure);
  // Calls `then` at once, or at the end of the stroke that is being drawn.
  void whenNoStroke(const std::function<void()>& then);
  void takeSegmented(const infer::SegmentResult& result);

  Session& m_session;
  StudyModel& m_studies;
  const infer::ModelSource& m_models;
  OverwriteQuestion m_question;
  // Where the last segmentation came from, and what a person forced, by the key of its
  // volume: it goes into what is exported.
  std::map<QString, study::Provenance> m_provenance;
  std::set<QString> m_warned;  // keys of the series whose warnings were said
  JobRunner m_jobs;
};

// The segmentation with the structures of `only` alone; all where it is empty.
[[nodiscard]] Segmentation restrictedTo(const Segmentation& segmentation,
                                        const std::vector<StructureId>& only);

}  // namespace argand::ui
