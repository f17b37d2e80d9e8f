// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QColor>
#include <QString>
#include <QWidget>

#include <vector>

namespace argand::ui {

// Curves over whole numbers (epochs), drawn with axes, a grid and a legend; the
// values under the mouse are read off.
class CurveWidget : public QWidget {
  Q_OBJECT

 public:
  struct Point {
    double x = 0.0;
    double y = 0.0;
  };

  struct Curve {
    QString name;
    QColor color;
    std::vector<Point> points;  // by x; those that are not finite are left out
  };

  explicit CurveWidget(const QString& title, QWidget* parent = nullptr);

  void setCurves(std::vector<Curve> curves);
  // From the start, so that the axis does not grow with every epoch.
  void setXRange(double first, double last);
  // Nothing set: from what the curves hold.
  void setYRange(double low, double high);

  [[nodiscard]] const std::vector<Curve>& curves() const { return m_curves; }

  [[nodiscard]] QSize sizeHint() const override { return {420, 190}; }

  [[nodiscard]] QSize minimumSizeHint() const override { return {240, 130}; }

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;

 private:
  struct Range {
    double low = 0.0;
    double high = 1.0;
  };

  [[nodiscard]] Range yRange() const;
  [[nodiscard]] QRectF plotArea() const;
  [[nodiscard]] QPointF place(const Point& point, const QRectF& area, const Range& y) const;
  void paintAxes(QPainter& painter, const QRectF& area, const Range& y) const;
  void paintCurves(QPainter& painter, const QRectF& area, const Range& y) const;
  void paintLegend(QPainter& painter, const QRectF& area) const;
  void paintReading(QPainter& painter, const QRectF& area, const Range& y) const;

  QString m_title;
  std::vector<Curve> m_curves;
  double m_firstX = 1.0;
  double m_lastX = 1.0;
  bool m_fixedY = false;
  Range m_y;
  double m_mouseX = -1.0;  // widget pixels; negative: outside
};

// Round steps that part [low, high] into at most `most` pieces.
[[nodiscard]] double roundStep(double low, double high, int most);

}  // namespace argand::ui
