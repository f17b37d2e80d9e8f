// SPDX-License-Identifier: Apache-2.0
#include "ui/views/slice_view.h"

#include "ui/views/slice_annotation.h"
#include "ui/views/view_style.h"
#include "viz/window_level.h"

#include <QCursor>
#include <QEnterEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::ui {
namespace {

constexpr double kClickPx = 3.0;  // a press that moves less is a click
constexpr double kZoomPxPerOctave = 120.0;
constexpr double kZoomPerNotch = 1.2;
constexpr int kWheelNotch = 120;    // eighths of a degree
constexpr double kSharpZoom = 8.0;  // device pixels per voxel; voxels show from here while editing
constexpr double kLargestZoom = 200.0;  // device pixels per voxel
constexpr double kSmallestZoom = 0.02;

}  // namespace

SliceView::SliceView(Session& session, viz::ViewPlane plane, QWidget* parent)
    : QWidget(parent), m_session(session), m_frame({}, plane) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setAttribute(Qt::WA_OpaquePaintEvent);
  setMinimumSize(120, 120);
  setObjectName(QStringLiteral("sliceView") +
                QString::fromUtf8(viz::toString(plane).data(),
                                  static_cast<qsizetype>(viz::toString(plane).size())));
  setAccessibleName(planeName(plane));
  connectSession();
  takeVolume();
}

SliceView::~SliceView() = default;

void SliceView::connectSession() {
  connect(&m_session, &Session::volumeChanged, this, &SliceView::takeVolume);
  connect(&m_session, &Session::cursorChanged, this, &SliceView::takeCursor);
  connect(&m_session, &Session::windowChanged, this, &SliceView::redraw);
  connect(&m_session, &Session::displayChanged, this, &SliceView::redraw);
  connect(&m_session, &Session::structuresChanged, this, &SliceView::redraw);
  connect(&m_session, &Session::segmentationChanged, this, [this](const Box& box) {
    const int axis = m_frame.sliceAxis();
    if (m_slice >= box.begin[axis] && m_slice < box.end[axis]) {
      redraw();
    }
  });
  connect(&m_session, &Session::toolChanged, this, [this] {
    cancelDrag();
    updateCursorShape();
    redraw();
  });
  const auto repaint = [this] { update(); };
  connect(&m_session, &Session::brushChanged, this, repaint);
  connect(&m_session, &Session::regionChanged, this, repaint);
  connect(&m_session, &Session::viewResetRequested, this, &SliceView::resetView);
}

void SliceView::takeVolume() {
  const auto& volume = m_session.volume();
  cancelDrag();
  m_renderer.setVolume(volume);
  m_frame = volume ? viz::SliceFrame(volume->geometry(), plane()) : viz::SliceFrame({}, plane());
  m_slice = m_frame.nearestSlice(m_session.cursorMm());
  resetView();
  takeCursor();
  redraw();
}

void SliceView::tellPointer() {
  if (m_mouse && m_session.volume()) {
    emit pointerMoved(lpsFromWidget(*m_mouse));
  }
}

void SliceView::takeCursor() {
  if (!m_session.volume()) {
    return;
  }
  const std::int64_t slice = m_frame.nearestSlice(m_session.cursorMm());
  if (slice != m_slice) {
    m_slice = slice;
    m_imageDirty = true;
  }
  if (!m_ownCursorMove) {
    keepCursorInSight();
  }
  tellPointer();
  update();
}

// A cursor that was set elsewhere is brought back into a magnified view.
void SliceView::keepCursorInSight() {
  const QPointF at = widgetFromLps(m_session.cursorMm());
  if (!QRectF(rect()).contains(at) && m_frame.slices() > 0) {
    const viz::SliceCamera whole = viz::fitted(m_frame, m_camera.width, m_camera.height);
    if (m_camera.mmPerPixel < whole.mmPerPixel) {
      m_camera.centerMm = m_frame.planeFromLps(m_session.cursorMm());
      m_imageDirty = true;
    }
  }
}

void SliceView::redraw() {
  m_imageDirty = true;
  update();
}

bool SliceView::editing() const {
  return m_session.tool() != Tool::View;
}

bool SliceView::interpolated() const {
  const bool voxelsCount = editing() && m_frame.pixelMm() / m_camera.mmPerPixel > kSharpZoom;
  return m_session.display().interpolate && !voxelsCount;
}

Point2 SliceView::devicePoint(const QPointF& position) const {
  const double ratio = devicePixelRatioF();
  return {position.x() * ratio, position.y() * ratio};
}

