// SPDX-License-Identifier: Apache-2.0
#include "ui/session/training_run.h"

#include "ui/session/text.h"

namespace argand::ui {

TrainingRun::TrainingRun(infer::ModelSource& models, QObject* parent)
    : QObject(parent), m_models(models) {}

TrainingRun::~TrainingRun() = default;

void TrainingRun::fail(const Error& error) {
  if (error.code == ErrorCode::Cancelled) {
    emit cancelled();
  } else {
    emit failed(textOf(error.message));
  }
}

void TrainingRun::check(const std::filesystem::path& folder, const QString& base) {
  m_jobs.start(
      tr("Checking the data"),
      [this, folder, base = base.toStdString()](
          const std::stop_token& stop, const ProgressFn& progress) -> Result<train::DatasetReport> {
        ARGAND_ASSIGN(const infer::ModelCard card, m_models.card(base));
        return train::checkDataset(folder, card, stop, progress);
      },
      [this](Result<train::DatasetReport> report) {
        m_dataset.reset();
        if (!report) {
          fail(report.error());
          return;
        }
        m_dataset = std::move(*report);
        emit checked();
      });
}

void TrainingRun::start(const train::TrainOptions& options) {
  if (m_jobs.busy()) {
    return;
  }
  m_epochs.clear();
  m_jobs.start(
      tr("Fine-tuning"),
      [this, options](const std::stop_token& stop, const ProgressFn& progress) {
        const train::EpochFn onEpoch = [this](const train::EpochReport& report) {
          QMetaObject::invokeMethod(
              this,
              [this, report] {
                m_epochs.push_back(report);
                emit epoch();
              },
              Qt::QueuedConnection);
        };
        return train::train(options, m_models, onEpoch, stop, progress);
      },
      [this](const Result<train::TrainResult>& result) {
        if (!result) {
          fail(result.error());
          return;
        }
        m_epochs = result->epochs;
        emit epoch();
        install(*result);
      });
}

void TrainingRun::install(const train::TrainResult& result) {
  const auto installing = [&]() -> Result<std::string> {
    ARGAND_ASSIGN(const Json json, readJsonFile(result.model / "card.json"));
    ARGAND_ASSIGN(const infer::ModelCard card, infer::ModelCard::fromJson(json, "the new card"));
    ARGAND_TRY(m_models.install(card, result.model / card.weightsFile));
    return card.id;
  };
  if (const Result<std::string> id = installing(); id) {
    emit installed(textOf(*id));
  } else {
    fail(id.error());
  }
}

}  // namespace argand::ui
