// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/check_list.h"

#include <QCheckBox>
#include <QPixmap>
#include <QScrollArea>
#include <QVBoxLayout>

namespace argand::ui {

CheckList::CheckList(QWidget* parent) : QWidget(parent), m_all(new QCheckBox(tr("All"), this)) {
  m_all->setObjectName(QStringLiteral("allBox"));
  m_all->setTristate(true);
  auto* content = new QWidget;
  content->setObjectName(QStringLiteral("checkListContent"));
  m_rows = new QVBoxLayout(content);
  m_rows->setContentsMargins(8, 8, 8, 8);
  m_rows->setSpacing(7);
  auto* scroll = new QScrollArea(this);
  scroll->setObjectName(QStringLiteral("structureList"));
  scroll->setWidgetResizable(true);
  scroll->setWidget(content);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(6);
  layout->addWidget(m_all);
  layout->addWidget(scroll, 1);
  connect(m_all, &QCheckBox::clicked, this, [this] {
    // A click on "some" means all.
    const bool on = m_all->checkState() != Qt::Unchecked;
    for (QCheckBox* box : m_boxes) {
      box->setChecked(on);
    }
    showAll();
    emit changed();
  });
}

void CheckList::setItems(const std::vector<Item>& items) {
  while (QLayoutItem* row = m_rows->takeAt(0)) {
    if (row->widget() != nullptr) {
      row->widget()->hide();
      row->widget()->deleteLater();
    }
    delete row;
  }
  m_boxes.clear();
  for (const Item& item : items) {
    constexpr int kSwatch = 12;
    QPixmap swatch(kSwatch, kSwatch);
    swatch.fill(QColor(item.color.red, item.color.green, item.color.blue));
    auto* box = new QCheckBox(item.text, this);
    box->setIcon(QIcon(swatch));
    box->setIconSize({kSwatch, kSwatch});
    box->setChecked(item.checked);
    // clicked, not toggled: only what the person does is a change.
    connect(box, &QCheckBox::clicked, this, [this] {
      showAll();
      emit changed();
    });
    m_rows->addWidget(box);
    m_boxes.push_back(box);
  }
  m_rows->addStretch(1);
  showAll();
}

std::vector<int> CheckList::checkedRows() const {
  std::vector<int> rows;
  for (std::size_t row = 0; row < m_boxes.size(); ++row) {
    if (m_boxes[row]->isChecked()) {
      rows.push_back(int(row));
    }
  }
  return rows;
}

bool CheckList::allChecked() const {
  return checkedRows().size() == m_boxes.size();
}

void CheckList::showAll() {
  const std::size_t checked = checkedRows().size();
  m_all->setCheckState(checked == 0                ? Qt::Unchecked
                       : checked == m_boxes.size() ? Qt::Checked
                                                   : Qt::PartiallyChecked);
  m_all->setText(tr("All (%1 of %2)").arg(checked).arg(m_boxes.size()));
}

}  // namespace argand::ui
