// SPDX-License-Identifier: Apache-2.0
#include "ui/session/study_model.h"

#include "ui/session/dicom_text.h"
#include "ui/session/text.h"
#include "ui/session/window_presets.h"

#include <QLocale>
#include <QStringList>

#include <algorithm>

namespace argand::ui {
namespace {

QString kindText(dicom::ObjectKind kind) {
  switch (kind) {
    case dicom::ObjectKind::Image:
      return StudyModel::tr("Image");
    case dicom::ObjectKind::Seg:
      return StudyModel::tr("Segmentation");
    case dicom::ObjectKind::RtStruct:
      return StudyModel::tr("Structure set");
  }
  return {};
}

QString sizeText(const Geometry& geometry) {
  return StudyModel::tr("%1 x %2 x %3")
      .arg(geometry.size.i)
      .arg(geometry.size.j)
      .arg(geometry.size.k);
}

QString spacingText(const Geometry& geometry) {
  const Vec3 spacing = geometry.spacingMm();
  const QLocale locale = QLocale::c();
  return StudyModel::tr("voxels of %1 x %2 x %3 mm")
      .arg(locale.toString(spacing.x, 'g', 3),
           locale.toString(spacing.y, 'g', 3),
           locale.toString(spacing.z, 'g', 3));
}

}  // namespace

Thumbnail thumbnailOf(const Volume& volume, int longestSide) {
  const auto order = orderTo(volume.geometry(), "LPS");
  if (!order || longestSide <= 0) {
    return {};
  }
  const Geometry geometry = reordered(volume.geometry(), *order);
  const Vec3 spacing = geometry.spacingMm();
  const double widthMm = static_cast<double>(geometry.size.i) * spacing.x;
  const double heightMm = static_cast<double>(geometry.size.j) * spacing.y;
  const double mmPerPixel = std::max(widthMm, heightMm) / longestSide;
  Thumbnail picture;
  picture.width = std::max(1, static_cast<int>(widthMm / mmPerPixel));
  picture.height = std::max(1, static_cast<int>(heightMm / mmPerPixel));
  picture.pixels.resize(qsizetype{picture.width} * picture.height);
  const WindowLevel window = startWindow(volume);
  const double low = window.level - window.width / 2.0;
  qsizetype at = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const Index3 place{(2 * x + 1) * geometry.size.i / (2 * picture.width),
                         (2 * y + 1) * geometry.size.j / (2 * picture.height),
                         geometry.size.k / 2};
      Index3 source;
      for (int axis = 0; axis < 3; ++axis) {
        const int from = order->source[static_cast<std::size_t>(axis)];
        source[from] = order->flipped[static_cast<std::size_t>(axis)]
                           ? geometry.size[axis] - 1 - place[axis]
                           : place[axis];
      }
      const double grey = 255.0 * (volume.at(source) - low) / window.width;
      picture.pixels[at++] = static_cast<char>(static_cast<int>(std::clamp(grey, 0.0, 255.0)));
    }
  }
  return picture;
}

StudyModel::StudyModel(QObject* parent) : QAbstractItemModel(parent) {}

QString StudyModel::keyOf(const study::Entry& entry) {
  QString key = carriedPath(entry.path.lexically_normal());
  if (entry.series) {
    key += QStringLiteral("|%1|%2").arg(textOf(entry.series->seriesUid)).arg(entry.series->stack);
  }
  return key;
}

std::vector<QString> StudyModel::add(const study::Found& found) {
  std::vector<QString> keys;
  beginResetModel();
  for (const study::Entry& entry : found.entries) {
    const QString key = keyOf(entry);
    keys.push_back(key);
    if (find(key) == nullptr) {
      auto series = std::make_unique<Series>();
      series->key = key;
      series->entry = entry;
      studyOf(entry).series.push_back(std::move(series));
    }
  }
  for (const study::Refusal& refusal : found.refused) {
    const QString line =
        QStringLiteral("%1: %2").arg(shownPath(refusal.path.filename()), textOf(refusal.reason));
    if (!m_refused.contains(line)) {
      m_refused << line;
    }
  }
  endResetModel();
  return keys;
}

