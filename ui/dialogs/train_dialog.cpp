// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/train_dialog.h"

#include "ui/dialogs/curve_widget.h"
#include "ui/dialogs/device_fields.h"
#include "ui/dialogs/file_dialog.h"
#include "ui/dialogs/path_edit.h"
#include "ui/session/text.h"
#include "ui/session/training_run.h"
#include "ui/style/style.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QVBoxLayout>

#include <map>

namespace argand::ui {
namespace {

QLabel* section(const QString& text, QWidget* parent) {
  QLabel* label = roleLabel(text, "section", parent);
  label->setWordWrap(false);
  return label;
}

// Lower case letters, digits and dashes, as ids of models are.
QString idOf(const QString& name) {
  QString id = name.toLower();
  id.replace(QRegularExpression(QStringLiteral("[^a-z0-9]+")), QStringLiteral("-"));
  while (id.startsWith(u'-')) {
    id.remove(0, 1);
  }
  while (id.endsWith(u'-')) {
    id.chop(1);
  }
  return id;
}

// Where the checkpoints of a training are kept.
std::filesystem::path outFolder(const QString& id) {
  const QString data = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation);
  return pathFrom(data) / "argand" / "training" / id.toStdString();
}

QString duration(double seconds) {
  const auto whole = qint64(seconds + 0.5);
  return whole >= 3600 ? TrainDialog::tr("%1 h %2 min").arg(whole / 3600).arg(whole % 3600 / 60)
         : whole >= 60 ? TrainDialog::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60)
                       : TrainDialog::tr("%1 s").arg(whole);
}

}  // namespace

TrainDialog::TrainDialog(TrainingRun& run, QWidget* parent) : QDialog(parent), m_run(run) {
  setObjectName(QStringLiteral("trainDialog"));
  setWindowTitle(tr("Fine-tune a model"));
  resize(1000, 680);
  m_message = roleLabel({}, "error", this);
  m_message->setObjectName(QStringLiteral("trainMessage"));
  m_message->hide();
  m_stage = roleLabel({}, "quiet", this);
  m_stage->setObjectName(QStringLiteral("trainStage"));
  m_bar = new QProgressBar(this);
  m_bar->setObjectName(QStringLiteral("trainBar"));
  m_bar->setRange(0, 1000);
  m_start = new QPushButton(tr("Train"), this);
  m_start->setObjectName(QStringLiteral("trainStart"));
  m_start->setProperty("role", "primary");
  m_cancel = new QPushButton(tr("Stop"), this);
  m_cancel->setObjectName(QStringLiteral("trainCancel"));
  m_close = new QPushButton(tr("Close"), this);
  m_close->setObjectName(QStringLiteral("trainClose"));
  for (QPushButton* button : {m_start, m_cancel, m_close}) {
    button->setAutoDefault(false);
  }
  auto* columns = new QHBoxLayout;
  columns->setSpacing(18);
  columns->addWidget(buildFields(), 2);
  columns->addWidget(buildResults(), 3);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_stage, 1);
  buttons->addWidget(m_bar, 1);
  buttons->addStretch(1);
  buttons->addWidget(m_close);
  buttons->addWidget(m_cancel);
  buttons->addWidget(m_start);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(18, 16, 18, 16);
  layout->setSpacing(14);
  layout->addLayout(columns, 1);
  layout->addWidget(m_message);
  layout->addLayout(buttons);
  fillModels();
  suggestNames();
  connectRun();
  showEpochs();
  enableFields();
}

