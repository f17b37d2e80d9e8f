// SPDX-License-Identifier: Apache-2.0
#include "ui/panels/organ_panel.h"

#include "ui/panels/organ_delegate.h"
#include "ui/session/organ_list_model.h"
#include "ui/session/session.h"
#include "ui/session/text.h"
#include "ui/style/style.h"

#include <QColorDialog>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace argand::ui {
namespace {

QToolButton* button(QWidget* parent, const char* name, const QString& icon, const QString& tip) {
  auto* made = new QToolButton(parent);
  made->setObjectName(QLatin1String(name));
  made->setIcon(ui::icon(icon));
  made->setToolTip(tip);
  made->setFocusPolicy(Qt::NoFocus);
  return made;
}

}  // namespace

OrganPanel::OrganPanel(Session& session, OrganListModel& organs, QWidget* parent)
    : QWidget(parent),
      m_session(session),
      m_organs(organs),
      m_filtered(new QSortFilterProxyModel(this)),
      m_filter(new QLineEdit(this)),
      m_table(new QTableView(this)),
      m_hint(roleLabel({}, "quiet", this)) {
  setObjectName(QStringLiteral("organPanel"));
  buildTable();
  m_filter->setObjectName(QStringLiteral("organFilter"));
  m_filter->setPlaceholderText(tr("Find an organ"));
  m_filter->setClearButtonEnabled(true);
  m_filter->setFocusPolicy(Qt::ClickFocus);
  m_hint->setAlignment(Qt::AlignTop);
  m_hint->setContentsMargins(14, 14, 14, 14);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  auto* top = new QHBoxLayout;
  top->setContentsMargins(8, 8, 8, 6);
  top->addWidget(m_filter);
  layout->addLayout(top);
  layout->addWidget(m_hint, 1);
  layout->addWidget(m_table, 1);
  buildButtons();

  connect(m_filter, &QLineEdit::textChanged, this, [this](const QString& text) {
    m_following = true;  // rows that go and come move the current one
    m_filtered->setFilterFixedString(text);
    m_following = false;
    followActive();
  });
  connect(&session, &Session::structuresChanged, this, &OrganPanel::refresh);
  connect(&session, &Session::volumeChanged, this, &OrganPanel::refresh);
  connect(&session, &Session::activeStructureChanged, this, &OrganPanel::followActive);
  connect(&organs, &QAbstractItemModel::modelReset, this, &OrganPanel::followActive);
  refresh();
}

