// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/check_list.h"

#include <QCheckBox>
#include <QListWidget>
#include <QPixmap>
#include <QSignalBlocker>
#include <QVBoxLayout>

namespace argand::ui {

CheckList::CheckList(QWidget* parent)
    : QWidget(parent), m_all(new QCheckBox(tr("All"), this)), m_list(new QListWidget(this)) {
  m_all->setObjectName(QStringLiteral("allBox"));
  m_all->setTristate(true);
  m_list->setObjectName(QStringLiteral("structureList"));
  m_list->setSelectionMode(QAbstractItemView::NoSelection);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(6);
  layout->addWidget(m_all);
  layout->addWidget(m_list, 1);
  connect(m_all, &QCheckBox::clicked, this, [this] {
    const Qt::CheckState state = m_all->checkState() == Qt::Unchecked ? Qt::Unchecked : Qt::Checked;
    {
      const QSignalBlocker blocker(m_list);
      for (int row = 0; row < m_list->count(); ++row) {
        m_list->item(row)->setCheckState(state);
      }
    }
    showAll();
    emit changed();
  });
  connect(m_list, &QListWidget::itemChanged, this, [this] {
    showAll();
    emit changed();
  });
}

void CheckList::setItems(const std::vector<Item>& items) {
  const QSignalBlocker blocker(m_list);
  m_list->clear();
  for (const Item& item : items) {
    QPixmap swatch(12, 12);
    swatch.fill(QColor(item.color.red, item.color.green, item.color.blue));
    auto* row = new QListWidgetItem(QIcon(swatch), item.text, m_list);
    row->setFlags(Qt::ItemIsEnabled | Qt::ItemIsUserCheckable);
    row->setCheckState(item.checked ? Qt::Checked : Qt::Unchecked);
  }
  showAll();
}

std::vector<int> CheckList::checkedRows() const {
  std::vector<int> rows;
  for (int row = 0; row < m_list->count(); ++row) {
    if (m_list->item(row)->checkState() == Qt::Checked) {
      rows.push_back(row);
    }
  }
  return rows;
}

bool CheckList::allChecked() const {
  return int(checkedRows().size()) == m_list->count();
}

void CheckList::showAll() {
  const auto checked = int(checkedRows().size());
  m_all->setCheckState(checked == 0                 ? Qt::Unchecked
                       : checked == m_list->count() ? Qt::Checked
                                                    : Qt::PartiallyChecked);
  m_all->setText(tr("All (%1 of %2)").arg(checked).arg(m_list->count()));
}

}  // namespace argand::ui