void StudyModel::addWarnings(const QString& key, const Warnings& warnings) {
  Series* series = find(key);
  if (series == nullptr) {
    return;
  }
  Warnings& known = series->entry.warnings;
  for (const Warning& warning : warnings) {
    if (std::find(known.begin(), known.end(), warning) == known.end()) {
      known.push_back(warning);
    }
  }
  const QModelIndex changed = indexOf(key);
  emit dataChanged(changed, changed);
}

void StudyModel::setUnexported(const std::map<QString, QStringList>& organs) {
  for (const auto& study : m_studies) {
    for (const auto& series : study->series) {
      const auto found = organs.find(series->key);
      const QStringList now = found == organs.end() ? QStringList() : found->second;
      if (now != series->unexported) {
        series->unexported = now;
        const QModelIndex changed = indexOf(series->key);
        emit dataChanged(changed, changed);
      }
    }
  }
}

QString StudyModel::titleOf(const QString& key) const {
  const QModelIndex index = indexOf(key);
  if (!index.isValid()) {
    return tr("Series");
  }
  const QString series = index.data(Qt::DisplayRole).toString();
  const study::Entry& found = *entry(key);
  return found.series ? tr("%1, %2").arg(index.parent().data(Qt::DisplayRole).toString(), series)
                      : shownPath(found.path.parent_path().filename() / found.path.filename());
}

std::vector<std::filesystem::path> StudyModel::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& study : m_studies) {
    for (const auto& series : study->series) {
      const study::Entry& entry = series->entry;
      if (entry.series) {
        files.insert(files.end(), entry.series->files.begin(), entry.series->files.end());
      } else {
        files.push_back(entry.path);
      }
    }
  }
  return files;
}

StudyModel::Study& StudyModel::studyOf(const study::Entry& entry) {
  const QString uid = entry.series ? textOf(entry.series->studyUid) : QString();
  for (const auto& study : m_studies) {
    if (study->uid == uid) {
      return *study;
    }
  }
  auto study = std::make_unique<Study>();
  study->uid = uid;
  if (entry.series) {
    study->patient = personName(textOf(entry.series->patientLabel));
    study->description = textOf(entry.series->studyDescription);
    study->date = dateText(textOf(entry.series->studyDate));
  }
  m_studies.push_back(std::move(study));
  return *m_studies.back();
}

StudyModel::Series* StudyModel::find(const QString& key) const {
  for (const auto& study : m_studies) {
    for (const auto& series : study->series) {
      if (series->key == key) {
        return series.get();
      }
    }
  }
  return nullptr;
}

const study::Entry* StudyModel::entry(const QString& key) const {
  const Series* series = find(key);
  return series == nullptr ? nullptr : &series->entry;
}

QModelIndex StudyModel::indexOf(const QString& key) const {
  for (int row = 0; row < rowCount(); ++row) {
    const auto& series = m_studies[static_cast<std::size_t>(row)]->series;
    for (std::size_t n = 0; n < series.size(); ++n) {
      if (series[n]->key == key) {
        return index(static_cast<int>(n), 0, index(row, 0));
      }
    }
  }
  return {};
}

void StudyModel::setShown(const QString& key) {
  const QModelIndex before = indexOf(m_shown);
  m_shown = key;
  const QModelIndex now = indexOf(key);
  for (const QModelIndex& changed : {before, now}) {
    if (changed.isValid()) {
      emit dataChanged(changed, changed);
    }
  }
}

void StudyModel::setThumbnail(const QString& key, Thumbnail thumbnail) {
  if (Series* series = find(key)) {
    series->thumbnail = std::move(thumbnail);
    const QModelIndex changed = indexOf(key);
    emit dataChanged(changed, changed);
  }
}

const Thumbnail* StudyModel::thumbnail(const QString& key) const {
  const Series* series = find(key);
  return series == nullptr || series->thumbnail.pixels.isEmpty() ? nullptr : &series->thumbnail;
}

void StudyModel::setPatientHidden(bool hidden) {
  if (hidden != m_patientHidden) {
    m_patientHidden = hidden;
    if (rowCount() > 0) {
      emit dataChanged(index(0, 0), index(rowCount() - 1, 0));
    }
  }
}

