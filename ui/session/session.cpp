// SPDX-License-Identifier: Apache-2.0
#include "ui/session/session.h"

#include "core/base/assert.h"
#include "core/volume/label_table.h"
#include "ui/session/window_presets.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::ui {
namespace {

QString titleOf(const QString& verb, const Structure& structure) {
  return verb.arg(QString::fromStdString(structure.name));
}

Box boundsOf(const edit::Edit& edit) {
  Box box;
  for (const edit::LayerPatch& patch : edit.patches) {
    box = box.empty() ? patch.box : united(box, patch.box);
  }
  return box;
}

std::string unusedName(const Segmentation& segmentation) {
  std::string name;
  int number = 1;
  do {
    name = fmt::format("Structure {}", number++);
  } while (segmentation.findByName(name) != nullptr);
  return name;
}

// The first palette colour that no structure has.
Color unusedColor(const Segmentation& segmentation) {
  const auto taken = [&](const Color& color) {
    return std::any_of(segmentation.structures().begin(),
                       segmentation.structures().end(),
                       [&](const Structure& structure) { return structure.color == color; });
  };
  const std::size_t count = segmentation.structures().size();
  for (std::size_t n = 0; n <= count; ++n) {
    if (!taken(paletteColor(n))) {
      return paletteColor(n);
    }
  }
  return paletteColor(count);
}

bool sameFrame(const Volume& a, const Volume& b) {
  return a.source && b.source && !a.source->frameOfReferenceUid.empty() &&
         a.source->frameOfReferenceUid == b.source->frameOfReferenceUid;
}

// Values that a first threshold or limited brush starts from: what the window shows
// as brighter than its middle.
void startRange(BrushState& brush, const Volume& volume, const WindowLevel& window) {
  brush.lower = std::round(window.level);
  brush.upper = std::max(brush.lower, std::round(volume.range().maximum));
}

}  // namespace

Session::Session(QObject* parent) : QObject(parent) {}

Session::~Session() = default;

void Session::setVolume(std::shared_ptr<const Volume> volume, const QString& key) {
  ARGAND_ASSERT(volume != nullptr);
  const bool keepCursor = m_volume && sameFrame(*m_volume, *volume);
  const Vec3 lastCursor = m_cursorMm;
  putAside();
  m_key = key;
  if (const auto found = m_documents.find(key); found != m_documents.end()) {
    Document document = std::move(found->second);
    m_documents.erase(found);
    start(std::move(document));
  } else {
    Document document;
    document.segmentation = Segmentation(volume->geometry());
    document.window = startWindow(*volume);
    document.cursorMm = keepCursor ? lastCursor : volume->geometry().centerMm();
    document.volume = std::move(volume);
    start(std::move(document));
  }
}

std::shared_ptr<const Volume> Session::kept(const QString& key) const {
  const auto found = m_documents.find(key);
  return found == m_documents.end() ? nullptr : found->second.volume;
}

void Session::putAside() {
  cancelStroke();
  if (!m_volume || (m_segmentation.structures().empty() && m_history.nextUndo() == nullptr)) {
    return;
  }
  Document& document = m_documents[m_key];
  document.volume = m_volume;
  document.segmentation = std::move(m_segmentation);
  document.history = std::move(m_history);
  document.active = m_active;
  document.window = m_window;
  document.cursorMm = m_cursorMm;
  document.modified = m_modified;
}

void Session::start(Document document) {
  m_volume = std::move(document.volume);
  m_segmentation = std::move(document.segmentation);
  m_history = std::move(document.history);
  m_active = document.active;
  m_window = document.window;
  m_region.reset();
  startRange(m_brush, *m_volume, m_window);
  m_cursorMm = document.cursorMm;
  emit volumeChanged();
  emit structuresChanged();
  emit segmentationChanged(m_volume->geometry().box());
  emit activeStructureChanged();
  emit historyChanged();
  emit brushChanged();
  emit regionChanged();
  emit windowChanged();
  setCursor(m_cursorMm);
  emit cursorChanged();
  setModified(document.modified);
}

const Structure* Session::activeStructureOrNull() const {
  return m_active == 0 ? nullptr : m_segmentation.find(m_active);
}

void Session::setActiveStructure(StructureId id) {
  if (id != m_active && (id == 0 || m_segmentation.find(id) != nullptr)) {
    m_active = id;
    emit activeStructureChanged();
  }
}

void Session::activateNext(int step) {
  const auto& structures = m_segmentation.structures();
  if (structures.empty()) {
    return;
  }
  const auto count = static_cast<int>(structures.size());
  const int at = m_active == 0 ? -1 : static_cast<int>(m_segmentation.positionOf(m_active));
  const int next = at < 0 ? 0 : ((at + step) % count + count) % count;
  setActiveStructure(structures[static_cast<std::size_t>(next)].id);
}

void Session::activateNextUnreviewed(int step) {
  const auto& structures = m_segmentation.structures();
  const auto count = static_cast<int>(structures.size());
  const int at = m_active == 0 ? -1 : static_cast<int>(m_segmentation.positionOf(m_active));
  for (int n = 1; n <= count; ++n) {
    const int position = ((at + n * step) % count + count) % count;
    const Structure& structure = structures[static_cast<std::size_t>(position)];
    if (structure.review != ReviewState::Completed) {
      setActiveStructure(structure.id);
      return;
    }
  }
  if (count > 0) {
    say(tr("Every organ has been reviewed."));
  }
}

