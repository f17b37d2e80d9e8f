// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/curve_widget.h"

#include "ui/style/style.h"

#include <QLocale>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace argand::ui {
namespace {

constexpr double kLeft = 46.0;
constexpr double kRight = 14.0;
constexpr double kTop = 34.0;
constexpr double kBottom = 24.0;

QString number(double value) {
  return QLocale::c().toString(value, 'g', 4);
}

}  // namespace

double roundStep(double low, double high, int most) {
  const double raw = std::max((high - low) / std::max(1, most), 1e-12);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1.0 - 1e-9)) {
      return factor * power;
    }
  }
  return 10.0 * power;
}

CurveWidget::CurveWidget(const QString& title, QWidget* parent) : QWidget(parent), m_title(title) {
  setMouseTracking(true);
}

void CurveWidget::setCurves(std::vector<Curve> curves) {
  m_curves = std::move(curves);
  for (Curve& curve : m_curves) {
    std::erase_if(curve.points, [](const Point& point) { return !std::isfinite(point.y); });
  }
  update();
}

void CurveWidget::setXRange(double first, double last) {
  m_firstX = first;
  m_lastX = std::max(last, first);
  update();
}

void CurveWidget::setYRange(double low, double high) {
  m_fixedY = true;
  m_y = {low, high};
  update();
}

CurveWidget::Range CurveWidget::yRange() const {
  if (m_fixedY) {
    return m_y;
  }
  Range range{0.0, 0.0};
  bool any = false;
  for (const Curve& curve : m_curves) {
    for (const Point& point : curve.points) {
      range.high = any ? std::max(range.high, point.y) : point.y;
      range.low = std::min(range.low, point.y);
      any = true;
    }
  }
  constexpr int kSteps = 4;
  if (!any || range.high <= range.low) {
    return {0.0, 1.0};
  }
  const double step = roundStep(range.low, range.high, kSteps);
  return {std::floor(range.low / step) * step, std::ceil(range.high / step) * step};
}

QRectF CurveWidget::plotArea() const {
  return QRectF(rect()).adjusted(kLeft, kTop, -kRight, -kBottom);
}

QPointF CurveWidget::place(const Point& point, const QRectF& area, const Range& y) const {
  const double across = m_lastX > m_firstX ? (point.x - m_firstX) / (m_lastX - m_firstX) : 0.0;
  const double up = std::clamp((point.y - y.low) / (y.high - y.low), 0.0, 1.0);
  return {area.left() + across * area.width(), area.bottom() - up * area.height()};
}

void CurveWidget::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(QColor(0x16, 0x18, 0x1c));
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5);
  const QRectF area = plotArea();
  const Range y = yRange();
  paintAxes(painter, area, y);
  paintCurves(painter, area, y);
  paintLegend(painter, area);
  paintReading(painter, area, y);
}

void CurveWidget::paintAxes(QPainter& painter, const QRectF& area, const Range& y) const {
  QFont small = font();
  small.setPixelSize(12);
  painter.setFont(small);
  constexpr int kSteps = 4;
  const double step = roundStep(y.low, y.high, kSteps);
  for (double value = std::ceil(y.low / step) * step; value <= y.high + step * 1e-6;
       value += step) {
    const double at = place({m_firstX, value}, area, y).y();
    painter.setPen(QPen(QColor(0x2a, 0x2f, 0x36), 1.0));
    painter.drawLine(QPointF(area.left(), at), QPointF(area.right(), at));
    painter.setPen(colours::kQuiet);
    painter.drawText(QRectF(0, at - 9, kLeft - 7, 18),
                     int(Qt::AlignRight | Qt::AlignVCenter),
                     number(std::abs(value) < step * 1e-6 ? 0.0 : value));
  }
  const double xStep =
      std::max(1.0, roundStep(m_firstX, m_lastX, std::max(1, int(area.width() / 60))));
  for (double value = std::ceil(m_firstX / xStep) * xStep; value <= m_lastX; value += xStep) {
    const double at = place({value, y.low}, area, y).x();
    painter.drawText(QRectF(at - 30, area.bottom() + 3, 60, 18), Qt::AlignCenter, number(value));
  }
  painter.setPen(QPen(colours::kLine, 1.0));
  painter.drawLine(area.bottomLeft(), area.bottomRight());
}

