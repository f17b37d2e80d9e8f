// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ui/session/session.h"
#include "viz/slice_frame.h"

#include <QPainter>
#include <QString>
#include <QStringList>

#include <optional>

namespace argand::ui {

// What lies over the image of a slice view: crosshair, brush ring, region,
// orientation letters, corner texts and scale bar. Made for one paint event.
struct SliceAnnotation {
  const Session& session;
  const viz::SliceFrame& frame;
  const viz::SliceCamera& camera;
  std::int64_t slice = 0;
  QRectF area;  // of the widget
  double devicePixelRatio = 1.0;
  bool interpolated = true;
  std::optional<Vec3> pointer;

  void draw(QPainter& painter) const;

  [[nodiscard]] QStringList topLeft() const;      // patient
  [[nodiscard]] QStringList topRight() const;     // study and series
  [[nodiscard]] QStringList bottomLeft() const;   // window, slice, thickness, zoom
  [[nodiscard]] QStringList bottomRight() const;  // how it is drawn
  // Radius of the brush ring, in widget pixels.
  [[nodiscard]] double ringRadius() const;

  // A bar of a round length that is at most `longest` widget pixels long.
  struct ScaleBar {
    double lengthMm = 0.0;
    double widgetPx = 0.0;
    QString text;
  };

  [[nodiscard]] ScaleBar scaleBar(double longest) const;

 private:
  [[nodiscard]] QPointF widgetFromPlane(const Point2& planeMm) const;
  [[nodiscard]] QPointF widgetFromLps(const Vec3& lpsMm) const;
  void drawCrosshair(QPainter& painter) const;
  void drawRegion(QPainter& painter) const;
  void drawRing(QPainter& painter) const;
  void drawLetters(QPainter& painter) const;
  void drawCorners(QPainter& painter) const;
  void drawScaleBar(QPainter& painter) const;
};

}  // namespace argand::ui
