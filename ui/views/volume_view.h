// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ui/jobs/job_runner.h"
#include "ui/session/session.h"
#include "ui/views/vtk_widget.h"
#include "viz/volume_scene.h"

#include <QTimer>

#include <deque>
#include <map>
#include <set>

namespace argand::ui {

// The 3D view: surfaces of the session's structures, made one after another on
// a worker thread whenever their voxels change, and optionally the image itself.
class VolumeView : public VtkWidget {
  Q_OBJECT

 public:
  explicit VolumeView(Session& session, QWidget* parent = nullptr);
  ~VolumeView() override;

  void setVolumePreset(viz::VolumePreset preset);
  [[nodiscard]] viz::VolumePreset volumePreset() const;
  void lookFrom(viz::ViewDirection direction);
  void resetView();

  // False while surfaces are still being made.
  [[nodiscard]] bool upToDate() const;
  [[nodiscard]] std::size_t surfaceCount() const;

 signals:
  void maximizeRequested();
  void activated();
  void menuRequested(const QPoint& globalPosition);
  void becameUpToDate();

 protected:
  void attach(vtkRenderWindow& window) override;
  void draw(vtkRenderWindow& window) override;
  void detach() override;

  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void enterEvent(QEnterEvent* event) override;

 private:
  void takeVolume();
  void takeStructures();
  void takeChange(const Box& box);
  void takeDisplay();
  void takeCursor();
  void queueChanged();
  void makeNext();
  void repaintSoon();
  void setMoving(bool moving);
  [[nodiscard]] Vec3 toScene(const Vec3& lpsMm) const;
  void placeCursorAt(const QPointF& position);

  Session& m_session;
  viz::VolumeScene m_scene;

  // Surfaces to be made: a change waits until the hand rests, then joins the queue.
  Box m_changed;
  QTimer m_changeTimer;
  std::deque<StructureId> m_queue;
  std::map<StructureId, Box> m_bounds;  // of the voxels that each surface shows
  JobRunner m_runner;
  std::uint64_t m_generation = 0;  // counts volumes: results for the last one are dropped

  // Drawing costs most of a frame without a graphics card: what can wait (a new
  // surface of many, the cursor) is drawn once for several changes.
  QTimer m_repaintTimer;
  QTimer m_restTimer;  // ends moving after the wheel
  Qt::MouseButton m_button = Qt::NoButton;
  QPointF m_pressed;
  QPointF m_last;
  std::optional<Vec3> m_cursorBeforeClick;  // the last click moved it
  bool m_moved = false;
  bool m_panning = false;
};

}  // namespace argand::ui
