// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/device_fields.h"

#include "ui/session/text.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>

namespace argand::ui {

DeviceFields::DeviceFields(QWidget* parent)
    : QWidget(parent), m_devices(new QComboBox(this)), m_budget(new QLineEdit(this)) {
  m_devices->setObjectName(QStringLiteral("deviceBox"));
  m_devices->setEditable(true);
  m_devices->setInsertPolicy(QComboBox::NoInsert);
  m_devices->addItem(QStringLiteral("cpu"));
  m_devices->addItem(QStringLiteral("cpu:0,cpu:1"));
  m_devices->addItem(QStringLiteral("cpu:0,cpu:1,cpu:2"));
  m_devices->addItem(QStringLiteral("auto"));
  m_devices->addItem(QStringLiteral("cuda:0"));
  m_devices->addItem(QStringLiteral("cuda:0,cuda:1"));
  m_devices->setToolTip(
      tr("\"cpu\" is all cores as one device; \"cpu:0,cpu:1\" are two that share cores and memory; "
         "\"cuda:0\" is a graphics card; \"auto\" is all of them, and the processor where nothing "
         "fits on them. The volume is split over all that are named."));
  m_budget->setObjectName(QStringLiteral("budgetEdit"));
  m_budget->setPlaceholderText(
      tr("up to %1").arg(textOf(engine::formatBytes(engine::freeMemoryBytes()))));
  m_budget->setToolTip(
      tr("Memory that each device may use: \"2GiB\", or one figure per device: \"2GiB,1500MiB\""));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_devices, 1);
  layout->addWidget(m_budget, 1);
  connect(m_devices, &QComboBox::currentTextChanged, this, &DeviceFields::changed);
  connect(m_budget, &QLineEdit::textChanged, this, &DeviceFields::changed);
}

Result<engine::DeviceChoice> DeviceFields::choice() const {
  return engine::chooseDevices(m_devices->currentText().trimmed().toStdString(),
                               m_budget->text().trimmed().toStdString());
}

}  // namespace argand::ui
