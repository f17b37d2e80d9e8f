// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ui/session/session.h"
#include "viz/slice_frame.h"
#include "viz/slice_renderer.h"

#include <QWidget>

#include <optional>

namespace argand::ui {

// One of the three slice views: shows the slice through the session's cursor,
// and turns the mouse into what the session can do (window, cursor, strokes).
// Its own state is only pan and zoom.
class SliceView : public QWidget {
  Q_OBJECT

 public:
  SliceView(Session& session, viz::ViewPlane plane, QWidget* parent = nullptr);
  ~SliceView() override;

  [[nodiscard]] viz::ViewPlane plane() const { return m_frame.plane(); }

  [[nodiscard]] const viz::SliceFrame& frame() const { return m_frame; }

  // In device pixels of the widget.
  [[nodiscard]] const viz::SliceCamera& camera() const { return m_camera; }

  [[nodiscard]] std::int64_t slice() const { return m_slice; }

  // Widget coordinates <-> millimetres, on the slice that is shown.
  [[nodiscard]] Vec3 lpsFromWidget(const QPointF& position) const;
  [[nodiscard]] QPointF widgetFromLps(const Vec3& lpsMm) const;

  void stepSlices(int steps);  // towards growing LPS coordinates
  void showFirstSlice();
  void showLastSlice();
  void resetView();  // whole slice in the middle

  // Where the mouse is, in this view or another: the brush ring is drawn there.
  void setPointer(const std::optional<Vec3>& lpsMm);
  // Shows one structure in full and the others dimmed; 0 shows all alike.
  void setHighlighted(StructureId id);

  // Right drag widens the window; inverted: it narrows.
  void setWindowDragInverted(bool inverted) { m_windowDragInverted = inverted; }

 signals:
  void pointerMoved(const std::optional<argand::Vec3>& lpsMm);  // nothing: it left
  void maximizeRequested();
  void activated();  // the mouse came in, or a button was pressed
  void menuRequested(const QPoint& globalPosition);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void enterEvent(QEnterEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;

 private:
  enum class Drag { None, Press, Window, Pan, Zoom, Stroke, Region };

  void connectSession();
  void takeVolume();
  void takeCursor();
  void redraw();  // the image, not only what lies over it
  void renderImage();
  [[nodiscard]] bool interpolated() const;
  [[nodiscard]] bool editing() const;
  [[nodiscard]] Point2 devicePoint(const QPointF& position) const;
  void showSlice(std::int64_t slice);
  void pressLeft(QMouseEvent& event);
  void dragTo(const QPointF& position);
  void endDrag(const QPointF& position);
  void cancelDrag();
  void zoomBy(double factor, const QPointF& position);
  void dragRegion(const QPointF& position);
  void keepCursorInSight();
  void updateCursorShape();
  // The mouse is at another point of the patient now, whether it moved or the slice did.
  void tellPointer();

  Session& m_session;
  viz::SliceFrame m_frame;
  viz::SliceCamera m_camera;
  viz::SliceRenderer m_renderer;
  viz::SliceImage m_image;
  std::int64_t m_slice = 0;
  bool m_imageDirty = true;
  std::optional<Vec3> m_pointer;
  StructureId m_highlighted = 0;
  bool m_windowDragInverted = false;

  Drag m_drag = Drag::None;
  Qt::MouseButton m_button = Qt::NoButton;
  QPointF m_pressed;
  QPointF m_last;
  bool m_moved = false;
  std::optional<QPointF> m_mouse;           // in this view
  std::optional<Vec3> m_cursorBeforeClick;  // the last click moved it
  bool m_ownCursorMove = false;
  WindowLevel m_windowAtPress;
  int m_wheelRest = 0;  // eighths of a degree not yet used
};

}  // namespace argand::ui
