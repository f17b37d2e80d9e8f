// SPDX-License-Identifier: Apache-2.0
#include "ui/views/slice_annotation.h"

#include "ui/session/text.h"
#include "ui/views/patient_text.h"
#include "ui/views/view_style.h"

#include <QCoreApplication>
#include <QFontMetricsF>

#include <algorithm>
#include <cmath>

namespace argand::ui {
namespace {

constexpr int kTextPx = 12;
constexpr int kLetterPx = 16;
constexpr double kMargin = 8.0;
constexpr double kGap = 14.0;          // of the crosshair round its centre
constexpr double kSmallView = 300.0;   // narrower views show fewer texts
constexpr double kScaleBarPx = 110.0;  // at most
constexpr double kScaleBarFromBottom = 12.0;
const QColor kRingColor(255, 214, 92);
const QColor kRegionColor(120, 214, 255);

QString translated(const char* text) {
  return QCoreApplication::translate("Views", text);
}

QFont fontOf(const QPainter& painter, int pixels, bool bold) {
  QFont font = painter.font();
  font.setPixelSize(pixels);
  font.setBold(bold);
  return font;
}

// The plane whose slices are counted along this index axis.
viz::ViewPlane planeAcross(const Geometry& geometry, int axis) {
  for (const viz::ViewPlane plane : {viz::ViewPlane::Axial, viz::ViewPlane::Sagittal}) {
    if (viz::SliceFrame(geometry, plane).sliceAxis() == axis) {
      return plane;
    }
  }
  return viz::ViewPlane::Coronal;
}

QString numberOf(double value) {
  const double size = std::abs(value);
  return QString::number(value, 'f', size >= 20.0 || size == 0.0 ? 0 : (size >= 1.0 ? 1 : 3));
}

// The coordinate that a plane is named by, with its letter: "S 12.5 mm", "R 40.0 mm".
QString positionText(const Vec3& lps, viz::ViewPlane plane) {
  const int axis = plane == viz::ViewPlane::Axial ? 2 : (plane == viz::ViewPlane::Sagittal ? 0 : 1);
  const double value = lps[axis];
  constexpr const char* kLetters[3][2] = {{"R", "L"}, {"A", "P"}, {"F", "H"}};
  return QStringLiteral("%1 %2 mm")
      .arg(QLatin1String(kLetters[axis][value >= 0.0 ? 1 : 0]))
      .arg(std::abs(value), 0, 'f', 1);
}

}  // namespace

QPointF SliceAnnotation::widgetFromPlane(const Point2& planeMm) const {
  const Point2 at = camera.screenFromPlane(planeMm);
  return {at.x / devicePixelRatio, at.y / devicePixelRatio};
}

QPointF SliceAnnotation::widgetFromLps(const Vec3& lpsMm) const {
  return widgetFromPlane(frame.planeFromLps(lpsMm));
}

void SliceAnnotation::draw(QPainter& painter) const {
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setClipRect(area);
  if (session.display().crosshairVisible) {
    drawCrosshair(painter);
  }
  if (session.tool() == Tool::Threshold) {
    drawRegion(painter);
  }
  drawRing(painter);
  drawLetters(painter);
  drawCorners(painter);
  drawScaleBar(painter);
}

// The lines are the other two planes: they run along the grid, bent where it is.
void SliceAnnotation::drawCrosshair(QPainter& painter) const {
  const Geometry& geometry = session.volume()->geometry();
  const QPointF center = widgetFromLps(session.cursorMm());
  const auto line = [&](const Point2& indexStep, int acrossAxis) {
    const QPointF ahead = widgetFromPlane(frame.planeFromIndex(indexStep)) -
                          widgetFromPlane(frame.planeFromIndex({0, 0}));
    const double size = std::hypot(ahead.x(), ahead.y());
    const QPointF unit = ahead / size;
    const double reach = area.width() + area.height();
    QPen pen(planeColor(planeAcross(geometry, acrossAxis)));
    pen.setWidthF(1.0);
    painter.setPen(pen);
    painter.drawLine(center + unit * kGap, center + unit * reach);
    painter.drawLine(center - unit * kGap, center - unit * reach);
  };
  line({0, 1}, frame.columnAxis());
  line({1, 0}, frame.rowAxis());
}

void SliceAnnotation::drawRegion(QPainter& painter) const {
  if (!session.region()) {
    return;
  }
  const Box& box = *session.region();
  if (slice < box.begin[frame.sliceAxis()] || slice >= box.end[frame.sliceAxis()]) {
    return;
  }
  const auto corner = [&](std::int64_t column, std::int64_t row) {
    return widgetFromPlane(
        frame.planeFromIndex({static_cast<double>(column) - 0.5, static_cast<double>(row) - 0.5}));
  };
  const int c = frame.columnAxis();
  const int r = frame.rowAxis();
  const QPolygonF outline({corner(box.begin[c], box.begin[r]),
                           corner(box.end[c], box.begin[r]),
                           corner(box.end[c], box.end[r]),
                           corner(box.begin[c], box.end[r])});
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(0, 0, 0, 160), 3.0));
  painter.drawPolygon(outline);
  painter.setPen(QPen(kRegionColor, 1.2, Qt::DashLine));
  painter.drawPolygon(outline);
}

