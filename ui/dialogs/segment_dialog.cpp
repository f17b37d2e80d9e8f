// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/segment_dialog.h"

#include "ui/dialogs/check_list.h"
#include "ui/dialogs/device_bars.h"
#include "ui/dialogs/device_fields.h"
#include "ui/dialogs/model_text.h"
#include "ui/session/session.h"
#include "ui/session/text.h"
#include "ui/session/workbench.h"
#include "ui/style/style.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QTextBrowser>
#include <QVBoxLayout>

namespace argand::ui {
namespace {

QLabel* section(const QString& text, QWidget* parent) {
  return roleLabel(text, "section", parent);
}

QString regionText(const infer::Region& region) {
  return QStringLiteral("%1  %2:%3, %4:%5, %6:%7")
      .arg(textOf(region.name))
      .arg(region.box.begin.i)
      .arg(region.box.end.i)
      .arg(region.box.begin.j)
      .arg(region.box.end.j)
      .arg(region.box.begin.k)
      .arg(region.box.end.k);
}

}  // namespace

SegmentDialog::SegmentDialog(Session& session, Workbench& workbench, QWidget* parent)
    : QDialog(parent), m_session(session), m_workbench(workbench) {
  setObjectName(QStringLiteral("segmentDialog"));
  setWindowTitle(tr("Segment"));
  resize(900, 640);
  m_message = roleLabel({}, "error", this);
  m_message->setObjectName(QStringLiteral("segmentMessage"));
  m_stage = roleLabel({}, "quiet", this);
  m_stage->setObjectName(QStringLiteral("segmentStage"));
  m_bar = new QProgressBar(this);
  m_bar->setObjectName(QStringLiteral("segmentBar"));
  m_bar->setRange(0, 1000);
  m_start = new QPushButton(tr("Segment"), this);
  m_start->setObjectName(QStringLiteral("segmentStart"));
  m_start->setDefault(true);
  m_close = new QPushButton(tr("Close"), this);
  m_close->setObjectName(QStringLiteral("segmentClose"));
  m_close->setAutoDefault(false);

  auto* columns = new QHBoxLayout;
  columns->setSpacing(18);
  columns->addWidget(buildChoice(), 2);
  columns->addWidget(buildPlan(), 3);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_stage, 1);
  buttons->addWidget(m_bar, 1);
  buttons->addStretch(1);
  buttons->addWidget(m_close);
  buttons->addWidget(m_start);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(18, 16, 18, 16);
  layout->setSpacing(14);
  layout->addLayout(columns, 1);
  layout->addWidget(m_message);
  layout->addLayout(buttons);

  m_planTimer.setSingleShot(true);
  m_planTimer.setInterval(200);
  connect(&m_planTimer, &QTimer::timeout, this, &SegmentDialog::plan);
  connect(m_start, &QPushButton::clicked, this, &SegmentDialog::start);
  connect(m_close, &QPushButton::clicked, this, &SegmentDialog::reject);
  connectWorkbench();
  setRunning(false);
  refresh();
}

SegmentDialog::~SegmentDialog() = default;

QWidget* SegmentDialog::buildChoice() {
  auto* box = new QWidget(this);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(8);
  m_models = new QListWidget(box);
  m_models->setObjectName(QStringLiteral("modelList"));
  m_models->setFixedHeight(96);
  m_structures = new CheckList(box);
  m_regionList = new QListWidget(box);
  m_regionList->setObjectName(QStringLiteral("regionList"));
  m_regionList->setFixedHeight(72);
  m_side = new QComboBox(box);
  m_side->setObjectName(QStringLiteral("sideBox"));
  m_side->addItems({tr("No side"), tr("Left"), tr("Right")});
  m_side->setToolTip(
      tr("The patient's side of the box. It is checked against where the box lies."));
  m_addRegion = new QPushButton(tr("Add drawn box"), box);
  m_addRegion->setObjectName(QStringLiteral("addRegionButton"));
  m_removeRegion = new QPushButton(tr("Remove"), box);
  m_removeRegion->setObjectName(QStringLiteral("removeRegionButton"));
  m_addRegion->setAutoDefault(false);
  m_removeRegion->setAutoDefault(false);
  m_removeRegion->setEnabled(false);
  m_devices = new DeviceFields(box);
  auto* regionButtons = new QHBoxLayout;
  regionButtons->addWidget(m_side, 1);
  regionButtons->addWidget(m_addRegion);
  regionButtons->addWidget(m_removeRegion);
  layout->addWidget(section(tr("Model"), box));
  layout->addWidget(m_models);
  layout->addWidget(section(tr("Organs to find"), box));
  layout->addWidget(m_structures, 1);
  layout->addWidget(section(tr("Where (nothing here: the whole volume)"), box));
  layout->addWidget(m_regionList);
  layout->addLayout(regionButtons);
  layout->addWidget(section(tr("Devices, and memory for each"), box));
  layout->addWidget(m_devices);

  connect(m_models, &QListWidget::currentRowChanged, this, [this] {
    showCard();
    planLater();
  });
  connect(m_structures, &CheckList::changed, this, &SegmentDialog::planLater);
  connect(m_devices, &DeviceFields::changed, this, &SegmentDialog::planLater);
  connect(m_regionList, &QListWidget::currentRowChanged, this, [this](int row) {
    m_removeRegion->setEnabled(row >= 0);
  });
  connect(m_addRegion, &QPushButton::clicked, this, &SegmentDialog::addRegion);
  connect(m_removeRegion, &QPushButton::clicked, this, [this] {
    if (const int row = m_regionList->currentRow(); row >= 0) {
      m_regions.erase(m_regions.begin() + row);
      delete m_regionList->takeItem(row);
      planLater();
    }
  });
  return box;
}

