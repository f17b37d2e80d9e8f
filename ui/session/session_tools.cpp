// SPDX-License-Identifier: Apache-2.0
#include "ui/session/session.h"
#include "ui/session/text.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::ui {

void Session::setTool(Tool tool) {
  if (tool != m_tool) {
    cancelStroke();
    m_lastTool = std::exchange(m_tool, tool);
    emit toolChanged();
  }
}

void Session::swapTools() {
  setTool(m_lastTool);
}

void Session::setBrush(const BrushState& brush) {
  BrushState next = brush;
  next.radiusMm = std::clamp(next.radiusMm, BrushState::kSmallestMm, BrushState::kLargestMm);
  if (next.lower > next.upper) {
    std::swap(next.lower, next.upper);
  }
  if (next != m_brush) {
    m_brush = next;
    emit brushChanged();
  }
}

void Session::scaleBrush(int steps) {
  BrushState brush = m_brush;
  brush.radiusMm *= std::pow(1.2, steps);
  setBrush(brush);
}

bool Session::beginStroke(const Vec3& lpsMm, int sliceAxis, bool opposite) {
  if (!m_volume || m_stroke) {
    return false;
  }
  if (m_segmentation.structures().empty()) {
    addStructure();
  }
  if (m_active == 0) {
    say(tr("Choose an organ in the list to paint."));
    return false;
  }
  edit::Brush brush;
  brush.shape = m_brush.shape;
  brush.radiusMm = m_brush.radiusMm;
  brush.sliceAxis = sliceAxis;
  brush.erase = (m_tool == Tool::Erase) != opposite;
  if (m_brush.limitToRange && !brush.erase) {
    brush.limit = edit::Brush::Limit{m_brush.lower, m_brush.upper};
  }
  m_beforeStroke = m_segmentation;
  auto stroke = edit::Stroke::begin(m_segmentation, m_active, brush, m_volume.get());
  if (!stroke) {
    say(textOf(stroke.error().message));
    return false;
  }
  m_stroke.emplace(std::move(*stroke));
  moveStroke(lpsMm);
  return true;
}

void Session::moveStroke(const Vec3& lpsMm) {
  if (!m_stroke) {
    return;
  }
  if (const Box box = m_stroke->moveTo(lpsMm); !box.empty()) {
    emit segmentationChanged(box);
  }
}

void Session::endStroke() {
  if (!m_stroke) {
    return;
  }
  if (!mayTake(m_beforeStroke, m_segmentation)) {
    cancelStroke();
    return;
  }
  edit::Edit edit = m_stroke->finish();
  m_stroke.reset();
  const Segmentation before = std::exchange(m_beforeStroke, Segmentation());
  if (!edit.empty()) {
    m_history.record(edit);
    changed(edit, before, Source::Work);
  }
  emit strokeFinished();
}

void Session::cancelStroke() {
  if (m_stroke) {
    m_stroke->cancel();
    m_stroke.reset();
    emit segmentationChanged(m_segmentation.geometry().box());
    emit strokeFinished();
  }
}

void Session::setRegion(const std::optional<Box>& region) {
  std::optional<Box> next = region;
  if (next && m_volume) {
    next = intersection(*next, m_volume->geometry().box());
    if (next->empty()) {
      next.reset();
    }
  }
  if (next != m_region) {
    m_region = next;
    emit regionChanged();
  }
}

void Session::applyThreshold(bool replace) {
  if (!m_volume || m_stroke) {
    return;
  }
  if (m_segmentation.structures().empty()) {
    addStructure();
  }
  if (m_active == 0) {
    say(tr("Choose an organ in the list to put the voxels into."));
    return;
  }
  auto edit = edit::threshold(m_segmentation,
                              m_active,
                              *m_volume,
                              m_region.value_or(m_volume->geometry().box()),
                              m_brush.lower,
                              m_brush.upper,
                              replace);
  Segmentation after = m_segmentation;
  const Result<void> tried = edit ? edit::apply(after, *edit) : Result<void>(failureOf(edit));
  if (tried && !mayTake(m_segmentation, after)) {
    return;
  }
  const Result<void> applied = tried ? apply(std::move(*edit)) : tried;
  if (!applied) {
    say(textOf(applied.error().message));
  }
}

}  // namespace argand::ui
