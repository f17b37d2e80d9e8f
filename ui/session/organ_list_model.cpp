// SPDX-License-Identifier: Apache-2.0
#include "ui/session/organ_list_model.h"

#include "ui/session/session.h"
#include "ui/session/text.h"

#include <QLocale>

#include <algorithm>

namespace argand::ui {
namespace {

std::map<StructureId, double> volumesOf(const Segmentation& segmentation) {
  std::vector<std::vector<std::int64_t>> histograms;
  for (int layer = 0; layer < segmentation.layerCount(); ++layer) {
    histograms.push_back(segmentation.layer(layer).histogram());
  }
  const double voxelMl = segmentation.geometry().voxelVolumeMl();
  std::map<StructureId, double> volumes;
  for (const Structure& structure : segmentation.structures()) {
    const auto& histogram = histograms[static_cast<std::size_t>(structure.layer)];
    const std::int64_t voxels = structure.label < histogram.size() ? histogram[structure.label] : 0;
    volumes[structure.id] = static_cast<double>(voxels) * voxelMl;
  }
  return volumes;
}

QString tr(const char* text) {
  return OrganListModel::tr(text);
}

}  // namespace

QString reviewText(ReviewState state) {
  switch (state) {
    case ReviewState::NotStarted:
      return tr("Not reviewed");
    case ReviewState::InProgress:
      return tr("In progress");
    case ReviewState::Completed:
      return tr("Reviewed");
    case ReviewState::Flagged:
      return tr("Flagged");
  }
  return {};
}

QString stateText(const Structure& structure, std::optional<double> volumeMl) {
  switch (structure.origin) {
    case Origin::Automatic:
      return structure.edited ? tr("AI, edited") : tr("AI");
    case Origin::SemiAutomatic:
      return tr("AI, edited");
    case Origin::Manual:
    case Origin::Unknown:
      if (structure.edited) {
        return structure.origin == Origin::Manual ? tr("Manual") : tr("Edited");
      }
      return !volumeMl ? QString() : *volumeMl > 0.0 ? tr("From file") : tr("Empty");
  }
  return {};
}

OrganListModel::OrganListModel(Session& session, QObject* parent)
    : QAbstractTableModel(parent), m_session(session) {
  m_countTimer.setSingleShot(true);
  m_countTimer.setInterval(80);
  connect(&m_countTimer, &QTimer::timeout, this, &OrganListModel::count);
  connect(&session, &Session::volumeChanged, this, [this] { m_volumesMl.clear(); });
  connect(&session, &Session::structuresChanged, this, &OrganListModel::refresh);
  connect(&session, &Session::segmentationChanged, this, &OrganListModel::countLater);
  connect(&session, &Session::strokeFinished, this, &OrganListModel::countLater);
  refresh();
}

OrganListModel::~OrganListModel() = default;

int OrganListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int OrganListModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(kColumns);
}

std::optional<double> OrganListModel::volumeMlOf(StructureId id) const {
  const auto found = m_volumesMl.find(id);
  return found == m_volumesMl.end() ? std::nullopt : std::optional(found->second);
}

QVariant OrganListModel::cellText(const Structure& structure, int column) const {
  switch (column) {
    case Name:
      return textOf(structure.name);
    case VolumeMl: {
      const auto volume = volumeMlOf(structure.id);
      return volume ? QLocale::c().toString(*volume, 'f', 1) : tr("...");
    }
    case State:
      return stateText(structure, volumeMlOf(structure.id));
    default:
      return {};
  }
}

