// SPDX-License-Identifier: Apache-2.0
#include "ui/session/unexported_work.h"

#include "ui/session/text.h"

#include <QCoreApplication>

#include <algorithm>

namespace argand::ui {

void UnexportedWork::add(const Segmentation& before,
                         const Segmentation& after,
                         const edit::Edit& edit) {
  ++m_revision;
  for (const edit::StructureChange& change : edit.structures) {
    add(change.after ? change.after->id : change.before->id, before, after);
  }
  for (const StructureId id : edit::changedVoxels(before, after)) {
    add(id, before, after);
  }
}

void UnexportedWork::add(StructureId id, const Segmentation& before, const Segmentation& after) {
  const Structure* now = after.find(id);
  const Structure* was = before.find(id);
  QString name = textOf(now != nullptr ? now->name : was != nullptr ? was->name : std::string());
  if (now == nullptr) {
    name = QCoreApplication::translate("UnexportedWork", "%1 (deleted)").arg(name);
  }
  const auto found = std::find_if(
      m_changes.begin(), m_changes.end(), [&](const Change& change) { return change.id == id; });
  if (found != m_changes.end()) {
    *found = {id, name, m_revision};
  } else {
    m_changes.push_back({id, name, m_revision});
  }
}

QStringList UnexportedWork::organs() const {
  QStringList names;
  for (const Change& change : m_changes) {
    names << change.name;
  }
  return names;
}

void UnexportedWork::forget(std::uint64_t revision,
                            const std::vector<StructureId>& exported,
                            const Segmentation& now) {
  const auto written = [&](StructureId id) {
    return std::find(exported.begin(), exported.end(), id) != exported.end();
  };
  const auto& structures = now.structures();
  const bool whole = std::all_of(structures.begin(),
                                 structures.end(),
                                 [&](const Structure& structure) { return written(structure.id); });
  std::erase_if(m_changes, [&](const Change& change) {
    const bool gone = whole && now.find(change.id) == nullptr;
    return change.revision <= revision && (gone || written(change.id));
  });
}

}  // namespace argand::ui