QWidget* SegmentDialog::buildPlan() {
  auto* box = new QWidget(this);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(8);
  m_info = new QTextBrowser(box);
  m_info->setObjectName(QStringLiteral("modelInfo"));
  m_bars = new DeviceBars(box);
  m_planText = new QPlainTextEdit(box);
  m_planText->setObjectName(QStringLiteral("planText"));
  m_planText->setReadOnly(true);
  m_force = new QCheckBox(tr("Run in spite of another modality or too large a field"), box);
  m_force->setObjectName(QStringLiteral("forceBox"));
  m_force->setToolTip(
      tr("The model was not made for this. What was overridden is written into every export."));
  layout->addWidget(section(tr("About the model"), box));
  layout->addWidget(m_info, 3);
  layout->addWidget(section(tr("Plan: peak memory of each device"), box));
  layout->addWidget(m_bars);
  layout->addWidget(m_planText, 1);
  layout->addWidget(m_force);
  connect(m_force, &QCheckBox::clicked, this, &SegmentDialog::planLater);
  return box;
}

void SegmentDialog::connectWorkbench() {
  connect(&m_session, &Session::regionChanged, this, &SegmentDialog::showRegionButton);
  connect(&m_session, &Session::volumeChanged, this, [this] {
    m_regions.clear();
    m_regionList->clear();
    planLater();
  });
  connect(&m_workbench.jobs(), &JobRunner::progressed, this, &SegmentDialog::showProgress);
  connect(&m_workbench.jobs(), &JobRunner::cancelRequested, this, &SegmentDialog::showStopping);
  connect(&m_workbench, &Workbench::segmented, this, [this] {
    if (m_running) {
      setRunning(false);
      accept();
    }
  });
  connect(
      &m_workbench, &Workbench::segmentFailed, this, [this](const QString&, const QString& why) {
        setRunning(false);
        setRoleText(*m_message, why, "error");
        if (!isVisible()) {
          show();
        }
      });
  connect(&m_workbench, &Workbench::stopped, this, [this] { setRunning(false); });
}

void SegmentDialog::refresh() {
  if (m_running) {
    return;  // what runs is what is shown
  }
  const int before = m_models->currentRow();
  const std::string chosen =
      before >= 0 && before < int(m_cards.size()) ? m_cards[std::size_t(before)].id : std::string();
  m_cards = m_workbench.models().list();
  int row = 0;
  {
    const QSignalBlocker blocker(m_models);
    m_models->clear();
    for (const infer::ModelCard& card : m_cards) {
      if (card.id == chosen) {
        row = m_models->count();
      }
      m_models->addItem(QStringLiteral("%1  %2").arg(textOf(card.name), textOf(card.version)));
    }
    m_models->setCurrentRow(m_cards.empty() ? -1 : row);
  }
  showCard();
  showRegionButton();
  planLater();
}

const infer::ModelCard* SegmentDialog::card() const {
  const int row = m_models->currentRow();
  return row < 0 ? nullptr : &m_cards[std::size_t(row)];
}

void SegmentDialog::showCard() {
  const infer::ModelCard* chosen = card();
  m_info->setHtml(chosen == nullptr ? tr("There is no model on this machine.")
                                    : modelText(*chosen));
  std::vector<CheckList::Item> items;
  if (chosen != nullptr) {
    for (const infer::ModelStructure& structure : chosen->structures) {
      items.push_back({textOf(structure.name), structure.color, true});
    }
  }
  m_structures->setItems(items);
}

void SegmentDialog::showRegionButton() {
  m_addRegion->setEnabled(!m_running && m_session.region().has_value());
  m_addRegion->setToolTip(m_session.region()
                              ? tr("Adds the box that is drawn in the views.")
                              : tr("Draw a box in a view first, with the Threshold tool (T)."));
}