Vec3 SliceView::lpsFromWidget(const QPointF& position) const {
  return m_frame.lpsFromPlane(m_camera.planeFromScreen(devicePoint(position)),
                              static_cast<double>(m_slice));
}

QPointF SliceView::widgetFromLps(const Vec3& lpsMm) const {
  const Point2 at = m_camera.screenFromPlane(m_frame.planeFromLps(lpsMm));
  const double ratio = devicePixelRatioF();
  return {at.x / ratio, at.y / ratio};
}

void SliceView::resetView() {
  const double ratio = devicePixelRatioF();
  const int width = static_cast<int>(std::lround(this->width() * ratio));
  const int height = static_cast<int>(std::lround(this->height() * ratio));
  m_camera = m_session.volume()
                 ? viz::fitted(m_frame, width, height)
                 : viz::SliceCamera{{}, 1.0, std::max(width, 1), std::max(height, 1)};
  tellPointer();
  redraw();
}

void SliceView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  // The same part of the patient stays in view.
  const double ratio = devicePixelRatioF();
  const viz::SliceCamera before = viz::fitted(m_frame, m_camera.width, m_camera.height);
  const viz::SliceCamera after = viz::fitted(m_frame,
                                             static_cast<int>(std::lround(width() * ratio)),
                                             static_cast<int>(std::lround(height() * ratio)));
  m_camera.width = after.width;
  m_camera.height = after.height;
  if (m_session.volume()) {
    m_camera.mmPerPixel *= after.mmPerPixel / before.mmPerPixel;
  }
  if (m_mouse) {  // the view has moved under it
    const QPoint now = mapFromGlobal(QCursor::pos());
    m_mouse = rect().contains(now) ? std::optional<QPointF>(now) : std::nullopt;
    emit pointerMoved(m_mouse ? std::optional(lpsFromWidget(*m_mouse)) : std::nullopt);
  }
  redraw();
}

void SliceView::setPointer(const std::optional<Vec3>& lpsMm) {
  const bool shown = m_session.tool() == Tool::Paint || m_session.tool() == Tool::Erase;
  m_pointer = lpsMm;
  if (shown) {
    update();
  }
}

void SliceView::setHighlighted(StructureId id) {
  if (id != m_highlighted) {
    m_highlighted = id;
    redraw();
  }
}

// ---- Painting ---------------------------------------------------------------

void SliceView::renderImage() {
  const DisplayState& display = m_session.display();
  viz::SliceStyle style;
  style.window = m_session.window();
  style.interpolate = interpolated();
  style.overlayVisible = display.organsVisible;
  style.overlay = {display.overlayOpacity, display.overlayOutline, m_highlighted};
  style.borderPx = std::max(
      1, static_cast<int>(std::lround(devicePixelRatioF() * (display.overlayOutline ? 2.0 : 1.0))));
  m_renderer.render(m_frame, m_slice, m_camera, &m_session.segmentation(), style, m_image);
  m_imageDirty = false;
}

void SliceView::paintEvent(QPaintEvent* /*event*/) {
  QPainter painter(this);
  if (!m_session.volume()) {
    painter.fillRect(rect(), Qt::black);
    return;
  }
  if (m_imageDirty) {
    renderImage();
  }
  QImage picture(reinterpret_cast<const uchar*>(m_image.pixels.data()),
                 m_image.width,
                 m_image.height,
                 m_image.width * 4,
                 QImage::Format_RGB32);
  picture.setDevicePixelRatio(devicePixelRatioF());
  painter.drawImage(QPointF(0, 0), picture);
  const SliceAnnotation annotation{m_session,
                                   m_frame,
                                   m_camera,
                                   m_slice,
                                   QRectF(rect()),
                                   devicePixelRatioF(),
                                   interpolated(),
                                   m_pointer};
  annotation.draw(painter);
  m_session.noteDrawn(m_frame.sliceAxis(), m_slice);
}

// ---- Slices -----------------------------------------------------------------

void SliceView::showSlice(std::int64_t slice) {
  if (!m_session.volume()) {
    return;
  }
  const std::int64_t wanted = std::clamp<std::int64_t>(slice, 0, m_frame.slices() - 1);
  if (wanted == m_slice) {
    return;
  }
  const Point2 at = m_frame.planeFromLps(m_session.cursorMm());
  m_ownCursorMove = true;
  m_session.setCursor(m_frame.lpsFromPlane(at, static_cast<double>(wanted)));
  m_ownCursorMove = false;
}

void SliceView::stepSlices(int steps) {
  showSlice(m_slice + steps * m_frame.stepSign());
}

