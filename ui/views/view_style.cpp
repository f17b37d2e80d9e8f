// SPDX-License-Identifier: Apache-2.0
#include "ui/views/view_style.h"

#include <QCoreApplication>

#include <array>

namespace argand::ui {

QColor planeColor(viz::ViewPlane plane) {
  switch (plane) {
    case viz::ViewPlane::Sagittal:
      return {228, 200, 72};
    case viz::ViewPlane::Coronal:
      return {104, 182, 88};
    case viz::ViewPlane::Axial:
      break;
  }
  return {226, 82, 64};
}

QColor volumeColor() {
  return {104, 138, 196};
}

QString planeName(viz::ViewPlane plane) {
  switch (plane) {
    case viz::ViewPlane::Sagittal:
      return QCoreApplication::translate("Views", "Sagittal");
    case viz::ViewPlane::Coronal:
      return QCoreApplication::translate("Views", "Coronal");
    case viz::ViewPlane::Axial:
      break;
  }
  return QCoreApplication::translate("Views", "Axial");
}

void drawOutlined(
    QPainter& painter, const QRectF& box, int alignment, const QString& text, const QColor& color) {
  constexpr std::array<QPointF, 8> kAround{
      {{-1, -1}, {0, -1}, {1, -1}, {-1, 0}, {1, 0}, {-1, 1}, {0, 1}, {1, 1}}};
  painter.setPen(QColor(0, 0, 0, 200));
  for (const QPointF& offset : kAround) {
    painter.drawText(box.translated(offset), alignment, text);
  }
  painter.setPen(color);
  painter.drawText(box, alignment, text);
}

}  // namespace argand::ui
