// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <QDialog>

#include <filesystem>
#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace argand::ui {

class CheckList;
class PathEdit;
class Session;
class Workbench;

// Writes the structures as an RTSTRUCT or as a label map. Starts from a name that no
// other series has, refuses the files of open studies, and asks before any other file is
// replaced.
class ExportDialog : public QDialog {
  Q_OBJECT

 public:
  ExportDialog(Session& session, Workbench& workbench, QWidget* parent = nullptr);

  // Takes the present structures.
  void refresh();

 private:
  enum Format { RtStruct, Seg, Nifti, Nrrd, Meta };

  [[nodiscard]] Format format() const;

  [[nodiscard]] bool isDicom() const { return format() == RtStruct || format() == Seg; }

  void showFormat();
  void suggestName();
  // A sentence why nothing may be written to what stands in the dialog; empty: it may.
  [[nodiscard]] QString objection() const;
  // False where the person keeps a file that is there already.
  [[nodiscard]] bool mayReplace(const std::vector<std::filesystem::path>& files);
  void browse();
  void start();
  void setRunning(bool running);

  Session& m_session;
  Workbench& m_workbench;
  std::vector<StructureId> m_ids;
  bool m_running = false;
  bool m_named = false;  // the name in the dialog is the person's own
  QString m_key;         // the series that the name is for
  QComboBox* m_format;
  CheckList* m_structures;
  QLabel* m_labelText;
  QLineEdit* m_label;
  QCheckBox* m_invent;
  PathEdit* m_path;
  QPushButton* m_browse;
  QLabel* m_message;
  QPushButton* m_start;
  QPushButton* m_close;
};

}  // namespace argand::ui