double SliceAnnotation::ringRadius() const {
  return session.brush().radiusMm / camera.mmPerPixel / devicePixelRatio;
}

void SliceAnnotation::drawRing(QPainter& painter) const {
  if (!pointer || (session.tool() != Tool::Paint && session.tool() != Tool::Erase)) {
    return;
  }
  const double radius = ringRadius();
  const QPointF center = widgetFromLps(*pointer);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(0, 0, 0, 170), 2.6));
  painter.drawEllipse(center, radius, radius);
  painter.setPen(
      QPen(kRingColor, 1.2, session.tool() == Tool::Erase ? Qt::DashLine : Qt::SolidLine));
  painter.drawEllipse(center, radius, radius);
}

void SliceAnnotation::drawLetters(QPainter& painter) const {
  painter.setFont(fontOf(painter, kLetterPx, true));
  const viz::SliceFrame::Letters letters = frame.letters();
  const QRectF inner = area.adjusted(kMargin, kMargin - 2, -kMargin, -kMargin + 2);
  const auto letter = [&](int alignment, const std::string& text) {
    drawOutlined(painter, inner, alignment, textOf(text), QColor(240, 226, 150));
  };
  letter(Qt::AlignLeft | Qt::AlignVCenter, letters.left);
  letter(Qt::AlignRight | Qt::AlignVCenter, letters.right);
  letter(Qt::AlignHCenter | Qt::AlignTop, letters.top);
  letter(Qt::AlignHCenter | Qt::AlignBottom, letters.bottom);
}

QStringList SliceAnnotation::topLeft() const {
  const auto& source = session.volume()->source;
  if (!source || session.display().patientDataHidden) {
    return {};
  }
  return patientText(*source).patient;
}

QStringList SliceAnnotation::topRight() const {
  QStringList lines;
  const Volume& volume = *session.volume();
  if (volume.source && !session.display().patientDataHidden) {
    lines = patientText(*volume.source).study;
  }
  if (!volume.description.empty()) {
    lines.append(textOf(volume.description));
  }
  return lines;
}

QStringList SliceAnnotation::bottomLeft() const {
  const WindowLevel& window = session.window();
  const double zoom = frame.pixelMm() / camera.mmPerPixel;
  const Vec3 middle =
      frame.lpsFromPlane(frame.planeFromLps(session.cursorMm()), static_cast<double>(slice));
  QString range = QStringLiteral("W %1  L %2").arg(numberOf(window.width), numberOf(window.level));
  if (!window.name.empty()) {
    range += QStringLiteral("  ") + textOf(window.name);
  }
  return {range,
          QStringLiteral("%1 / %2   %3")
              .arg(slice + 1)
              .arg(frame.slices())
              .arg(positionText(middle, frame.plane())),
          translated("Spacing %1 mm   %2x").arg(frame.spacingMm(), 0, 'f', 1).arg(zoom, 0, 'f', 1)};
}

