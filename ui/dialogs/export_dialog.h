// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"

#include <QDialog>

#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace argand::ui {

class CheckList;
class Session;
class Workbench;

// Writes the structures as an RTSTRUCT or as a label map.
class ExportDialog : public QDialog {
  Q_OBJECT

 public:
  ExportDialog(Session& session, Workbench& workbench, QWidget* parent = nullptr);

  // Takes the present structures.
  void refresh();

 private:
  enum Format { RtStruct, Nifti, Nrrd, Meta };

  [[nodiscard]] Format format() const;
  void showFormat();
  void suggestName();
  void browse();
  void start();
  void setRunning(bool running);

  Session& m_session;
  Workbench& m_workbench;
  std::vector<StructureId> m_ids;
  bool m_running = false;
  QComboBox* m_format;
  CheckList* m_structures;
  QLabel* m_labelText;
  QLineEdit* m_label;
  QCheckBox* m_invent;
  QLineEdit* m_path;
  QPushButton* m_browse;
  QLabel* m_message;
  QPushButton* m_start;
  QPushButton* m_close;
};

}  // namespace argand::ui
