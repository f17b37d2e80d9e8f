// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QWidget>

class QLabel;
class QPoint;
class QPushButton;
class QTreeView;

namespace argand::ui {

class StudyModel;

// The tree of studies and series, with a small picture of each series that was
// read. A click on a series asks for it.
class StudyPanel : public QWidget {
  Q_OBJECT

 public:
  explicit StudyPanel(StudyModel& studies, QWidget* parent = nullptr);

 signals:
  void showRequested(const QString& key);
  // An image file that the person says is a label map.
  void structuresRequested(const QString& key);
  // The person wants to read what is said of a series, or of the files left out.
  void notesRequested(const QString& title, const QStringList& sentences);

 private:
  void refresh();
  void contextMenu(const QPoint& position);

  StudyModel& m_studies;
  QTreeView* m_tree;
  QLabel* m_hint;
  QPushButton* m_refused;
};

}  // namespace argand::ui