void SegmentDialog::addRegion() {
  if (!m_session.region()) {
    return;
  }
  const int number = int(m_regions.size()) + 1;
  std::string name = fmt::format("Region{}", number);
  if (m_side->currentIndex() != 0) {
    name += m_side->currentIndex() == 1 ? "_L" : "_R";
  }
  m_regions.push_back({name, *m_session.region()});
  m_regionList->addItem(regionText(m_regions.back()));
  m_regionList->setCurrentRow(m_regionList->count() - 1);
  planLater();
}

Result<infer::SegmentRequest> SegmentDialog::request() const {
  const infer::ModelCard* chosen = card();
  if (chosen == nullptr) {
    return fail(ErrorCode::Usage, "Choose a model.");
  }
  if (!m_session.volume()) {
    return fail(ErrorCode::Usage, "Open a study first.");
  }
  infer::SegmentRequest made;
  made.channels = {m_session.volume()};
  made.model = chosen->id;
  made.regions = m_regions;
  made.force = m_force->isChecked();
  if (!m_structures->allChecked()) {
    for (const int row : m_structures->checkedRows()) {
      made.structures.push_back(chosen->structures[std::size_t(row)].name);
    }
    if (made.structures.empty()) {
      return fail(ErrorCode::Usage, "Tick at least one organ.");
    }
  }
  ARGAND_ASSIGN(engine::DeviceChoice choice, m_devices->choice());
  made.devices = std::move(choice.devices);
  made.lastResort = std::move(choice.lastResort);
  return made;
}

void SegmentDialog::planLater() {
  if (!m_running) {
    m_start->setEnabled(false);
    m_planTimer.start();
  }
}

void SegmentDialog::plan() {
  if (m_planner.busy()) {
    m_planTimer.start();
    return;
  }
  auto wanted = request();
  if (!wanted) {
    planned(failureOf(wanted));
    return;
  }
  m_planner.start(
      tr("Planning"),
      [request = std::move(*wanted), &models = m_workbench.models()](const std::stop_token&,
                                                                     const ProgressFn&) {
        return infer::planSegmentation(request, models);
      },
      [this](const Result<infer::SegmentPlan>& plan) { planned(plan); });
}

void SegmentDialog::planned(const Result<infer::SegmentPlan>& plan) {
  if (m_planTimer.isActive() || m_running) {
    return;  // another is on its way
  }
  m_start->setEnabled(plan.has_value());
  m_bars->setDevices(plan ? plan->devices : std::vector<infer::DeviceUse>());
  m_planText->setPlainText(plan ? textOf(plan->text) : QString());
  QStringList overrides;
  if (plan) {
    for (const std::string& sentence : plan->overrides) {
      overrides << textOf(sentence);
    }
  }
  setRoleText(*m_message,
              plan ? overrides.join(u'\n') : textOf(plan.error().message),
              plan ? "warning" : "error");
}

void SegmentDialog::start() {
  if (auto wanted = request(); wanted && !m_workbench.jobs().busy()) {
    setRunning(true);
    m_workbench.segment(std::move(*wanted));
  }
}

void SegmentDialog::setRunning(bool running) {
  const bool ended = m_running && !running;
  m_running = running;
  m_stage->setVisible(running);
  m_bar->setVisible(running);
  m_bar->setValue(0);
  m_stage->setText(running ? tr("Starting...") : QString());
  m_close->setText(running ? tr("Cancel") : tr("Close"));
  m_close->setEnabled(true);
  if (running) {
    m_start->setEnabled(false);
    setRoleText(*m_message, {}, "error");
  } else if (ended) {
    planLater();
  }
  for (QWidget* field : {static_cast<QWidget*>(m_models),
                         static_cast<QWidget*>(m_structures),
                         static_cast<QWidget*>(m_devices),
                         static_cast<QWidget*>(m_regionList),
                         static_cast<QWidget*>(m_side),
                         static_cast<QWidget*>(m_force)}) {
    field->setEnabled(!running);
  }
  m_addRegion->setEnabled(!running && m_session.region().has_value());
  m_removeRegion->setEnabled(!running && m_regionList->currentRow() >= 0);
}

void SegmentDialog::showProgress(const Progress& progress) {
  if (!m_running || m_workbench.jobs().cancelling()) {
    return;
  }
  m_stage->setText(m_clock.line(progress));
  m_bar->setValue(int(progress.fraction * 1000.0));
}

void SegmentDialog::showStopping() {
  if (m_running) {
    m_close->setEnabled(false);
    m_stage->setText(tr("Stopping..."));
  }
}

void SegmentDialog::reject() {
  if (m_running) {
    m_workbench.jobs().cancel();
    return;
  }
  QDialog::reject();
}

}  // namespace argand::ui
