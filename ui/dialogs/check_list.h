// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <QWidget>

#include <vector>

class QCheckBox;
class QVBoxLayout;

namespace argand::ui {

// Structures with a tick each, and one tick for all of them.
class CheckList : public QWidget {
  Q_OBJECT

 public:
  struct Item {
    QString text;
    Color color;
    bool checked = true;
  };

  explicit CheckList(QWidget* parent = nullptr);

  void setItems(const std::vector<Item>& items);
  [[nodiscard]] std::vector<int> checkedRows() const;
  [[nodiscard]] bool allChecked() const;

 signals:
  void changed();

 private:
  void showAll();

  QCheckBox* m_all;
  QVBoxLayout* m_rows;
  std::vector<QCheckBox*> m_boxes;
};

}  // namespace argand::ui
