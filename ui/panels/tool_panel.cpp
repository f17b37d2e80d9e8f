// SPDX-License-Identifier: Apache-2.0
#include "ui/panels/tool_panel.h"

#include "ui/session/session.h"
#include "ui/session/window_presets.h"
#include "ui/style/style.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <QToolButton>
#include <QVBoxLayout>

#include <cmath>

namespace argand::ui {
namespace {

constexpr int kSliderSteps = 100;

// The radius slider is logarithmic: small brushes want fine steps.
double radiusOf(int step) {
  const double ratio = BrushState::kLargestMm / BrushState::kSmallestMm;
  return BrushState::kSmallestMm * std::pow(ratio, double(step) / kSliderSteps);
}

int stepOf(double radiusMm) {
  const double ratio = BrushState::kLargestMm / BrushState::kSmallestMm;
  const double share = std::log(radiusMm / BrushState::kSmallestMm) / std::log(ratio);
  return int(std::lround(kSliderSteps * share));
}

QDoubleSpinBox* spin(const char* name, QWidget* parent, double low, double high, int decimals) {
  auto* box = new QDoubleSpinBox(parent);
  box->setObjectName(QLatin1String(name));
  box->setRange(low, high);
  box->setDecimals(decimals);
  box->setKeyboardTracking(false);
  box->setLocale(QLocale::c());
  box->setGroupSeparatorShown(false);
  box->setFocusPolicy(Qt::ClickFocus);
  return box;
}

QToolButton* choice(const char* name, QWidget* parent, const QString& icon, const QString& tip) {
  auto* button = new QToolButton(parent);
  button->setObjectName(QLatin1String(name));
  button->setIcon(ui::icon(icon));
  button->setToolTip(tip);
  button->setCheckable(true);
  button->setFocusPolicy(Qt::NoFocus);
  return button;
}

QLabel* section(const QString& text, QWidget* parent) {
  return roleLabel(text, "section", parent);
}

QVBoxLayout* column(QWidget* box) {
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(6);
  return layout;
}

QHBoxLayout* row(std::initializer_list<QWidget*> widgets) {
  auto* layout = new QHBoxLayout;
  layout->setSpacing(6);
  for (QWidget* widget : widgets) {
    layout->addWidget(widget);
  }
  return layout;
}

}  // namespace

ToolPanel::ToolPanel(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setObjectName(QStringLiteral("toolPanel"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(12, 10, 12, 12);
  layout->setSpacing(12);
  layout->addWidget(buildWindow());
  layout->addWidget(buildOverlay());
  layout->addWidget(buildBrush());
  layout->addWidget(buildRange());
  layout->addStretch(1);
  connectSession();
  fillPresets();
  setRangeLimits();
  showBrush();
  showWindow();
  showDisplay();
  showRegion();
  showTool();
}

QWidget* ToolPanel::buildWindow() {
  auto* box = new QWidget(this);
  QVBoxLayout* layout = column(box);
  m_preset = new QComboBox(box);
  m_preset->setObjectName(QStringLiteral("presetBox"));
  m_preset->setFocusPolicy(Qt::NoFocus);
  m_preset->setToolTip(tr("Window of the image (keys 0 to 9)"));
  m_width = spin("windowWidth", box, 0.001, 1e7, 0);
  m_width->setPrefix(tr("W "));
  m_width->setToolTip(tr("Window width: drag left and right in a view"));
  m_level = spin("windowLevel", box, -1e7, 1e7, 0);
  m_level->setPrefix(tr("L "));
  m_level->setToolTip(tr("Window level: drag up and down in a view"));
  layout->addWidget(section(tr("Window"), box));
  layout->addWidget(m_preset);
  layout->addLayout(row({m_width, m_level}));
  const auto setWindow = [this] { m_session.setWindow({m_width->value(), m_level->value(), {}}); };
  connect(m_width, &QDoubleSpinBox::valueChanged, this, setWindow);
  connect(m_level, &QDoubleSpinBox::valueChanged, this, setWindow);
  connect(m_preset, &QComboBox::activated, this, [this](int index) {
    m_session.applyPreset(m_preset->itemData(index).toInt());
  });
  return box;
}

QWidget* ToolPanel::buildOverlay() {
  auto* box = new QWidget(this);
  QVBoxLayout* layout = column(box);
  m_opacity = new QSlider(Qt::Horizontal, box);
  m_opacity->setObjectName(QStringLiteral("opacitySlider"));
  m_opacity->setRange(0, 100);
  m_opacity->setFocusPolicy(Qt::NoFocus);
  m_opacity->setToolTip(tr("Opacity of the organs (, and .)"));
  m_opacityText = roleLabel({}, "quiet", box);
  m_opacityText->setMinimumWidth(40);
  m_opacityText->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_outline =
      choice("outlineButton", box, QStringLiteral("outline"), tr("Outlines instead of areas (O)"));
  layout->addWidget(section(tr("Organs"), box));
  layout->addLayout(row({m_opacity, m_opacityText, m_outline}));
  connect(m_opacity, &QSlider::valueChanged, this, [this](int value) {
    DisplayState display = m_session.display();
    display.overlayOpacity = value / 100.0;
    m_session.setDisplay(display);
  });
  connect(m_outline, &QToolButton::clicked, this, [this](bool on) {
    DisplayState display = m_session.display();
    display.overlayOutline = on;
    m_session.setDisplay(display);
  });
  return box;
}

QWidget* ToolPanel::buildBrush() {
  m_brushBox = new QWidget(this);
  QVBoxLayout* layout = column(m_brushBox);
  m_radius = new QSlider(Qt::Horizontal, m_brushBox);
  m_radius->setObjectName(QStringLiteral("brushSlider"));
  m_radius->setRange(0, kSliderSteps);
  m_radius->setFocusPolicy(Qt::NoFocus);
  m_radiusMm = spin("brushRadius", m_brushBox, BrushState::kSmallestMm, BrushState::kLargestMm, 1);
  m_radiusMm->setSuffix(tr(" mm"));
  m_radiusMm->setToolTip(tr("Radius of the brush ([ and ], or Shift+wheel)"));
  m_disc =
      choice("brushDisc", m_brushBox, QStringLiteral("brush-disc"), tr("Paint in this slice only"));
  m_ball = choice(
      "brushBall", m_brushBox, QStringLiteral("brush-ball"), tr("Paint a ball, through slices"));
  auto* shapes = new QButtonGroup(this);
  shapes->addButton(m_disc);
  shapes->addButton(m_ball);
  m_limit = new QCheckBox(tr("Only values in the range below"), m_brushBox);
  m_limit->setObjectName(QStringLiteral("limitBox"));
  m_limit->setToolTip(tr("Paint only voxels whose value lies in the range (I)"));
  m_limit->setFocusPolicy(Qt::NoFocus);
  layout->addWidget(section(tr("Brush"), m_brushBox));
  layout->addLayout(row({m_radius, m_radiusMm, m_disc, m_ball}));
  layout->addWidget(m_limit);
  const auto change = [this](auto&& set) {
    BrushState brush = m_session.brush();
    set(brush);
    m_session.setBrush(brush);
  };
  connect(m_radius, &QSlider::valueChanged, this, [change](int step) {
    change([&](BrushState& brush) { brush.radiusMm = radiusOf(step); });
  });
  connect(m_radiusMm, &QDoubleSpinBox::valueChanged, this, [change](double value) {
    change([&](BrushState& brush) { brush.radiusMm = value; });
  });
  connect(m_disc, &QToolButton::clicked, this, [change] {
    change([](BrushState& brush) { brush.shape = edit::BrushShape::Disc; });
  });
  connect(m_ball, &QToolButton::clicked, this, [change] {
    change([](BrushState& brush) { brush.shape = edit::BrushShape::Ball; });
  });
  connect(m_limit, &QCheckBox::clicked, this, [change](bool on) {
    change([&](BrushState& brush) { brush.limitToRange = on; });
  });
  return m_brushBox;
}

QWidget* ToolPanel::buildRange() {
  m_rangeBox = new QWidget(this);
  QVBoxLayout* layout = column(m_rangeBox);
  m_lower = spin("rangeLower", m_rangeBox, -1e7, 1e7, 0);
  m_upper = spin("rangeUpper", m_rangeBox, -1e7, 1e7, 0);
  auto* dash = roleLabel(tr("to"), "quiet", m_rangeBox);
  dash->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Preferred);
  layout->addWidget(section(tr("Value range"), m_rangeBox));
  layout->addLayout(row({m_lower, dash, m_upper}));

  m_thresholdBox = new QWidget(m_rangeBox);
  QVBoxLayout* threshold = column(m_thresholdBox);
  m_region = roleLabel({}, "quiet", m_thresholdBox);
  m_region->setObjectName(QStringLiteral("regionLabel"));
  m_wholeVolume = new QPushButton(tr("Whole volume"), m_thresholdBox);
  m_wholeVolume->setObjectName(QStringLiteral("wholeVolumeButton"));
  m_add = new QPushButton(tr("Add to organ"), m_thresholdBox);
  m_add->setObjectName(QStringLiteral("thresholdAdd"));
  m_replace = new QPushButton(tr("Replace organ"), m_thresholdBox);
  m_replace->setObjectName(QStringLiteral("thresholdReplace"));
  for (QPushButton* button : {m_wholeVolume, m_add, m_replace}) {
    button->setFocusPolicy(Qt::NoFocus);
  }
  threshold->addWidget(m_region);
  threshold->addWidget(m_wholeVolume);
  threshold->addLayout(row({m_add, m_replace}));
  layout->addWidget(m_thresholdBox);

  const auto setRange = [this] {
    BrushState brush = m_session.brush();
    brush.lower = m_lower->value();
    brush.upper = m_upper->value();
    m_session.setBrush(brush);
  };
  connect(m_lower, &QDoubleSpinBox::valueChanged, this, setRange);
  connect(m_upper, &QDoubleSpinBox::valueChanged, this, setRange);
  connect(m_wholeVolume, &QPushButton::clicked, this, [this] { m_session.setRegion({}); });
  connect(m_add, &QPushButton::clicked, this, [this] { m_session.applyThreshold(false); });
  connect(m_replace, &QPushButton::clicked, this, [this] { m_session.applyThreshold(true); });
  return m_rangeBox;
}

void ToolPanel::connectSession() {
  connect(&m_session, &Session::brushChanged, this, &ToolPanel::showBrush);
  connect(&m_session, &Session::windowChanged, this, &ToolPanel::showWindow);
  connect(&m_session, &Session::displayChanged, this, &ToolPanel::showDisplay);
  connect(&m_session, &Session::regionChanged, this, &ToolPanel::showRegion);
  connect(&m_session, &Session::toolChanged, this, &ToolPanel::showTool);
  connect(&m_session, &Session::volumeChanged, this, [this] {
    fillPresets();
    setRangeLimits();
    showWindow();
    showRegion();
  });
}

void ToolPanel::fillPresets() {
  m_preset->clear();
  m_preset->addItem(tr("0   Image's own"), 0);
  if (m_session.volume()) {
    for (const WindowPreset& preset : windowPresets(m_session.volume()->modality)) {
      m_preset->addItem(QStringLiteral("%1   %2").arg(preset.key).arg(preset.name), preset.key);
    }
    m_preset->addItem(tr("9   My own (Ctrl+9 keeps)"), 9);
  }
  m_preset->setEnabled(m_session.volume() != nullptr);
}

void ToolPanel::setRangeLimits() {
  const auto& volume = m_session.volume();
  // An image of small real numbers wants decimals, CT numbers do not.
  const bool fine = volume && volume->range().maximum - volume->range().minimum < 20.0;
  for (QDoubleSpinBox* box : {m_width, m_level, m_lower, m_upper}) {
    const QSignalBlocker blocker(box);
    box->setDecimals(fine ? 3 : 0);
    box->setSingleStep(fine ? 0.01 : 10.0);
    box->setEnabled(volume != nullptr);
  }
}

void ToolPanel::showBrush() {
  const BrushState& brush = m_session.brush();
  const QSignalBlocker blockers[] = {QSignalBlocker(m_radius),
                                     QSignalBlocker(m_radiusMm),
                                     QSignalBlocker(m_lower),
                                     QSignalBlocker(m_upper)};
  m_radius->setValue(stepOf(brush.radiusMm));
  m_radiusMm->setValue(brush.radiusMm);
  m_disc->setChecked(brush.shape == edit::BrushShape::Disc);
  m_ball->setChecked(brush.shape == edit::BrushShape::Ball);
  m_limit->setChecked(brush.limitToRange);
  m_lower->setValue(brush.lower);
  m_upper->setValue(brush.upper);
  showTool();
}

void ToolPanel::showWindow() {
  const QSignalBlocker blockers[] = {QSignalBlocker(m_width), QSignalBlocker(m_level)};
  const WindowLevel& window = m_session.window();
  m_width->setValue(window.width);
  m_level->setValue(window.level);
  int shown = -1;
  if (const auto& volume = m_session.volume()) {
    for (const WindowLevel& own : ownWindows(*volume)) {
      if (own.width == window.width && own.level == window.level) {
        shown = m_preset->findData(0);
      }
    }
    for (const WindowPreset& preset : windowPresets(volume->modality)) {
      if (preset.window.width == window.width && preset.window.level == window.level) {
        shown = m_preset->findData(preset.key);
      }
    }
  }
  m_preset->setCurrentIndex(shown);
  m_preset->setPlaceholderText(tr("Set by hand"));
}

void ToolPanel::showDisplay() {
  const QSignalBlocker blocker(m_opacity);
  const DisplayState& display = m_session.display();
  const int percent = int(std::lround(display.overlayOpacity * 100.0));
  m_opacity->setValue(percent);
  m_opacityText->setText(display.organsVisible ? tr("%1 %").arg(percent) : tr("hidden"));
  m_outline->setChecked(display.overlayOutline);
}

void ToolPanel::showRegion() {
  const auto& region = m_session.region();
  m_wholeVolume->setEnabled(region.has_value());
  if (!region) {
    m_region->setText(tr("In the whole volume. Drag a box in a view to confine it."));
    return;
  }
  const Size3 size = region->size();
  m_region->setText(tr("In the box %1 x %2 x %3 voxels from (%4, %5, %6).")
                        .arg(size.i)
                        .arg(size.j)
                        .arg(size.k)
                        .arg(region->begin.i)
                        .arg(region->begin.j)
                        .arg(region->begin.k));
}

void ToolPanel::showTool() {
  const Tool tool = m_session.tool();
  const bool brush = tool == Tool::Paint || tool == Tool::Erase;
  m_brushBox->setVisible(brush);
  m_thresholdBox->setVisible(tool == Tool::Threshold);
  m_rangeBox->setVisible(tool == Tool::Threshold || (brush && m_session.brush().limitToRange));
}

}  // namespace argand::ui