QWidget* TrainDialog::buildFields() {
  auto* box = new QWidget(this);
  m_folder = new PathEdit(box);
  m_folder->setObjectName(QStringLiteral("dataFolder"));
  m_folder->setPlaceholderText(tr("Folder with images/ and labels/"));
  m_browse = new QPushButton(tr("Browse..."), box);
  m_browse->setObjectName(QStringLiteral("dataBrowse"));
  m_browse->setAutoDefault(false);
  m_base = new QComboBox(box);
  m_base->setObjectName(QStringLiteral("baseModel"));
  m_scratch = new QCheckBox(tr("Start from new weights"), box);
  m_scratch->setObjectName(QStringLiteral("scratchBox"));
  m_name = new QLineEdit(box);
  m_name->setObjectName(QStringLiteral("modelName"));
  const train::TrainOptions defaults;
  m_epochs = new QSpinBox(box);
  m_epochs->setObjectName(QStringLiteral("epochsBox"));
  m_epochs->setRange(1, 10000);
  m_epochs->setValue(defaults.epochs);
  m_batch = new QSpinBox(box);
  m_batch->setObjectName(QStringLiteral("batchBox"));
  m_batch->setRange(1, 64);
  m_batch->setValue(defaults.batch);
  m_rate = new QDoubleSpinBox(box);
  m_rate->setObjectName(QStringLiteral("rateBox"));
  m_rate->setLocale(QLocale::c());
  m_rate->setDecimals(5);
  m_rate->setRange(0.00001, 0.1);
  m_rate->setSingleStep(0.0005);
  m_rate->setValue(defaults.learningRate);
  m_rate->setToolTip(tr("The peak of the one-cycle schedule"));
  m_validation = new QSpinBox(box);
  m_validation->setObjectName(QStringLiteral("validationBox"));
  m_validation->setRange(5, 50);
  m_validation->setSuffix(tr(" %"));
  m_validation->setValue(int(defaults.validationShare * 100.0));
  m_loss = new QComboBox(box);
  m_loss->setObjectName(QStringLiteral("lossBox"));
  m_loss->addItems({tr("Dice and cross-entropy"), tr("Dice and focal")});
  m_augment = new QCheckBox(tr("Vary the images (turn, scale, grey values)"), box);
  m_augment->setObjectName(QStringLiteral("augmentBox"));
  m_augment->setChecked(defaults.augment);
  m_resume = new QCheckBox(tr("Go on from the last checkpoint"), box);
  m_resume->setObjectName(QStringLiteral("resumeBox"));
  m_devices = new DeviceFields(box);

  auto* form = new QGridLayout(box);
  form->setContentsMargins(0, 0, 0, 0);
  form->setHorizontalSpacing(12);
  form->setVerticalSpacing(9);
  auto* folder = new QHBoxLayout;
  folder->addWidget(m_folder, 1);
  folder->addWidget(m_browse);
  int row = 0;
  form->addWidget(section(tr("Data"), box), row, 0);
  form->addLayout(folder, row++, 1);
  const auto field = [&](const QString& text, QWidget* widget) {
    form->addWidget(text.isEmpty() ? new QWidget(box) : section(text, box), row, 0);
    form->addWidget(widget, row++, 1);
  };
  field(tr("Base model"), m_base);
  field({}, m_scratch);
  field(tr("New model"), m_name);
  field(tr("Epochs"), m_epochs);
  field(tr("Batch"), m_batch);
  field(tr("Learning rate"), m_rate);
  field(tr("For validation"), m_validation);
  field(tr("Loss"), m_loss);
  field({}, m_augment);
  field({}, m_resume);
  field(tr("Devices"), m_devices);
  form->setColumnStretch(1, 1);
  form->setRowStretch(row, 1);
  connect(m_browse, &QPushButton::clicked, this, [this] {
    const std::filesystem::path chosen =
        file_dialog::openFolder(this, tr("Folder of pairs"), QStringLiteral("training"));
    if (!chosen.empty()) {
      m_folder->setPath(chosen);
    }
  });
  connect(m_folder, &QLineEdit::textChanged, this, &TrainDialog::dataChanged);
  connect(m_base, &QComboBox::currentIndexChanged, this, [this] {
    suggestNames();
    dataChanged();
  });
  connect(m_name, &QLineEdit::textChanged, this, &TrainDialog::enableFields);
  return box;
}

QWidget* TrainDialog::buildResults() {
  auto* box = new QWidget(this);
  m_check = new QPushButton(tr("Check the data"), box);
  m_check->setObjectName(QStringLiteral("checkData"));
  m_check->setAutoDefault(false);
  m_findings = new QPlainTextEdit(box);
  m_findings->setObjectName(QStringLiteral("findings"));
  m_findings->setReadOnly(true);
  m_findings->setPlaceholderText(
      tr("What is found in the folder is listed here before anything runs."));
  m_lossCurve = new CurveWidget(tr("Loss"), box);
  m_lossCurve->setObjectName(QStringLiteral("lossCurve"));
  m_diceCurve = new CurveWidget(tr("Validation Dice"), box);
  m_diceCurve->setObjectName(QStringLiteral("diceCurve"));
  m_diceCurve->setYRange(0.0, 1.0);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(9);
  auto* top = new QHBoxLayout;
  top->addWidget(section(tr("Data check"), box), 1);
  top->addWidget(m_check);
  layout->addLayout(top);
  layout->addWidget(m_findings, 2);
  layout->addWidget(m_lossCurve, 3);
  layout->addWidget(m_diceCurve, 3);
  connect(m_check, &QPushButton::clicked, this, &TrainDialog::check);
  return box;
}