QVariant OrganListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  const Structure& structure = m_rows[static_cast<std::size_t>(index.row())];
  const Color& color = structure.color;
  switch (role) {
    case Qt::DisplayRole:
      return cellText(structure, index.column());
    case Qt::EditRole:
      return index.column() == Name ? QVariant(textOf(structure.name)) : QVariant();
    case Qt::TextAlignmentRole:
      return index.column() == VolumeMl ? int(Qt::AlignRight | Qt::AlignVCenter)
                                        : int(Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::ToolTipRole: {
      QString tip = textOf(structure.name);
      if (const QString state = stateText(structure, volumeMlOf(structure.id)); !state.isEmpty()) {
        tip += QStringLiteral(" - ") + state;
      }
      tip += QStringLiteral(", ") + reviewText(structure.review).toLower();
      if (!structure.model.empty()) {
        tip += tr("\nMade by %1").arg(textOf(structure.model));
      }
      return structure.locked ? tip + tr("\nLocked: no tool changes it") : tip;
    }
    case ColorRole:
      return 0xff000000U | (quint32(color.red) << 16U) | (quint32(color.green) << 8U) | color.blue;
    case IdRole:
      return structure.id;
    case VisibleRole:
      return structure.visible;
    case LockedRole:
      return structure.locked;
    case ReviewRole:
      return static_cast<int>(structure.review);
    case MlRole: {
      const auto volume = volumeMlOf(structure.id);
      return volume ? QVariant(*volume) : QVariant();
    }
    default:
      return {};
  }
}

QVariant OrganListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  if (role == Qt::TextAlignmentRole) {
    return section == VolumeMl ? int(Qt::AlignRight | Qt::AlignVCenter)
                               : int(Qt::AlignLeft | Qt::AlignVCenter);
  }
  if (role != Qt::DisplayRole) {
    return {};
  }
  switch (section) {
    case Name:
      return tr("Organ");
    case VolumeMl:
      return tr("mL");
    case State:
      return tr("State");
    default:
      return QString();
  }
}

Qt::ItemFlags OrganListModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.isValid() && index.column() == Name) {
    flags |= Qt::ItemIsEditable;
  }
  return flags;
}

bool OrganListModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return false;
  }
  Structure structure = m_rows[static_cast<std::size_t>(index.row())];
  if (role == VisibleRole) {
    m_session.setStructureVisible(structure.id, value.toBool());
    return true;
  }
  const QString name = value.toString().trimmed();
  if (role != Qt::EditRole || index.column() != Name || name.isEmpty()) {
    return false;
  }
  const Structure* other = m_session.segmentation().findByName(name.toStdString());
  if (other != nullptr && other->id != structure.id) {
    m_session.say(tr("There is an organ named %1 already.").arg(name));
    return false;
  }
  structure.name = name.toStdString();
  m_session.updateStructure(structure, tr("Rename to %1").arg(name));
  return true;
}

StructureId OrganListModel::idAt(int row) const {
  return row >= 0 && row < rowCount() ? m_rows[static_cast<std::size_t>(row)].id : 0;
}

int OrganListModel::rowOf(StructureId id) const {
  const auto found = std::find_if(
      m_rows.begin(), m_rows.end(), [&](const Structure& row) { return row.id == id; });
  return found == m_rows.end() ? -1 : static_cast<int>(found - m_rows.begin());
}

void OrganListModel::refresh() {
  const std::vector<Structure>& next = m_session.segmentation().structures();
  const bool sameRows = std::equal(
      m_rows.begin(), m_rows.end(), next.begin(), next.end(), [](const auto& a, const auto& b) {
        return a.id == b.id;
      });
  if (sameRows) {
    m_rows = next;
    if (!m_rows.empty()) {
      emit dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
    }
    return;
  }
  beginResetModel();
  m_rows = next;
  endResetModel();
  countLater();
}

void OrganListModel::countLater() {
  m_stale = true;
  if (!m_session.strokeActive()) {
    m_countTimer.start();
  }
}

void OrganListModel::count() {
  if (m_session.strokeActive()) {
    return;  // strokeFinished() comes
  }
  if (m_counter.busy()) {
    m_countTimer.start();
    return;
  }
  m_stale = false;
  m_counter.start(
      tr("Counting voxels"),
      [snapshot = m_session.segmentation()](const std::stop_token&, const ProgressFn&)
          -> Result<std::map<StructureId, double>> { return volumesOf(snapshot); },
      [this](Result<std::map<StructureId, double>> volumes) {
        if (!volumes || m_stale) {
          return;
        }
        m_volumesMl = std::move(*volumes);
        if (!m_rows.empty()) {
          emit dataChanged(index(0, VolumeMl), index(rowCount() - 1, State));
        }
        emit volumesCounted();
      });
}

}  // namespace argand::ui
