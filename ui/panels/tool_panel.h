// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>

class QButtonGroup;
class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPushButton;
class QSlider;
class QToolButton;

namespace argand::ui {

class Session;

// The options of the tools, the window of the image, and how organs are drawn.
class ToolPanel : public QWidget {
  Q_OBJECT

 public:
  explicit ToolPanel(Session& session, QWidget* parent = nullptr);

 private:
  [[nodiscard]] QWidget* buildWindow();
  [[nodiscard]] QWidget* buildOverlay();
  [[nodiscard]] QWidget* buildBrush();
  [[nodiscard]] QWidget* buildRange();
  void connectSession();
  void showBrush();
  void showWindow();
  void showDisplay();
  void showRegion();
  void showTool();
  void fillPresets();
  void setRangeLimits();

  Session& m_session;
  QComboBox* m_preset;
  QDoubleSpinBox* m_width;
  QDoubleSpinBox* m_level;
  QSlider* m_opacity;
  QLabel* m_opacityText;
  QToolButton* m_outline;
  QWidget* m_brushBox;
  QSlider* m_radius;
  QDoubleSpinBox* m_radiusMm;
  QToolButton* m_disc;
  QToolButton* m_ball;
  QCheckBox* m_limit;
  QWidget* m_rangeBox;
  QDoubleSpinBox* m_lower;
  QDoubleSpinBox* m_upper;
  QWidget* m_thresholdBox;
  QLabel* m_region;
  QPushButton* m_wholeVolume;
  QPushButton* m_add;
  QPushButton* m_replace;
};

}  // namespace argand::ui
