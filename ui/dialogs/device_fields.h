// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/devices.h"

#include <QWidget>

class QComboBox;
class QLineEdit;

namespace argand::ui {

// Which devices a network runs on and what memory each may use.
class DeviceFields : public QWidget {
  Q_OBJECT

 public:
  explicit DeviceFields(QWidget* parent = nullptr);

  [[nodiscard]] Result<engine::DeviceChoice> choice() const;

 signals:
  void changed();

 private:
  QComboBox* m_devices;
  QLineEdit* m_budget;
};

}  // namespace argand::ui