void CurveWidget::paintCurves(QPainter& painter, const QRectF& area, const Range& y) const {
  painter.setBrush(Qt::NoBrush);
  for (const Curve& curve : m_curves) {
    QPolygonF line;
    for (const Point& point : curve.points) {
      line << place(point, area, y);
    }
    painter.setPen(QPen(curve.color, 1.8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(line);
    if (!line.isEmpty()) {
      painter.setBrush(curve.color);
      painter.drawEllipse(line.back(), 2.2, 2.2);
      painter.setBrush(Qt::NoBrush);
    }
  }
}

void CurveWidget::paintLegend(QPainter& painter, const QRectF& area) const {
  QFont bold = font();
  bold.setPixelSize(13);
  bold.setWeight(QFont::DemiBold);
  painter.setFont(bold);
  painter.setPen(colours::kText);
  const QRectF line(12, 4, width() - 24.0, 20);
  painter.drawText(line, int(Qt::AlignLeft | Qt::AlignVCenter), m_title);
  QFont small = font();
  small.setPixelSize(12);
  painter.setFont(small);
  double right = area.right();
  for (auto curve = m_curves.rbegin(); curve != m_curves.rend(); ++curve) {
    QString text = curve->name;
    if (!curve->points.empty()) {
      text += QStringLiteral("  ") + QLocale::c().toString(curve->points.back().y, 'f', 3);
    }
    const double wide = painter.fontMetrics().horizontalAdvance(text);
    painter.setPen(curve->color);
    painter.drawText(QRectF(right - wide, 4, wide + 2, 20), int(Qt::AlignVCenter), text);
    right -= wide + 18;
  }
}

void CurveWidget::paintReading(QPainter& painter, const QRectF& area, const Range& y) const {
  if (m_mouseX < area.left() || m_mouseX > area.right() || m_lastX <= m_firstX) {
    return;
  }
  const double x =
      std::round(m_firstX + (m_mouseX - area.left()) / area.width() * (m_lastX - m_firstX));
  const double at = place({x, y.low}, area, y).x();
  painter.setPen(QPen(QColor(0x5b, 0x66, 0x74), 1.0, Qt::DashLine));
  painter.drawLine(QPointF(at, area.top()), QPointF(at, area.bottom()));
  QStringList lines;
  for (const Curve& curve : m_curves) {
    for (const Point& point : curve.points) {
      if (point.x == x) {
        lines << QStringLiteral("%1 %2").arg(curve.name, QLocale::c().toString(point.y, 'f', 4));
      }
    }
  }
  if (lines.isEmpty()) {
    return;
  }
  lines.prepend(tr("epoch %1").arg(x));
  const QString text = lines.join(u'\n');
  QRectF box = painter.fontMetrics().boundingRect(QRect(0, 0, 400, 300), 0, text);
  box.adjust(-6, -4, 6, 4);
  box.moveTopLeft(
      {at + 8 + box.width() > area.right() ? at - 8 - box.width() : at + 8, area.top() + 4});
  painter.setPen(colours::kLine);
  painter.setBrush(QColor(0x27, 0x2b, 0x32, 235));
  painter.drawRoundedRect(box, 4, 4);
  painter.setPen(colours::kText);
  painter.drawText(box.adjusted(6, 4, -6, -4), 0, text);
}

void CurveWidget::mouseMoveEvent(QMouseEvent* event) {
  m_mouseX = event->position().x();
  update();
}

void CurveWidget::leaveEvent(QEvent* /*event*/) {
  m_mouseX = -1.0;
  update();
}

}  // namespace argand::ui
