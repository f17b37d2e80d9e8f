// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "viz/slice_frame.h"

#include <QColor>
#include <QPainter>
#include <QString>

namespace argand::ui {

// Red, yellow and green for axial, sagittal and coronal: frames, and the
// crosshair lines that stand for a plane in the other views.
[[nodiscard]] QColor planeColor(viz::ViewPlane plane);
[[nodiscard]] QColor volumeColor();  // the 3D view's frame
[[nodiscard]] QString planeName(viz::ViewPlane plane);

// Text over an image: light with a dark outline, readable on any grey.
void drawOutlined(QPainter& painter,
                  const QRectF& box,
                  int alignment,
                  const QString& text,
                  const QColor& color = QColor(222, 224, 228));

}  // namespace argand::ui