void OrganPanel::buildTable() {
  m_filtered->setSourceModel(&m_organs);
  m_filtered->setFilterKeyColumn(OrganListModel::Name);
  m_filtered->setFilterCaseSensitivity(Qt::CaseInsensitive);
  m_table->setObjectName(QStringLiteral("organTable"));
  m_table->setModel(m_filtered);
  m_table->setItemDelegate(new OrganDelegate(m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::SingleSelection);
  m_table->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  m_table->setShowGrid(false);
  m_table->setFocusPolicy(Qt::ClickFocus);
  m_table->setContextMenuPolicy(Qt::CustomContextMenu);
  m_table->setMouseTracking(true);
  m_table->setTabKeyNavigation(false);
  m_table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setDefaultSectionSize(28);
  QHeaderView* header = m_table->horizontalHeader();
  header->setHighlightSections(false);
  header->setMinimumSectionSize(24);
  header->setSectionResizeMode(OrganListModel::Eye, QHeaderView::Fixed);
  header->setSectionResizeMode(OrganListModel::Name, QHeaderView::Stretch);
  // No wider than what they hold: the room is the names'.
  header->setSectionResizeMode(OrganListModel::VolumeMl, QHeaderView::ResizeToContents);
  header->setSectionResizeMode(OrganListModel::State, QHeaderView::ResizeToContents);
  header->resizeSection(OrganListModel::Eye, 34);
  m_table->viewport()->installEventFilter(this);
  connect(m_table, &QTableView::entered, this, [this](const QModelIndex& index) {
    emit hovered(index.data(OrganListModel::IdRole).toUInt());
  });
  connect(m_table, &QTableView::clicked, this, &OrganPanel::clicked);
  connect(m_table->selectionModel(),
          &QItemSelectionModel::currentChanged,
          this,
          [this](const QModelIndex& now) { chose(now); });
  connect(m_table, &QTableView::customContextMenuRequested, this, &OrganPanel::contextMenu);
}

void OrganPanel::buildButtons() {
  m_add = button(this, "addOrganButton", QStringLiteral("add"), tr("Add an organ"));
  m_delete =
      button(this, "deleteOrganButton", QStringLiteral("delete"), tr("Delete the active organ"));
  m_lock = button(
      this, "lockOrganButton", QStringLiteral("lock"), tr("Lock: no tool changes this organ"));
  m_lock->setCheckable(true);
  m_reviewed =
      button(this, "reviewedButton", QStringLiteral("check"), tr("Mark as reviewed (Enter)"));
  m_reviewed->setCheckable(true);
  m_count = roleLabel({}, "quiet", this);
  m_count->setWordWrap(false);
  auto* bar = new QHBoxLayout;
  bar->setContentsMargins(6, 5, 8, 5);
  bar->setSpacing(2);
  for (QToolButton* one : {m_add, m_delete, m_lock, m_reviewed}) {
    bar->addWidget(one);
  }
  bar->addStretch(1);
  bar->addWidget(m_count);
  static_cast<QVBoxLayout*>(layout())->addLayout(bar);
  connect(m_add, &QToolButton::clicked, this, [this] {
    if (m_session.addStructure() != 0) {
      renameActive();
    }
  });
  connect(m_delete, &QToolButton::clicked, this, [this] {
    m_session.removeStructure(m_session.activeStructure());
  });
  connect(m_lock, &QToolButton::clicked, this, &OrganPanel::toggleLock);
  connect(m_reviewed, &QToolButton::clicked, this, [this](bool on) {
    m_session.setReview(m_session.activeStructure(),
                        on ? ReviewState::Completed : ReviewState::NotStarted);
  });
}

bool OrganPanel::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_table->viewport() && event->type() == QEvent::Leave) {
    emit hovered(0);
  }
  return QWidget::eventFilter(watched, event);
}

void OrganPanel::refresh() {
  const bool empty = m_session.segmentation().structures().empty();
  m_hint->setVisible(empty);
  m_table->setVisible(!empty);
  m_filter->setVisible(!empty);
  m_hint->setText(m_session.volume()
                      ? tr("No organs yet.\n\nPress F5 to segment the whole volume, add an organ "
                           "with + and paint it, or open a structure set or a label map.")
                      : tr("Organs appear here once a study is open."));
  m_add->setEnabled(m_session.volume() != nullptr);
  const auto& structures = m_session.segmentation().structures();
  const auto reviewed =
      std::count_if(structures.begin(), structures.end(), [](const Structure& structure) {
        return structure.review == ReviewState::Completed;
      });
  m_count->setText(empty ? QString()
                         : tr("%1 of %2 reviewed").arg(reviewed).arg(structures.size()));
  followActive();
}

void OrganPanel::followActive() {
  const Structure* active = m_session.activeStructureOrNull();
  m_delete->setEnabled(active != nullptr && !active->locked);
  m_lock->setEnabled(active != nullptr);
  m_lock->setChecked(active != nullptr && active->locked);
  m_reviewed->setEnabled(active != nullptr);
  m_reviewed->setChecked(active != nullptr && active->review == ReviewState::Completed);
  const int row = m_organs.rowOf(m_session.activeStructure());
  const QModelIndex index =
      row < 0 ? QModelIndex()
              : m_filtered->mapFromSource(m_organs.index(row, OrganListModel::Name));
  m_following = true;
  if (index.isValid()) {
    m_table->setCurrentIndex(index);
    m_table->scrollTo(index);
  } else {
    m_table->setCurrentIndex({});
  }
  m_following = false;
}