void TrainDialog::connectRun() {
  connect(m_start, &QPushButton::clicked, this, &TrainDialog::start);
  connect(m_cancel, &QPushButton::clicked, this, [this] {
    m_stage->setText(tr("Stopping..."));
    m_run.jobs().cancel();
  });
  connect(m_close, &QPushButton::clicked, this, &QDialog::reject);
  connect(&m_run, &TrainingRun::checked, this, &TrainDialog::showChecked);
  connect(&m_run, &TrainingRun::epoch, this, &TrainDialog::showEpochs);
  connect(&m_run, &TrainingRun::failed, this, [this](const QString& why) { ended(why, "error"); });
  connect(&m_run, &TrainingRun::cancelled, this, [this] {
    ended(tr("Stopped. Tick \"Go on from the last checkpoint\" to take it up again."), "warning");
  });
  connect(&m_run, &TrainingRun::installed, this, [this](const QString& id) {
    ended(tr("The model %1 was installed and can be chosen under Segment.").arg(id), "good");
    fillModels();
  });
  connect(&m_run.jobs(), &JobRunner::progressed, this, &TrainDialog::showProgress);
  connect(&m_run.jobs(), &JobRunner::started, this, &TrainDialog::enableFields);
  connect(&m_run.jobs(), &JobRunner::finished, this, &TrainDialog::enableFields);
}

void TrainDialog::fillModels() {
  const QString chosen = m_base->currentData().toString();
  const QSignalBlocker blocker(m_base);
  m_base->clear();
  for (const infer::ModelCard& card : m_run.models().list()) {
    m_base->addItem(textOf(card.name), textOf(card.id));
  }
  if (const int at = m_base->findData(chosen); at >= 0) {
    m_base->setCurrentIndex(at);
  }
}

void TrainDialog::suggestNames() {
  m_name->setText(m_base->count() == 0 ? QString() : tr("%1, tuned").arg(m_base->currentText()));
}

void TrainDialog::dataChanged() {
  m_findings->clear();
  setRoleText(*m_message, {}, "error");
  enableFields();
}

void TrainDialog::check() {
  setRoleText(*m_message, {}, "error");
  m_findings->clear();
  m_run.check(m_folder->path(), m_base->currentData().toString());
}

void TrainDialog::showChecked() {
  const auto& report = m_run.dataset();
  if (!report) {
    return;
  }
  QStringList lines{tr("%1 cases can be used.").arg(report->cases.size())};
  const Vec3& extent = report->largestExtentMm;
  lines << tr("Largest field %1 x %2 x %3 mm.")
               .arg(extent.x, 0, 'f', 1)
               .arg(extent.y, 0, 'f', 1)
               .arg(extent.z, 0, 'f', 1);
  for (const train::Finding& finding : report->findings) {
    lines << (finding.refuses ? tr("Left out: ") : tr("Note: ")) + textOf(finding.text);
  }
  m_findings->setPlainText(lines.join(u'\n'));
}

Result<train::TrainOptions> TrainDialog::options() const {
  train::TrainOptions made;
  const QString id = idOf(m_name->text());
  made.data = m_folder->path();
  made.out = outFolder(id);
  made.base = m_base->currentData().toString().toStdString();
  made.fromScratch = m_scratch->isChecked();
  made.modelId = id.toStdString();
  made.modelName = m_name->text().trimmed().toStdString();
  made.epochs = m_epochs->value();
  made.batch = m_batch->value();
  made.learningRate = m_rate->value();
  made.validationShare = m_validation->value() / 100.0;
  made.loss =
      m_loss->currentIndex() == 0 ? train::RegionLoss::CrossEntropy : train::RegionLoss::Focal;
  made.augment = m_augment->isChecked();
  made.resume = m_resume->isChecked();
  ARGAND_ASSIGN(engine::DeviceChoice choice, m_devices->choice());
  made.devices = std::move(choice.devices);
  ARGAND_TRY(made.check());
  // Said now and not when the training has ended and cannot be installed.
  for (const infer::ModelCard& card : m_run.models().list()) {
    if (card.id == made.modelId) {
      return fail(
          ErrorCode::Usage,
          fmt::format("There is a model {} already. Give the new one another name.", made.modelId));
    }
  }
  return made;
}