void SliceView::showFirstSlice() {
  showSlice(m_frame.stepSign() > 0 ? 0 : m_frame.slices() - 1);
}

void SliceView::showLastSlice() {
  showSlice(m_frame.stepSign() > 0 ? m_frame.slices() - 1 : 0);
}

// ---- Mouse and keys ---------------------------------------------------------

void SliceView::mousePressEvent(QMouseEvent* event) {
  emit activated();
  m_mouse = event->position();
  m_cursorBeforeClick.reset();
  if (!m_session.volume() || m_drag != Drag::None) {
    return;  // a second button during a drag does nothing
  }
  m_button = event->button();
  m_pressed = event->position();
  m_last = m_pressed;
  m_moved = false;
  m_windowAtPress = m_session.window();
  switch (event->button()) {
    case Qt::LeftButton:
      pressLeft(*event);
      break;
    case Qt::MiddleButton:
      m_drag = Drag::Pan;
      break;
    case Qt::RightButton:
      m_drag = Drag::Zoom;
      break;
    default:
      m_button = Qt::NoButton;
      break;
  }
  updateCursorShape();
}

void SliceView::pressLeft(QMouseEvent& event) {
  if ((event.modifiers() & Qt::AltModifier) != 0) {
    m_drag = Drag::Window;
  } else if ((event.modifiers() & Qt::ShiftModifier) != 0) {
    m_drag = Drag::Pan;
  } else if (m_session.tool() == Tool::Paint || m_session.tool() == Tool::Erase) {
    const bool opposite = (event.modifiers() & Qt::ControlModifier) != 0;
    const bool begun =
        m_session.beginStroke(lpsFromWidget(event.position()), m_frame.sliceAxis(), opposite);
    m_drag = begun ? Drag::Stroke : Drag::None;
  } else {
    m_drag = Drag::Press;
  }
}

void SliceView::mouseMoveEvent(QMouseEvent* event) {
  m_mouse = event->position();
  if (!m_session.volume()) {
    return;
  }
  tellPointer();
  if (m_drag == Drag::None) {
    if ((event->modifiers() & Qt::ShiftModifier) != 0 && event->buttons() == Qt::NoButton) {
      m_ownCursorMove = true;
      m_session.setCursor(lpsFromWidget(event->position()));
      m_ownCursorMove = false;
    }
    return;
  }
  dragTo(event->position());
}

void SliceView::dragTo(const QPointF& position) {
  const QPointF total = position - m_pressed;
  m_moved = m_moved || std::hypot(total.x(), total.y()) > kClickPx;
  const double ratio = devicePixelRatioF();
  if (m_drag == Drag::Press && m_moved) {
    m_drag = m_session.tool() == Tool::Threshold ? Drag::Region : Drag::Window;
    updateCursorShape();
  }
  switch (m_drag) {
    case Drag::Window:
      m_session.setWindow(
          viz::dragged(m_windowAtPress, total.x(), total.y(), m_windowDragInverted));
      break;
    case Drag::Pan:
      m_camera.pan((position.x() - m_last.x()) * ratio, (position.y() - m_last.y()) * ratio);
      tellPointer();
      redraw();
      break;
    case Drag::Zoom:
      if (m_moved) {
        zoomBy(std::exp2((m_last.y() - position.y()) / kZoomPxPerOctave), m_pressed);
      }
      break;
    case Drag::Stroke:
      m_session.moveStroke(lpsFromWidget(position));
      break;
    case Drag::Region:
      dragRegion(position);
      break;
    case Drag::Press:
    case Drag::None:
      break;
  }
  m_last = position;
}

void SliceView::zoomBy(double factor, const QPointF& position) {
  const double voxelPx = m_frame.pixelMm() / m_camera.mmPerPixel;
  const double wanted = std::clamp(voxelPx * factor, kSmallestZoom, kLargestZoom);
  m_camera.zoom(wanted / voxelPx, devicePoint(position));
  tellPointer();
  redraw();
}

// The rectangle from the press to here; through the slices the region keeps the
// reach it has, all of them at first.
void SliceView::dragRegion(const QPointF& position) {
  const auto index = [&](const QPointF& at) {
    return m_frame.indexFromPlane(m_camera.planeFromScreen(devicePoint(at)));
  };
  const Point2 from = index(m_pressed);
  const Point2 to = index(position);
  Box box = m_session.region().value_or(m_session.volume()->geometry().box());
  const auto span = [&](int axis, double a, double b) {
    box.begin[axis] = std::llround(std::min(a, b));
    box.end[axis] = std::llround(std::max(a, b)) + 1;
  };
  span(m_frame.columnAxis(), from.x, to.x);
  span(m_frame.rowAxis(), from.y, to.y);
  m_session.setRegion(box);
}

