// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/device_bars.h"

#include "ui/session/text.h"
#include "ui/style/style.h"

#include <QPainter>

#include <algorithm>

namespace argand::ui {
namespace {

constexpr int kRow = 26;
constexpr int kNameWidth = 64;
constexpr int kTextWidth = 190;

}  // namespace

DeviceBars::DeviceBars(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("deviceBars"));
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

void DeviceBars::setDevices(std::vector<infer::DeviceUse> devices) {
  m_devices = std::move(devices);
  updateGeometry();
  update();
}

QSize DeviceBars::sizeHint() const {
  return {kNameWidth + kTextWidth + 160, std::max(1, int(m_devices.size())) * kRow};
}

void DeviceBars::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  int top = 0;
  for (const infer::DeviceUse& device : m_devices) {
    const QRect row(0, top, width(), kRow);
    painter.setPen(colours::kText);
    painter.drawText(
        row.adjusted(0, 0, -(width() - kNameWidth), 0), Qt::AlignVCenter, textOf(device.name));
    const QRectF bar(kNameWidth, top + 7, width() - kNameWidth - kTextWidth, kRow - 14);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colours::kLine);
    painter.drawRoundedRect(bar, 4, 4);
    const double share =
        device.budgetBytes > 0
            ? std::clamp(double(device.predictedPeakBytes) / double(device.budgetBytes), 0.0, 1.0)
            : 0.0;
    if (share > 0.0) {
      QRectF used = bar;
      used.setWidth(std::max(4.0, bar.width() * share));
      painter.setBrush(share > 0.9 ? colours::kWarning : colours::kAccent);
      painter.drawRoundedRect(used, 4, 4);
    }
    painter.setPen(colours::kQuiet);
    const QString text = device.predictedPeakBytes == 0
                             ? tr("not used")
                             : tr("%1 of %2")
                                   .arg(textOf(engine::formatBytes(device.predictedPeakBytes)),
                                        textOf(engine::formatBytes(device.budgetBytes)));
    painter.drawText(row.adjusted(width() - kTextWidth + 10, 0, 0, 0), Qt::AlignVCenter, text);
    top += kRow;
  }
}

}  // namespace argand::ui
