// SPDX-License-Identifier: Apache-2.0
#include "ui/views/volume_view.h"

#include "core/volume/slice_point.h"

#include <QEnterEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace argand::ui {
namespace {

constexpr double kClickPx = 3.0;
constexpr int kEditRestMs = 350;
constexpr int kWheelRestMs = 180;
constexpr int kRepaintMs = 150;
constexpr double kBodyOpacity = 0.2;  // what contains all others is seen through
constexpr double kZoomPxPerOctave = 120.0;

struct MadeSurface {
  viz::SurfaceMesh mesh;
  Box bounds;
};

double opacityOf(const Structure& structure) {
  return structure.interpretedType == "EXTERNAL" ? kBodyOpacity : 1.0;
}

}  // namespace

VolumeView::VolumeView(Session& session, QWidget* parent) : VtkWidget(parent), m_session(session) {
  setObjectName(QStringLiteral("volumeView"));
  setAccessibleName(tr("3D"));
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(120, 120);
  m_changeTimer.setSingleShot(true);
  m_changeTimer.setInterval(kEditRestMs);
  connect(&m_changeTimer, &QTimer::timeout, this, &VolumeView::queueChanged);
  m_restTimer.setSingleShot(true);
  m_restTimer.setInterval(kWheelRestMs);
  connect(&m_restTimer, &QTimer::timeout, this, [this] { setMoving(false); });
  m_repaintTimer.setSingleShot(true);
  m_repaintTimer.setInterval(kRepaintMs);
  connect(&m_repaintTimer, &QTimer::timeout, this, [this] { update(); });
  connect(&session, &Session::volumeChanged, this, &VolumeView::takeVolume);
  connect(&session, &Session::segmentationChanged, this, &VolumeView::takeChange);
  connect(&session, &Session::structuresChanged, this, &VolumeView::takeStructures);
  connect(&session, &Session::displayChanged, this, &VolumeView::takeDisplay);
  connect(&session, &Session::cursorChanged, this, &VolumeView::takeCursor);
  connect(&session, &Session::viewResetRequested, this, &VolumeView::resetView);
  takeVolume();
  if (session.volume()) {
    takeChange(session.volume()->geometry().box());
  }
}

VolumeView::~VolumeView() {
  release();
}

void VolumeView::attach(vtkRenderWindow& window) {
  m_scene.attach(window);
}

void VolumeView::draw(vtkRenderWindow& /*window*/) {
  m_scene.render();
}

void VolumeView::detach() {
  m_scene.detach();
}

// ---- What is shown ----------------------------------------------------------

void VolumeView::takeVolume() {
  ++m_generation;
  m_runner.cancel();
  m_queue.clear();
  m_bounds.clear();
  m_changed = {};
  m_scene.setVolume(m_session.volume());
  takeDisplay();
}

void VolumeView::takeDisplay() {
  takeCursor();
  takeStructures();
}

void VolumeView::takeCursor() {
  const bool crosshair = m_session.volume() && m_session.display().crosshairVisible;
  m_scene.setCursor(crosshair ? std::optional(toScene(m_session.cursorMm())) : std::nullopt);
  repaintSoon();
}

void VolumeView::repaintSoon() {
  if (!m_repaintTimer.isActive()) {
    m_repaintTimer.start();
  }
}

void VolumeView::takeStructures() {
  const bool organs = m_session.display().organsVisible;
  std::vector<StructureId> gone;
  for (const auto& [id, bounds] : m_bounds) {
    const Structure* structure = m_session.segmentation().find(id);
    if (structure == nullptr) {
      gone.push_back(id);
      continue;
    }
    m_scene.setAppearance(
        id, structure->color, organs && structure->visible, opacityOf(*structure));
  }
  for (const StructureId id : gone) {
    m_scene.removeSurface(id);
    m_bounds.erase(id);
  }
  repaintSoon();
}

void VolumeView::takeChange(const Box& box) {
  m_changed = m_changed.empty() ? box : united(m_changed, box);
  m_changeTimer.start();
}

// Which structures a change concerns: those that have voxels in the box now, and
// those whose surface reached into it.
void VolumeView::queueChanged() {
  const Segmentation& segmentation = m_session.segmentation();
  const Box box = intersection(m_changed, segmentation.geometry().box());
  m_changed = {};
  if (box.empty()) {
    return;
  }
  const bool everything = box == segmentation.geometry().box();
  std::vector<std::set<LabelValue>> present(static_cast<std::size_t>(segmentation.layerCount()));
  for (int layer = 0; layer < segmentation.layerCount() && !everything; ++layer) {
    const std::vector<LabelValue> labels = segmentation.layer(layer).read(box);
    present[static_cast<std::size_t>(layer)].insert(labels.begin(), labels.end());
  }
  for (const Structure& structure : segmentation.structures()) {
    const auto known = m_bounds.find(structure.id);
    const bool reached = known != m_bounds.end() && !intersection(known->second, box).empty();
    const bool concerned =
        everything || reached ||
        present[static_cast<std::size_t>(structure.layer)].contains(structure.label);
    if (concerned && std::find(m_queue.begin(), m_queue.end(), structure.id) == m_queue.end()) {
      m_queue.push_back(structure.id);
    }
  }
  makeNext();
}