QStringList SliceAnnotation::bottomRight() const {
  QStringList lines;
  if (frame.oblique()) {
    lines.append(translated("Oblique"));
  }
  // The acquired slices lie across k; any other plane is a reformat.
  const auto& source = session.volume()->source;
  if (source && source->framesAreSlices && frame.sliceAxis() != 2) {
    lines.append(translated("Reformatted"));
  }
  lines.append(interpolated ? translated("Linear") : translated("Nearest voxel"));
  return lines;
}

void SliceAnnotation::drawCorners(QPainter& painter) const {
  painter.setFont(fontOf(painter, kTextPx, false));
  const double lineHeight = QFontMetricsF(painter.font()).height();
  const QRectF inner = area.adjusted(kMargin, kMargin - 2, -kMargin, -kMargin + 2);
  const bool small = area.width() < kSmallView;
  // Texts end before the middle, where the letters are.
  const double half = 0.5 * inner.width() - 2.0 * kLetterPx;
  const auto column = [&](QStringList lines, bool right, bool bottom, double up) {
    const QFontMetricsF metrics(painter.font());
    for (qsizetype n = 0; n < lines.size(); ++n) {
      const auto line = static_cast<double>(bottom ? lines.size() - n : n);
      const double y =
          bottom ? inner.bottom() - up - line * lineHeight : inner.top() + line * lineHeight;
      const QRectF box(right ? inner.right() - half : inner.left(), y, half, lineHeight);
      const int side = right ? Qt::AlignRight : Qt::AlignLeft;
      drawOutlined(painter,
                   box,
                   side | Qt::AlignVCenter,
                   metrics.elidedText(lines[n], Qt::ElideRight, half));
    }
  };
  if (small) {
    column(bottomLeft().mid(1, 1), false, true, 0.0);
    return;
  }
  column(topLeft(), false, false, 0.0);
  column(topRight(), true, false, 0.0);
  column(bottomLeft(), false, true, 0.0);
  column(bottomRight(), true, true, kScaleBarFromBottom + lineHeight + 2.0);
}

SliceAnnotation::ScaleBar SliceAnnotation::scaleBar(double longest) const {
  const double mmPerWidgetPx = camera.mmPerPixel * devicePixelRatio;
  const double most = longest * mmPerWidgetPx;
  double length = std::pow(10.0, std::floor(std::log10(most)));
  for (const double factor : {5.0, 2.0}) {
    if (factor * length <= most) {
      length *= factor;
      break;
    }
  }
  return {length, length / mmPerWidgetPx, QStringLiteral("%1 mm").arg(length)};
}

void SliceAnnotation::drawScaleBar(QPainter& painter) const {
  if (area.width() < kSmallView) {
    return;
  }
  const ScaleBar bar = scaleBar(kScaleBarPx);
  const double right = area.right() - kMargin - 1.0;
  const double y = area.bottom() - kScaleBarFromBottom;
  const double left = right - bar.widgetPx;
  const QPolygonF line({{left, y - 4}, {left, y}, {right, y}, {right, y - 4}});
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(QColor(0, 0, 0, 190), 3.2));
  painter.drawPolyline(line);
  painter.setPen(QPen(QColor(222, 224, 228), 1.2));
  painter.drawPolyline(line);
  painter.setFont(fontOf(painter, kTextPx, false));
  const double height = QFontMetricsF(painter.font()).height();
  drawOutlined(painter,
               QRectF(right - kScaleBarPx, y - 3 - height, kScaleBarPx, height),
               Qt::AlignRight | Qt::AlignVCenter,
               bar.text);
}

}  // namespace argand::ui