template <typename Body>
void Session::change(const QString& title, Body&& body) {
  if (!m_volume || m_stroke) {
    return;
  }
  Segmentation after = m_segmentation;
  body(after);
  edit::Edit edit = edit::difference(m_segmentation, after, title.toStdString());
  if (const auto applied = apply(std::move(edit)); !applied) {
    say(QString::fromStdString(applied.error().message));
  }
}

StructureId Session::addStructure(const QString& name) {
  StructureId id = 0;
  Structure structure;
  structure.name = name.isEmpty() ? unusedName(m_segmentation) : name.toStdString();
  structure.color = unusedColor(m_segmentation);
  change(titleOf(tr("Add %1"), structure),
         [&](Segmentation& segmentation) { id = segmentation.add(structure); });
  if (m_segmentation.find(id) == nullptr) {
    return 0;
  }
  setActiveStructure(id);
  return id;
}

void Session::removeStructure(StructureId id) {
  const Structure* structure = m_segmentation.find(id);
  if (structure == nullptr) {
    return;
  }
  if (structure->locked) {
    say(titleOf(tr("%1 is locked. Unlock it to delete it."), *structure));
    return;
  }
  change(titleOf(tr("Delete %1"), *structure),
         [&](Segmentation& segmentation) { segmentation.remove(id); });
}

void Session::updateStructure(const Structure& structure, const QString& title) {
  const Structure* before = m_segmentation.find(structure.id);
  if (before == nullptr || *before == structure) {
    return;
  }
  change(title, [&](Segmentation& segmentation) { segmentation.update(structure); });
}

void Session::setStructureVisible(StructureId id, bool visible) {
  const Structure* found = m_segmentation.find(id);
  if (found == nullptr || found->visible == visible) {
    return;
  }
  Structure structure = *found;
  structure.visible = visible;
  m_segmentation.update(structure);
  emit structuresChanged();
}

void Session::showOnly(StructureId id) {
  std::vector<Structure> structures = m_segmentation.structures();
  const bool alone = std::all_of(structures.begin(), structures.end(), [&](const Structure& one) {
    return one.visible == (one.id == id);
  });
  for (Structure& structure : structures) {
    structure.visible = alone || structure.id == id;
    m_segmentation.update(structure);
  }
  emit structuresChanged();
}

Result<void> Session::apply(edit::Edit edit) {
  if (m_stroke) {
    return fail(ErrorCode::Usage, "A stroke is being drawn. Finish it first.");
  }
  if (edit.empty()) {
    return {};
  }
  const edit::Edit made = edit;
  ARGAND_TRY(m_history.push(m_segmentation, std::move(edit)));
  changed(made);
  return {};
}

void Session::undo() {
  const edit::Edit* next = m_history.nextUndo();
  if (next == nullptr || m_stroke) {
    return;
  }
  const edit::Edit undone = *next;
  if (const auto done = m_history.undo(m_segmentation); !done) {
    say(QString::fromStdString(done.error().message));
    return;
  }
  changed(undone);
}

void Session::redo() {
  const edit::Edit* next = m_history.nextRedo();
  if (next == nullptr || m_stroke) {
    return;
  }
  const edit::Edit redone = *next;
  if (const auto done = m_history.redo(m_segmentation); !done) {
    say(QString::fromStdString(done.error().message));
    return;
  }
  changed(redone);
}

void Session::changed(const edit::Edit& edit) {
  if (!edit.structures.empty()) {
    keepActiveValid();
    emit structuresChanged();
  }
  if (const Box box = boundsOf(edit); !box.empty()) {
    emit segmentationChanged(box);
  }
  emit historyChanged();
  setModified(true);
}

void Session::keepActiveValid() {
  if (m_active != 0 && m_segmentation.find(m_active) != nullptr) {
    return;
  }
  const auto& structures = m_segmentation.structures();
  m_active = structures.empty() ? 0 : structures.front().id;
  emit activeStructureChanged();
}

void Session::markSaved() {
  setModified(false);
}

void Session::setModified(bool modified) {
  if (m_modified != modified) {
    m_modified = modified;
    emit modifiedChanged();
  }
}

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
  auto stroke = edit::Stroke::begin(m_segmentation, m_active, brush, m_volume.get());
  if (!stroke) {
    say(QString::fromStdString(stroke.error().message));
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
  edit::Edit edit = m_stroke->finish();
  m_stroke.reset();
  if (!edit.empty()) {
    m_history.record(edit);
    changed(edit);
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
  const Result<void> applied = edit ? apply(std::move(*edit)) : Result<void>(failureOf(edit));
  if (!applied) {
    say(QString::fromStdString(applied.error().message));
  }
}

void Session::setCursor(const Vec3& lpsMm) {
  if (!m_volume) {
    return;
  }
  // Kept inside the volume, so that every view has a slice to show.
  const Geometry& geometry = m_volume->geometry();
  Vec3 index = geometry.indexFromLps().apply(lpsMm);
  for (int axis = 0; axis < 3; ++axis) {
    index[axis] = std::clamp(index[axis], 0.0, static_cast<double>(geometry.size[axis] - 1));
  }
  const Vec3 inside = geometry.lpsFromIndex.apply(index);
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
  const Vec3 index = geometry.indexFromLps().apply(m_cursorMm);
  Index3 voxel;
  for (int axis = 0; axis < 3; ++axis) {
    voxel[axis] = std::clamp<std::int64_t>(std::llround(index[axis]), 0, geometry.size[axis] - 1);
  }
  return voxel;
}

void Session::setCursorVoxel(const Index3& index) {
  if (m_volume) {
    setCursor(m_volume->geometry().lpsFromIndex.apply({static_cast<double>(index.i),
                                                       static_cast<double>(index.j),
                                                       static_cast<double>(index.k)}));
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
