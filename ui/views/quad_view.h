// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ui/session/session.h"
#include "ui/views/slice_view.h"
#include "ui/views/volume_view.h"

#include <QWidget>

#include <array>

namespace argand::ui {

// The four linked views: axial top left, sagittal top right, coronal bottom left,
// 3D bottom right, framed in the colours of their planes. A double click gives
// one of them the whole area, another one gives it back.
class QuadView : public QWidget {
  Q_OBJECT

 public:
  explicit QuadView(Session& session, QWidget* parent = nullptr);
  ~QuadView() override;

  [[nodiscard]] SliceView& sliceView(viz::ViewPlane plane) const;

  [[nodiscard]] VolumeView& volumeView() const { return *m_volumeView; }

  // The view that keys act on: the one the mouse was in last (axial at first);
  // for the 3D view, the last slice view.
  [[nodiscard]] SliceView& activeSliceView() const;

  [[nodiscard]] bool maximized() const { return m_maximized != nullptr; }

  // The view that the mouse was in last fills the area; again: all four.
  void toggleMaximized();

  // One structure in full, the others dimmed (the mouse is over it in the list); 0: none.
  void setHighlighted(StructureId id);

 signals:
  // Where the mouse is in a slice view; nothing: in none.
  void pointerMoved(const std::optional<argand::Vec3>& lpsMm);

 private:
  class Frame;

  Frame* framed(QWidget& view, const QColor& color);
  void activate(QWidget& view);
  void maximize(QWidget& view);
  void showSliceMenu(SliceView& view, const QPoint& at);
  void showVolumeMenu(const QPoint& at);

  Session& m_session;
  std::array<SliceView*, 3> m_sliceViews{};
  VolumeView* m_volumeView = nullptr;
  std::array<Frame*, 4> m_frames{};
  QWidget* m_active = nullptr;
  SliceView* m_activeSlice = nullptr;
  QWidget* m_maximized = nullptr;
};

}  // namespace argand::ui