void VolumeView::makeNext() {
  if (m_runner.busy()) {
    return;
  }
  const Segmentation& segmentation = m_session.segmentation();
  while (!m_queue.empty() && segmentation.find(m_queue.front()) == nullptr) {
    m_queue.pop_front();
  }
  if (m_queue.empty()) {
    emit becameUpToDate();
    return;
  }
  const StructureId id = m_queue.front();
  m_queue.pop_front();
  const std::uint64_t generation = m_generation;
  const auto make = [snapshot = segmentation, id](std::stop_token stop,
                                                  const ProgressFn&) -> Result<MadeSurface> {
    ARGAND_ASSIGN(viz::SurfaceMesh mesh, viz::surfaceOf(snapshot, id, stop));
    return MadeSurface{std::move(mesh), snapshot.boundsOf(id)};
  };
  m_runner.start(tr("Surfaces"), make, [this, id, generation](Result<MadeSurface> made) {
    if (made && generation == m_generation && m_session.segmentation().find(id) != nullptr) {
      m_scene.setSurface(id, made->mesh);
      m_bounds[id] = made->bounds;
      takeStructures();
    }
    makeNext();
  });
}

bool VolumeView::upToDate() const {
  return !m_runner.busy() && m_queue.empty() && m_changed.empty();
}

std::size_t VolumeView::surfaceCount() const {
  return m_scene.surfaceCount();
}

void VolumeView::setVolumePreset(viz::VolumePreset preset) {
  m_scene.setVolumePreset(preset);
  update();
}

viz::VolumePreset VolumeView::volumePreset() const {
  return m_scene.volumePreset();
}

void VolumeView::lookFrom(viz::ViewDirection direction) {
  m_scene.lookFrom(direction);
  update();
}

void VolumeView::resetView() {
  lookFrom(viz::ViewDirection::Anterior);
}

// ---- Mouse and keys ---------------------------------------------------------

void VolumeView::setMoving(bool moving) {
  m_scene.setMoving(moving);
  update();
}

void VolumeView::mousePressEvent(QMouseEvent* event) {
  m_cursorBeforeClick.reset();
  emit activated();
  if (m_button != Qt::NoButton) {
    return;
  }
  m_button = event->button();
  m_pressed = event->position();
  m_last = m_pressed;
  m_moved = false;
  m_panning = m_button == Qt::MiddleButton ||
              (m_button == Qt::LeftButton && (event->modifiers() & Qt::ShiftModifier) != 0);
}

void VolumeView::mouseMoveEvent(QMouseEvent* event) {
  if (m_button == Qt::NoButton) {
    return;
  }
  const QPointF position = event->position();
  const QPointF total = position - m_pressed;
  if (!m_moved && std::hypot(total.x(), total.y()) <= kClickPx) {
    return;
  }
  if (!m_moved) {
    m_moved = true;
    setMoving(true);
  }
  const QPointF step = position - m_last;
  m_last = position;
  if (m_panning) {
    const double ratio = devicePixelRatioF();
    m_scene.pan(step.x() * ratio, step.y() * ratio);
  } else if (m_button == Qt::RightButton) {
    m_scene.zoom(std::exp2(-step.y() / kZoomPxPerOctave));
  } else {
    m_scene.rotate(step.x(), step.y());
  }
  update();
}

void VolumeView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != m_button) {
    return;
  }
  m_button = Qt::NoButton;
  if (m_moved) {
    setMoving(false);
  } else if (event->button() == Qt::LeftButton) {
    placeCursorAt(event->position());
  } else if (event->button() == Qt::RightButton) {
    emit menuRequested(event->globalPosition().toPoint());
  }
}

// The scene lies on the regular grid, the crosshair on the acquired slices.
Vec3 VolumeView::toScene(const Vec3& lpsMm) const {
  const Geometry& geometry = m_session.volume()->geometry();
  return geometry.lpsFromIndex.apply(SliceIndexer(geometry).indexAt(lpsMm));
}

// A click on a surface puts the crosshair there.
void VolumeView::placeCursorAt(const QPointF& position) {
  if (!ready() || !m_session.volume()) {
    return;
  }
  makeCurrent();
  const double ratio = devicePixelRatioF();
  const std::optional<Vec3> hit =
      m_scene.pick(static_cast<int>(position.x() * ratio), static_cast<int>(position.y() * ratio));
  doneCurrent();
  if (hit) {
    m_cursorBeforeClick = m_session.cursorMm();
    const Geometry& geometry = m_session.volume()->geometry();
    m_session.setCursor(acquiredPoint(geometry, geometry.indexFromLps().apply(*hit)));
  }
}

void VolumeView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) {
    if (const auto before = std::exchange(m_cursorBeforeClick, std::nullopt)) {
      m_session.setCursor(*before);  // where the first click has moved it
    }
    emit maximizeRequested();
  }
}

void VolumeView::wheelEvent(QWheelEvent* event) {
  event->accept();
  const double notches = event->angleDelta().y() / 120.0;
  if (notches == 0.0) {
    return;
  }
  m_scene.setMoving(true);
  m_scene.zoom(std::pow(1.15, notches));
  m_restTimer.start();
  update();
}

void VolumeView::keyPressEvent(QKeyEvent* event) {
  constexpr double kTurnPx = 33.0;  // about 15 degrees
  switch (event->key()) {
    case Qt::Key_Left:
      m_scene.rotate(kTurnPx, 0);
      break;
    case Qt::Key_Right:
      m_scene.rotate(-kTurnPx, 0);
      break;
    case Qt::Key_Up:
      m_scene.rotate(0, kTurnPx);
      break;
    case Qt::Key_Down:
      m_scene.rotate(0, -kTurnPx);
      break;
    default:
      VtkWidget::keyPressEvent(event);
      return;
  }
  update();
}

void VolumeView::enterEvent(QEnterEvent* event) {
  VtkWidget::enterEvent(event);
  emit activated();
}

}  // namespace argand::ui
