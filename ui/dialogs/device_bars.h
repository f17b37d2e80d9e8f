// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/infer/segmenter.h"

#include <QWidget>

#include <vector>

namespace argand::ui {

// A bar for each device of a plan: what it will hold at its peak, of what it may.
class DeviceBars : public QWidget {
  Q_OBJECT

 public:
  explicit DeviceBars(QWidget* parent = nullptr);

  void setDevices(std::vector<infer::DeviceUse> devices);

  [[nodiscard]] const std::vector<infer::DeviceUse>& devices() const { return m_devices; }

  [[nodiscard]] QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  std::vector<infer::DeviceUse> m_devices;
};

}  // namespace argand::ui