// By a click, the arrow keys or the first letters of its name.
void OrganPanel::chose(const QModelIndex& index) {
  if (!m_following && index.isValid() && index.column() != OrganListModel::Eye) {
    m_session.chooseStructure(index.data(OrganListModel::IdRole).toUInt());
  }
}

void OrganPanel::clicked(const QModelIndex& index) {
  const StructureId id = index.data(OrganListModel::IdRole).toUInt();
  if (index.column() == OrganListModel::Eye) {
    m_session.setStructureVisible(id, !index.data(OrganListModel::VisibleRole).toBool());
    followActive();
    return;
  }
  m_session.chooseStructure(id);  // the active one too: it comes back into view
}

void OrganPanel::renameActive() {
  const int row = m_organs.rowOf(m_session.activeStructure());
  if (row >= 0) {
    m_filter->clear();
    const QModelIndex index = m_filtered->mapFromSource(m_organs.index(row, OrganListModel::Name));
    m_table->setCurrentIndex(index);
    m_table->edit(index);
  }
}

void OrganPanel::chooseColour() {
  const Structure* active = m_session.activeStructureOrNull();
  if (active == nullptr) {
    return;
  }
  const StructureId id = active->id;
  auto* dialog =
      new QColorDialog(QColor(active->color.red, active->color.green, active->color.blue), this);
  dialog->setObjectName(QStringLiteral("colourDialog"));
  dialog->setOption(QColorDialog::DontUseNativeDialog);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("Colour of %1").arg(textOf(active->name)));
  connect(dialog, &QColorDialog::colorSelected, this, [this, id](const QColor& colour) {
    if (const Structure* found = m_session.segmentation().find(id)) {
      Structure structure = *found;
      structure.color = {static_cast<std::uint8_t>(colour.red()),
                         static_cast<std::uint8_t>(colour.green()),
                         static_cast<std::uint8_t>(colour.blue())};
      m_session.updateStructure(structure, tr("Colour of %1").arg(textOf(structure.name)));
    }
  });
  dialog->open();
}

void OrganPanel::toggleLock() {
  if (const Structure* active = m_session.activeStructureOrNull()) {
    Structure structure = *active;
    structure.locked = !structure.locked;
    m_session.updateStructure(
        structure,
        (structure.locked ? tr("Lock %1") : tr("Unlock %1")).arg(textOf(structure.name)));
  }
}

void OrganPanel::contextMenu(const QPoint& position) {
  const QModelIndex index = m_table->indexAt(position);
  if (!index.isValid()) {
    return;
  }
  const StructureId id = index.data(OrganListModel::IdRole).toUInt();
  m_session.chooseStructure(id);
  const Structure* active = m_session.activeStructureOrNull();
  if (active == nullptr) {
    return;
  }
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  menu->addAction(tr("Rename"), this, &OrganPanel::renameActive);
  menu->addAction(tr("Colour..."), this, &OrganPanel::chooseColour);
  menu->addAction(active->locked ? tr("Unlock") : tr("Lock"), this, &OrganPanel::toggleLock);
  menu->addAction(tr("Show only this, or all again"), this, [this, id] { m_session.showOnly(id); });
  menu->addSeparator();
  for (const ReviewState state : {ReviewState::NotStarted,
                                  ReviewState::InProgress,
                                  ReviewState::Completed,
                                  ReviewState::Flagged}) {
    QAction* action = menu->addAction(
        reviewText(state), this, [this, id, state] { m_session.setReview(id, state); });
    action->setCheckable(true);
    action->setChecked(active->review == state);
  }
  menu->addSeparator();
  menu->addAction(icon(QStringLiteral("delete")), tr("Delete"), this, [this, id] {
    m_session.removeStructure(id);
  });
  menu->popup(m_table->viewport()->mapToGlobal(position));
}

}  // namespace argand::ui
