// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/edit/edit.h"
#include "core/volume/segmentation.h"

#include <QStringList>

#include <cstdint>
#include <vector>

namespace argand::ui {

// What a person or a model changed on one series since it was last exported, organ by
// organ. What was read from a file is no such work: the file has it.
class UnexportedWork {
 public:
  // Adds what led from `before` to `after`: the voxels, and with `edit` the attributes.
  void add(const Segmentation& before, const Segmentation& after, const edit::Edit& edit);

  [[nodiscard]] bool empty() const { return m_changes.empty(); }

  // Names the organs, in the order of their first change.
  [[nodiscard]] QStringList organs() const;

  // Grows with each change: an export takes the figure when it starts.
  [[nodiscard]] std::uint64_t revision() const { return m_revision; }

  // Forgets what an export has written that started at `revision` with the structures
  // of `exported`: what changed since stays, and so do the structures left out. Those
  // that were deleted go where nothing of `now` was left out.
  void forget(std::uint64_t revision,
              const std::vector<StructureId>& exported,
              const Segmentation& now);

  void clear() { m_changes.clear(); }

 private:
  struct Change {
    StructureId id = 0;
    QString name;
    std::uint64_t revision = 0;
  };

  void add(StructureId id, const Segmentation& before, const Segmentation& after);

  std::vector<Change> m_changes;
  std::uint64_t m_revision = 0;
};

}  // namespace argand::ui
