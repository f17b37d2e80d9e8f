// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <QWidget>

class QLabel;
class QLineEdit;
class QModelIndex;
class QPoint;
class QSortFilterProxyModel;
class QTableView;
class QToolButton;

namespace argand::ui {

class OrganListModel;
class Session;

// The organ list: eye, colour, name, volume and state of every structure, and
// what can be done to the active one.
class OrganPanel : public QWidget {
  Q_OBJECT

 public:
  OrganPanel(Session& session, OrganListModel& organs, QWidget* parent = nullptr);

  // The active structure's colour, asked from the person.
  void chooseColour();
  void renameActive();

 signals:
  // The organ under the mouse; 0: none.
  void hovered(argand::StructureId id);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void buildTable();
  void buildButtons();
  void clicked(const QModelIndex& index);
  void chose(const QModelIndex& index);
  void contextMenu(const QPoint& position);
  void followActive();
  void refresh();
  void toggleLock();

  Session& m_session;
  OrganListModel& m_organs;
  QSortFilterProxyModel* m_filtered;
  QLineEdit* m_filter;
  QTableView* m_table;
  QLabel* m_hint;
  QToolButton* m_add;
  QToolButton* m_delete;
  QToolButton* m_lock;
  QToolButton* m_reviewed;
  QLabel* m_count;
  bool m_following = false;  // the list shows the active organ; nobody chooses one
};

}  // namespace argand::ui
