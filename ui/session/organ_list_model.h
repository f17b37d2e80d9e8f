// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"
#include "ui/jobs/job_runner.h"

#include <QAbstractTableModel>
#include <QTimer>

#include <map>
#include <optional>

namespace argand::ui {

class Session;

// The session's structures as a table: eye, name (with the colour), volume, state.
// Volumes are counted on a snapshot in the background, so that a brush stroke in
// a large study never waits for them; until then the last figure stands.
class OrganListModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Eye, Name, VolumeMl, State, kColumns };

  enum Role {
    ColorRole = Qt::UserRole,  // quint32, 0xffRRGGBB
    IdRole,                    // StructureId
    VisibleRole,
    LockedRole,
    ReviewRole,  // int of ReviewState
    MlRole,      // double; no value until counted
  };

  explicit OrganListModel(Session& session, QObject* parent = nullptr);
  ~OrganListModel() override;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section,
                                    Qt::Orientation orientation,
                                    int role) const override;
  [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

  [[nodiscard]] StructureId idAt(int row) const;
  [[nodiscard]] int rowOf(StructureId id) const;  // -1 where it is not listed

  // True while figures are older than the labels.
  [[nodiscard]] bool counting() const { return m_stale; }

 signals:
  void volumesCounted();

 private:
  void refresh();
  void countLater();
  void count();
  [[nodiscard]] QVariant cellText(const Structure& structure, int column) const;
  [[nodiscard]] std::optional<double> volumeMlOf(StructureId id) const;

  Session& m_session;
  std::vector<Structure> m_rows;
  std::map<StructureId, double> m_volumesMl;
  bool m_stale = false;
  QTimer m_countTimer;
  JobRunner m_counter;
};

// "AI", "Manual" and what else the list says of who made a structure. What no model
// and no hand here has made came from a file, which may not know who did; `volumeMl`
// (nothing where it is not counted yet) tells it from an organ not begun.
[[nodiscard]] QString stateText(const Structure& structure, std::optional<double> volumeMl);
[[nodiscard]] QString reviewText(ReviewState state);

}  // namespace argand::ui
