// SPDX-License-Identifier: Apache-2.0
#include "core/volume/slice_point.h"
#include "ui/session/session.h"
#include "ui/session/window_presets.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace argand::ui {

void Session::setCursor(const Vec3& lpsMm) {
  if (!m_volume) {
    return;
  }
  // Kept inside the volume, so that every view has a slice to show.
  const Geometry& geometry = m_volume->geometry();
  Vec3 index = SliceIndexer(geometry).indexAt(lpsMm);
  for (int axis = 0; axis < 3; ++axis) {
    index[axis] = std::clamp(index[axis], 0.0, static_cast<double>(geometry.size[axis] - 1));
  }
  const Vec3 inside = acquiredPoint(geometry, index);
  if (inside != m_cursorMm) {
    m_cursorMm = inside;
    emit cursorChanged();
  }
}

void Session::setPointer(const std::optional<Vec3>& lpsMm) {
  if (lpsMm != m_pointerMm) {
    m_pointerMm = lpsMm;
    emit pointerChanged();
  }
}

Index3 Session::cursorVoxel() const {
  if (!m_volume) {
    return {};
  }
  const Geometry& geometry = m_volume->geometry();
  const Vec3 index = SliceIndexer(geometry).indexAt(m_cursorMm);
  Index3 voxel;
  for (int axis = 0; axis < 3; ++axis) {
    voxel[axis] = std::clamp<std::int64_t>(std::llround(index[axis]), 0, geometry.size[axis] - 1);
  }
  return voxel;
}

void Session::setCursorVoxel(const Index3& index) {
  if (m_volume) {
    setCursor(acquiredPoint(m_volume->geometry(),
                            {static_cast<double>(index.i),
                             static_cast<double>(index.j),
                             static_cast<double>(index.k)}));
  }
}

void Session::noteDrawn(int sliceAxis, std::int64_t slice) {
  if (!m_volume || !m_display.organsVisible || m_display.overlayOpacity <= 0.0 || m_stroke) {
    return;
  }
  Box box = m_segmentation.geometry().box();
  box.begin[sliceAxis] = slice;
  box.end[sliceAxis] = slice + 1;
  for (int layer = 0; layer < m_segmentation.layerCount(); ++layer) {
    std::map<LabelValue, StructureId> unseen;
    for (const Structure& structure : m_segmentation.structures()) {
      if (structure.layer == layer && structure.visible && !m_seen.contains(structure.id)) {
        unseen[structure.label] = structure.id;
      }
    }
    if (unseen.empty()) {
      continue;
    }
    LabelValue last = 0;
    for (const LabelValue label : m_segmentation.layer(layer).read(box)) {
      if (label == last) {
        continue;  // most neighbours are alike
      }
      last = label;
      if (const auto found = unseen.find(label); found != unseen.end()) {
        m_seen.insert(found->second);
      }
    }
  }
}

void Session::setWindow(const WindowLevel& window) {
  WindowLevel next = window;
  next.width = std::max(next.width, 1e-6);
  if (next.width != m_window.width || next.level != m_window.level || next.name != m_window.name) {
    m_window = next;
    emit windowChanged();
  }
}

void Session::applyPreset(int number) {
  if (!m_volume) {
    return;
  }
  if (number == 0) {
    const std::vector<WindowLevel> windows = ownWindows(*m_volume);
    const auto shown = std::find_if(windows.begin(), windows.end(), [&](const WindowLevel& window) {
      return window.width == m_window.width && window.level == m_window.level;
    });
    const bool another = shown != windows.end() && std::next(shown) != windows.end();
    setWindow(another ? *std::next(shown) : windows.front());
    return;
  }
  if (number == 9) {
    const auto own = m_ownPresets.find(m_volume->modality);
    if (own == m_ownPresets.end()) {
      say(tr("Key 9 has no window yet. Ctrl+9 keeps the present one there."));
    } else {
      setWindow(own->second);
    }
    return;
  }
  if (const auto preset = windowPreset(m_volume->modality, number)) {
    WindowLevel window = preset->window;
    window.name = preset->name.toStdString();
    setWindow(window);
  } else {
    say(tr("Presets in Hounsfield units are for CT. Key 0 gives this image its own window."));
  }
}

void Session::setOwnPreset(Modality modality, const WindowLevel& window) {
  m_ownPresets[modality] = window;
}

void Session::setDisplay(const DisplayState& display) {
  DisplayState next = display;
  next.overlayOpacity = std::clamp(next.overlayOpacity, 0.0, 1.0);
  if (next != m_display) {
    m_display = next;
    emit displayChanged();
  }
}

}  // namespace argand::ui