void SliceView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() == m_button) {
    endDrag(event->position());
  }
}

void SliceView::endDrag(const QPointF& position) {
  const Drag drag = m_drag;
  m_drag = Drag::None;
  m_button = Qt::NoButton;
  updateCursorShape();
  if (drag == Drag::Stroke) {
    m_session.endStroke();
  } else if (drag == Drag::Press) {
    m_cursorBeforeClick = m_session.cursorMm();
    m_ownCursorMove = true;
    m_session.setCursor(lpsFromWidget(position));
    m_ownCursorMove = false;
  } else if (drag == Drag::Zoom && !m_moved) {
    emit menuRequested(mapToGlobal(position.toPoint()));
  }
}

void SliceView::cancelDrag() {
  if (m_drag == Drag::Stroke) {
    m_session.cancelStroke();
  }
  m_drag = Drag::None;
  m_button = Qt::NoButton;
}

void SliceView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && !editing()) {
    // Its first click has moved the crosshair; the two together only enlarge the view.
    if (const auto before = std::exchange(m_cursorBeforeClick, std::nullopt)) {
      m_session.setCursor(*before);
    }
    emit maximizeRequested();
  } else {
    mousePressEvent(event);  // quick dabs of a brush are presses
  }
}

void SliceView::wheelEvent(QWheelEvent* event) {
  event->accept();
  m_mouse = event->position();
  // With Alt held, Qt reports a vertical wheel as a horizontal one.
  const QPoint delta = event->angleDelta();
  const int turned = delta.y() != 0 ? delta.y() : delta.x();
  if (!m_session.volume() || turned == 0) {
    return;
  }
  if ((event->modifiers() & Qt::ControlModifier) != 0) {
    zoomBy(std::pow(kZoomPerNotch, static_cast<double>(turned) / kWheelNotch), event->position());
    return;
  }
  if (m_wheelRest != 0 && (m_wheelRest > 0) != (turned > 0)) {
    m_wheelRest = 0;  // turned round: answer at once
  }
  m_wheelRest += turned;
  const int steps = m_wheelRest / kWheelNotch;
  m_wheelRest -= steps * kWheelNotch;
  if (steps == 0) {
    return;
  }
  if ((event->modifiers() & Qt::ShiftModifier) != 0 && editing()) {
    m_session.scaleBrush(steps);
  } else {
    stepSlices(steps);
  }
}

void SliceView::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Up:
    case Qt::Key_Right:
      stepSlices(1);
      return;
    case Qt::Key_Down:
    case Qt::Key_Left:
      stepSlices(-1);
      return;
    case Qt::Key_PageUp:
      stepSlices(10);
      return;
    case Qt::Key_PageDown:
      stepSlices(-10);
      return;
    case Qt::Key_Home:
      showFirstSlice();
      return;
    case Qt::Key_End:
      showLastSlice();
      return;
    case Qt::Key_BracketLeft:
    case Qt::Key_Minus:
      m_session.scaleBrush(-1);
      return;
    case Qt::Key_BracketRight:
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      m_session.scaleBrush(1);
      return;
    case Qt::Key_Escape:
      if (m_drag != Drag::None) {
        cancelDrag();
      } else if (m_session.tool() != Tool::View) {
        m_session.setTool(Tool::View);
      } else {
        QWidget::keyPressEvent(event);  // the window cancels its task
      }
      return;
    default:
      QWidget::keyPressEvent(event);
  }
}

void SliceView::enterEvent(QEnterEvent* event) {
  QWidget::enterEvent(event);
  m_mouse = event->position();
  tellPointer();
  emit activated();
}

void SliceView::leaveEvent(QEvent* event) {
  QWidget::leaveEvent(event);
  m_mouse.reset();
  emit pointerMoved(std::nullopt);
}

void SliceView::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  m_wheelRest = 0;
}

void SliceView::updateCursorShape() {
  switch (m_drag) {
    case Drag::Pan:
      setCursor(Qt::ClosedHandCursor);
      return;
    case Drag::Zoom:
      setCursor(Qt::SizeVerCursor);
      return;
    case Drag::Window:
      setCursor(Qt::SizeAllCursor);
      return;
    default:
      break;
  }
  setCursor(editing() ? Qt::CrossCursor : Qt::ArrowCursor);
}

}  // namespace argand::ui
