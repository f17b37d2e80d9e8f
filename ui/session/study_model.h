// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/study/study.h"

#include <QAbstractItemModel>
#include <QByteArray>
#include <QStringList>

#include <map>
#include <memory>
#include <vector>

namespace argand::ui {

// A small grey picture of an image, 8 bits per pixel, rows from the top.
struct Thumbnail {
  int width = 0;
  int height = 0;
  QByteArray pixels;
};

// The middle slice along the axis nearest to the patient's long axis, with the
// volume's own window, patient right on the left and anterior up.
[[nodiscard]] Thumbnail thumbnailOf(const Volume& volume, int longestSide);

// What was found in everything opened so far: studies, and under each its
// images, segmentations and structure sets.
class StudyModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Role {
    KeyRole = Qt::UserRole,  // names the entry for as long as the program runs
    DetailRole,              // the second line
    WarningsRole,            // QStringList
    UnexportedRole,          // QStringList: organs with work that was not exported
    ShownRole,               // bool: this is the series in the views
    KindRole,                // int of dicom::ObjectKind, -1 for a study
  };

  explicit StudyModel(QObject* parent = nullptr);

  // Adds what is not listed yet; returns the keys of all of them, in order.
  std::vector<QString> add(const study::Found& found);
  // Null where there is no such key.
  [[nodiscard]] const study::Entry* entry(const QString& key) const;
  [[nodiscard]] QModelIndex indexOf(const QString& key) const;
  void setShown(const QString& key);
  // Adds what reading the voxels brought up to what the entry says already.
  void addWarnings(const QString& key, const Warnings& warnings);
  // The organs with unexported work, by key; a series that is not named has none.
  void setUnexported(const std::map<QString, QStringList>& organs);
  // What is needed to name a series to a person: its own name, and its study's.
  [[nodiscard]] QString titleOf(const QString& key) const;

  // Every file that a listed entry is read from.
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

  // Files that were looked at and could not be used, each with the reason.
  [[nodiscard]] const QStringList& refused() const { return m_refused; }

  void setThumbnail(const QString& key, Thumbnail thumbnail);
  [[nodiscard]] const Thumbnail* thumbnail(const QString& key) const;
  void setPatientHidden(bool hidden);
  void clear();

  [[nodiscard]] QModelIndex index(int row,
                                  int column,
                                  const QModelIndex& parent = {}) const override;
  [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;

  // Names an entry: the same file or series gets the same key each time.
  [[nodiscard]] static QString keyOf(const study::Entry& entry);

 private:
  struct Series {
    QString key;
    study::Entry entry;
    Thumbnail thumbnail;
    QStringList unexported;
  };

  struct Study {
    QString uid;  // empty: files that belong to no study
    QString patient;
    QString description;
    QString date;
    std::vector<std::unique_ptr<Series>> series;
  };

  [[nodiscard]] Study& studyOf(const study::Entry& entry);
  [[nodiscard]] QVariant studyData(const Study& study, int role) const;
  [[nodiscard]] QVariant seriesData(const Series& series, int role) const;
  [[nodiscard]] QString tipText(const Series& series, const QStringList& warnings) const;
  [[nodiscard]] Series* find(const QString& key) const;

  std::vector<std::unique_ptr<Study>> m_studies;
  QString m_shown;
  QStringList m_refused;
  bool m_patientHidden = false;
};

}  // namespace argand::ui