void TrainDialog::start() {
  const auto made = options();
  if (!made) {
    setRoleText(*m_message, textOf(made.error().message), "error");
    return;
  }
  setRoleText(*m_message, {}, "error");
  m_lossCurve->setXRange(1, made->epochs);
  m_diceCurve->setXRange(1, made->epochs);
  m_run.start(*made);
  showEpochs();
}

void TrainDialog::showEpochs() {
  CurveWidget::Curve loss{tr("training"), QColor(0x6f, 0xa8, 0xe6), {}};
  std::map<std::string, CurveWidget::Curve> dice;
  CurveWidget::Curve mean{tr("mean"), QColor(0xd3, 0xd7, 0xde), {}};
  static const QColor kColours[] = {{0xe0, 0xb8, 0x4e},
                                    {0x6f, 0xc0, 0x86},
                                    {0xd9, 0x82, 0xb5},
                                    {0x64, 0xc4, 0xc9},
                                    {0xe0, 0x8a, 0x5e}};
  constexpr std::size_t kMostCurves = 5;
  for (const train::EpochReport& epoch : m_run.epochs()) {
    loss.points.push_back({double(epoch.epoch), epoch.loss});
    if (!epoch.validated) {
      continue;
    }
    if (epoch.meanDice) {
      mean.points.push_back({double(epoch.epoch), *epoch.meanDice});
    }
    for (const train::LabelDice& label : epoch.dice) {
      if (label.dice) {
        auto& curve = dice[label.name];
        curve.name = QString::fromStdString(label.name);
        curve.points.push_back({double(epoch.epoch), *label.dice});
      }
    }
  }
  std::vector<CurveWidget::Curve> shown;
  // With many organs only their mean can be read.
  if (dice.size() <= kMostCurves) {
    for (auto& [name, curve] : dice) {
      curve.color = kColours[shown.size()];
      shown.push_back(std::move(curve));
    }
  }
  shown.push_back(std::move(mean));
  m_lossCurve->setCurves({std::move(loss)});
  m_diceCurve->setCurves(std::move(shown));
  if (!m_run.epochs().empty()) {
    const train::EpochReport& last = m_run.epochs().back();
    m_bar->setValue(1000 * last.epoch / std::max(1, last.epochs));
    m_stage->setText(
        tr("Epoch %1 of %2, %3 left, peak memory %4")
            .arg(last.epoch)
            .arg(last.epochs)
            .arg(duration(last.secondsLeft), textOf(engine::formatBytes(last.peakBytes))));
  }
}

void TrainDialog::showProgress(const Progress& progress) {
  if (m_run.jobs().cancelling() || !m_run.jobs().busy()) {
    return;
  }
  if (m_run.epochs().empty()) {
    m_stage->setText(
        textOf(progress.detail.empty() ? progress.stage : progress.stage + ", " + progress.detail));
    m_bar->setValue(int(progress.fraction * 1000.0));
  }
}

void TrainDialog::ended(const QString& text, const char* role) {
  setRoleText(*m_message, text, role);
  enableFields();
}

void TrainDialog::enableFields() {
  const bool busy = m_run.jobs().busy();
  for (QWidget* field : std::initializer_list<QWidget*>{m_folder,
                                                        m_browse,
                                                        m_base,
                                                        m_scratch,
                                                        m_name,
                                                        m_epochs,
                                                        m_batch,
                                                        m_rate,
                                                        m_validation,
                                                        m_loss,
                                                        m_augment,
                                                        m_resume,
                                                        m_devices}) {
    field->setEnabled(!busy);
  }
  const bool ready = !busy && !m_folder->text().isEmpty() && m_base->count() > 0;
  m_check->setEnabled(ready);
  m_start->setEnabled(ready && !idOf(m_name->text()).isEmpty());
  m_cancel->setEnabled(busy);
  m_bar->setVisible(busy);
  m_stage->setVisible(busy);
}

}  // namespace argand::ui