void StudyModel::clear() {
  beginResetModel();
  m_studies.clear();
  m_refused.clear();
  m_shown.clear();
  endResetModel();
}

// A series' index carries its study; a study's index carries nothing.
QModelIndex StudyModel::index(int row, int column, const QModelIndex& parent) const {
  if (!hasIndex(row, column, parent)) {
    return {};
  }
  return parent.isValid()
             ? createIndex(row, column, m_studies[static_cast<std::size_t>(parent.row())].get())
             : createIndex(row, column);
}

QModelIndex StudyModel::parent(const QModelIndex& index) const {
  const void* study = index.internalPointer();
  for (std::size_t row = 0; study != nullptr && row < m_studies.size(); ++row) {
    if (m_studies[row].get() == study) {
      return createIndex(static_cast<int>(row), 0);
    }
  }
  return {};
}

int StudyModel::rowCount(const QModelIndex& parent) const {
  if (!parent.isValid()) {
    return static_cast<int>(m_studies.size());
  }
  return parent.internalPointer() != nullptr || parent.column() != 0
             ? 0
             : static_cast<int>(m_studies[static_cast<std::size_t>(parent.row())]->series.size());
}

int StudyModel::columnCount(const QModelIndex& /*parent*/) const {
  return 1;
}

QVariant StudyModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
    return {};
  }
  if (const auto* study = static_cast<const Study*>(index.internalPointer())) {
    return seriesData(*study->series[static_cast<std::size_t>(index.row())], role);
  }
  return studyData(*m_studies[static_cast<std::size_t>(index.row())], role);
}

QVariant StudyModel::studyData(const Study& study, int role) const {
  switch (role) {
    case Qt::DisplayRole:
      if (study.uid.isEmpty()) {
        return tr("Files");
      }
      return m_patientHidden || study.patient.isEmpty() ? tr("Study") : study.patient;
    case DetailRole: {
      QStringList parts;
      for (const QString& part : {m_patientHidden ? QString() : study.date, study.description}) {
        if (!part.isEmpty()) {
          parts << part;
        }
      }
      return parts.join(QStringLiteral(", "));
    }
    case KindRole:
      return -1;
    case ShownRole:
      return false;
    default:
      return {};
  }
}

QString StudyModel::tipText(const Series& series, const QStringList& warnings) const {
  const study::Entry& entry = series.entry;
  QStringList lines{textOf(entry.description)};
  if (entry.geometry) {
    lines << sizeText(*entry.geometry) + QStringLiteral(", ") + spacingText(*entry.geometry);
  }
  if (!m_patientHidden) {
    lines << shownPath(entry.path);
  }
  if (!series.unexported.isEmpty()) {
    lines << tr("Not exported: %1").arg(series.unexported.join(QStringLiteral(", ")));
  }
  return (lines + warnings).join(u'\n');
}

QVariant StudyModel::seriesData(const Series& series, int role) const {
  const study::Entry& entry = series.entry;
  switch (role) {
    case Qt::DisplayRole: {
      const QString description = textOf(entry.description);
      return description.isEmpty() ? kindText(entry.kind) : description;
    }
    case DetailRole: {
      if (!entry.series) {  // many files of one name are told apart by their folders
        const QString folder = shownPath(entry.path.parent_path().filename());
        return entry.geometry ? folder + QStringLiteral("  ") + sizeText(*entry.geometry) : folder;
      }
      const QString kind = entry.kind == dicom::ObjectKind::Image && !entry.modality.empty()
                               ? textOf(entry.modality)
                               : kindText(entry.kind);
      return entry.geometry ? kind + QStringLiteral("  ") + sizeText(*entry.geometry) : kind;
    }
    case WarningsRole:
    case Qt::ToolTipRole: {
      QStringList lines;
      for (const Warning& warning : entry.warnings) {
        lines << textOf(warning.text);
      }
      return role == WarningsRole ? QVariant(lines) : QVariant(tipText(series, lines));
    }
    case UnexportedRole:
      return series.unexported;
    case KeyRole:
      return series.key;
    case KindRole:
      return static_cast<int>(entry.kind);
    case ShownRole:
      return series.key == m_shown;
    default:
      return {};
  }
}

}  // namespace argand::ui
