// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dicom/rtstruct/rtstruct.h"
#include "core/infer/segmenter.h"
#include "core/study/study.h"
#include "ui/jobs/job_runner.h"

#include <QObject>
#include <QString>
#include <QStringList>

#include <functional>
#include <map>
#include <string>

namespace argand::ui {

class Session;
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
  void open(const QStringList& paths);
  // An image: shows it. A structure set or label map: puts it onto the series it
  // refers to, or onto the one that is shown.
  void show(const QString& key);
  void openSegmentation(const QString& path);

  // The volume that is shown is the model's one channel.
  void segment(infer::SegmentRequest request);

  void exportRtStruct(const QString& path,
                      const dicom::RtStructOptions& options,
                      const std::vector<StructureId>& only);
  // .nii.gz, .nii, .nrrd, .mha by the name's ending.
  void exportLabels(const QString& path, const std::vector<StructureId>& only);

  // What answers the question whether organs that a person has edited (or locked) may
  // be replaced by a result; returns those that may. Without it, none.
  using OverwriteQuestion = std::function<QStringList(const QStringList& edited)>;

  void setOverwriteQuestion(OverwriteQuestion question) { m_question = std::move(question); }

 signals:
  void opened(const QStringList& paths);
  void shown(const QString& key);
  // A result is in the session; `summary` says where it ran and how long it took.
  void segmented(const QString& summary);
  void exported(const QString& path, const QString& summary);
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
  void found(const QStringList& paths, const study::Found& found);
  void showImage(const QString& key, const study::Entry& entry);
  void showStructures(const study::Entry& entry);
  void loaded(Loaded loaded);
  void warnOfGeometry(const Warnings& warnings);
  [[nodiscard]] bool merge(const Segmentation& result,
                           const QString& title,
                           FailureSignal onFailure);
  void fail(const QString& title, const Error& error, FailureSignal onFailure);

  Session& m_session;
  StudyModel& m_studies;
  const infer::ModelSource& m_models;
  OverwriteQuestion m_question;
  // What a forced segmentation overrode, by the key of its volume: it goes into
  // what is exported.
  std::map<QString, std::string> m_remarks;
  JobRunner m_jobs;
};

// The segmentation with the structures of `only` alone; all where it is empty.
[[nodiscard]] Segmentation restrictedTo(const Segmentation& segmentation,
                                        const std::vector<StructureId>& only);

}  // namespace argand::ui
