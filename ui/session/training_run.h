// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/train/trainer.h"
#include "ui/jobs/job_runner.h"

#include <QObject>
#include <QString>

#include <optional>
#include <vector>

namespace argand::ui {

// A fine-tuning in the background: the check of its data, the epochs so far, and the
// finished model put among the person's own. Goes on while studies are looked at.
class TrainingRun : public QObject {
  Q_OBJECT

 public:
  explicit TrainingRun(infer::ModelSource& models, QObject* parent = nullptr);
  ~TrainingRun() override;

  [[nodiscard]] JobRunner& jobs() { return m_jobs; }

  [[nodiscard]] const infer::ModelSource& models() const { return m_models; }

  // checked() or failed() follows. Nothing happens while something runs.
  void check(const std::filesystem::path& folder, const QString& base);
  // epoch() after each one, then installed() or failed().
  void start(const train::TrainOptions& options);

  [[nodiscard]] const std::optional<train::DatasetReport>& dataset() const { return m_dataset; }

  [[nodiscard]] const std::vector<train::EpochReport>& epochs() const { return m_epochs; }

 signals:
  void checked();
  void epoch();
  void installed(const QString& modelId);
  void failed(const QString& message);
  void cancelled();

 private:
  void fail(const Error& error);
  void install(const train::TrainResult& result);

  infer::ModelSource& m_models;
  std::optional<train::DatasetReport> m_dataset;
  std::vector<train::EpochReport> m_epochs;
  JobRunner m_jobs;
};

}  // namespace argand::ui
