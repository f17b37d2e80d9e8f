// SPDX-License-Identifier: Apache-2.0
#include "ui/session/session.h"

#include "core/base/assert.h"
#include "core/volume/label_table.h"
#include "ui/session/middle_voxel.h"
#include "ui/session/text.h"
#include "ui/session/window_presets.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace argand::ui {
namespace {

QString titleOf(const QString& verb, const Structure& structure) {
  return verb.arg(textOf(structure.name));
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

// The centre of the middle voxel: the place that is said is that of the slices shown.
Vec3 middleOf(const Geometry& geometry) {
  const Size3& size = geometry.size;
  return geometry.sliceToLps(
      static_cast<double>(size.i / 2), static_cast<double>(size.j / 2), size.k / 2);
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
    document.cursorMm = keepCursor ? lastCursor : middleOf(volume->geometry());
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
  const bool untouched = m_segmentation.structures().empty() && m_history.nextUndo() == nullptr &&
                         m_history.nextRedo() == nullptr;
  if (!m_volume || untouched) {
    return;
  }
  Document& document = m_documents[m_key];
  document.volume = m_volume;
  document.segmentation = std::move(m_segmentation);
  document.history = std::move(m_history);
  document.active = m_active;
  document.seen = std::move(m_seen);
  document.unexported = std::move(m_unexported);
  document.window = m_window;
  document.cursorMm = m_cursorMm;
}

void Session::start(Document document) {
  m_volume = std::move(document.volume);
  m_segmentation = std::move(document.segmentation);
  m_history = std::move(document.history);
  m_active = document.active;
  m_lostActive = 0;
  m_seen = std::move(document.seen);
  m_unexported = std::move(document.unexported);
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
  emit unexportedChanged();
}

const Structure* Session::activeStructureOrNull() const {
  return m_active == 0 ? nullptr : m_segmentation.find(m_active);
}

void Session::setActiveStructure(StructureId id) {
  if (id != m_active && (id == 0 || m_segmentation.find(id) != nullptr)) {
    m_active = id;
    m_lostActive = 0;
    emit activeStructureChanged();
  }
}

void Session::chooseStructure(StructureId id) {
  if (m_segmentation.find(id) != nullptr) {
    setActiveStructure(id);
    if (const auto voxel = middleVoxel(m_segmentation, id)) {
      setCursorVoxel(*voxel);
    }
  }
}

void Session::chooseNext(int step) {
  const auto& structures = m_segmentation.structures();
  if (structures.empty()) {
    return;
  }
  const auto count = static_cast<int>(structures.size());
  const int at = m_active == 0 ? -1 : static_cast<int>(m_segmentation.positionOf(m_active));
  const int next = at < 0 ? 0 : ((at + step) % count + count) % count;
  chooseStructure(structures[static_cast<std::size_t>(next)].id);
}

void Session::chooseNextUnreviewed(int step) {
  const auto& structures = m_segmentation.structures();
  const auto count = static_cast<int>(structures.size());
  const int at = m_active == 0 ? -1 : static_cast<int>(m_segmentation.positionOf(m_active));
  for (int n = 1; n <= count; ++n) {
    const int position = ((at + n * step) % count + count) % count;
    const Structure& structure = structures[static_cast<std::size_t>(position)];
    if (structure.review != ReviewState::Completed) {
      chooseStructure(structure.id);
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
    say(textOf(applied.error().message));
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

void Session::setReview(StructureId id, ReviewState state) {
  const Structure* found = m_segmentation.find(id);
  if (found == nullptr) {
    return;
  }
  if (state == ReviewState::Completed && m_segmentation.voxelCount(id) == 0) {
    say(titleOf(tr("%1 is empty: there is nothing to review."), *found));
    emit structuresChanged();  // a button that was pressed shows what is so
    return;
  }
  if (state == ReviewState::Completed && !m_seen.contains(id)) {
    say(titleOf(tr("%1 has not been on the screen as it is now. Show it and look at it first: "
                   "choose it in the list, with its eye open."),
                *found));
    emit structuresChanged();
    return;
  }
  Structure structure = *found;
  structure.review = state;
  updateStructure(structure, titleOf(tr("Review of %1"), structure));
}

Result<void> Session::apply(edit::Edit edit, Source source) {
  if (m_stroke) {
    return fail(ErrorCode::Usage, "A stroke is being drawn. Finish it first.");
  }
  if (edit.empty()) {
    return {};
  }
  const edit::Edit made = edit;
  const Segmentation before = m_segmentation;
  ARGAND_TRY(m_history.push(m_segmentation, std::move(edit)));
  changed(made, before, source);
  return {};
}

void Session::undo() {
  const edit::Edit* next = m_history.nextUndo();
  if (next == nullptr || m_stroke) {
    return;
  }
  const edit::Edit undone = *next;
  const Segmentation before = m_segmentation;
  if (const auto done = m_history.undo(m_segmentation); !done) {
    say(textOf(done.error().message));
    return;
  }
  changed(undone, before, Source::Work);
}

void Session::redo() {
  const edit::Edit* next = m_history.nextRedo();
  if (next == nullptr || m_stroke) {
    return;
  }
  const edit::Edit redone = *next;
  const Segmentation before = m_segmentation;
  if (const auto done = m_history.redo(m_segmentation); !done) {
    say(textOf(done.error().message));
    return;
  }
  changed(redone, before, Source::Work);
}

void Session::changed(const edit::Edit& edit, const Segmentation& before, Source source) {
  QStringList lost;  // their review
  for (const StructureId id : edit::changedVoxels(before, m_segmentation)) {
    m_seen.erase(id);
    const Structure* was = before.find(id);
    const Structure* now = m_segmentation.find(id);
    if (was != nullptr && now != nullptr && was->review == ReviewState::Completed &&
        now->review != ReviewState::Completed) {
      lost << textOf(now->name);
    }
  }
  if (source == Source::Work) {
    m_unexported.add(before, m_segmentation, edit);
  }
  if (!edit.structures.empty() || !lost.isEmpty()) {
    keepActiveValid();
    emit structuresChanged();
  }
  if (const Box box = boundsOf(edit); !box.empty()) {
    emit segmentationChanged(box);
  }
  emit historyChanged();
  emit unexportedChanged();
  if (!lost.isEmpty()) {
    say(tr("No longer marked as reviewed, because it was changed: %1.")
            .arg(lost.join(QStringLiteral(", "))));
  }
}

bool Session::mayTake(const Segmentation& before, const Segmentation& after) const {
  QStringList reviewed;
  for (const StructureId id : edit::changedVoxels(before, after)) {
    const Structure* structure = before.find(id);
    if (id != m_active && structure != nullptr && structure->review == ReviewState::Completed) {
      reviewed << textOf(structure->name);
    }
  }
  return reviewed.isEmpty() || !m_reviewQuestion || m_reviewQuestion(reviewed);
}

void Session::keepActiveValid() {
  if (m_lostActive != 0 && m_segmentation.find(m_lostActive) != nullptr) {
    m_active = std::exchange(m_lostActive, 0);
    emit activeStructureChanged();
    return;
  }
  if (m_active != 0 && m_segmentation.find(m_active) != nullptr) {
    return;
  }
  const StructureId lost = m_lostActive != 0 ? m_lostActive : m_active;
  const auto& structures = m_segmentation.structures();
  m_active = structures.empty() ? 0 : structures.front().id;
  m_lostActive = lost;
  emit activeStructureChanged();
}

std::map<QString, QStringList> Session::unexported() const {
  std::map<QString, QStringList> work;
  for (const auto& [key, document] : m_documents) {
    if (!document.unexported.empty()) {
      work[key] = document.unexported.organs();
    }
  }
  if (!m_unexported.empty()) {
    work[m_key] = m_unexported.organs();
  }
  return work;
}

Session::ExportMark Session::exportMark(const std::vector<StructureId>& only) const {
  ExportMark mark{m_key, m_unexported.revision(), only};
  if (only.empty()) {
    for (const Structure& structure : m_segmentation.structures()) {
      mark.structures.push_back(structure.id);
    }
  }
  return mark;
}

void Session::markExported(const ExportMark& mark) {
  if (mark.key == m_key) {
    m_unexported.forget(mark.revision, mark.structures, m_segmentation);
  } else if (const auto found = m_documents.find(mark.key); found != m_documents.end()) {
    Document& document = found->second;
    document.unexported.forget(mark.revision, mark.structures, document.segmentation);
  }
  emit unexportedChanged();
}

void Session::leaveUnexported() {
  m_unexported.clear();
  for (auto& [key, document] : m_documents) {
    document.unexported.clear();
  }
  emit unexportedChanged();
}

}  // namespace argand::ui
