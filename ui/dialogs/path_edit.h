// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLineEdit>

#include <filesystem>

namespace argand::ui {

// A line with a path, shown so that it can be read. A path that was set and not edited,
// and the folder of it where only the name was, come back byte for byte even where their
// names are not UTF-8.
class PathEdit : public QLineEdit {
  Q_OBJECT

 public:
  using QLineEdit::QLineEdit;

  void setPath(const std::filesystem::path& path);
  // Absolute; empty where nothing stands there.
  [[nodiscard]] std::filesystem::path path() const;

 private:
  std::filesystem::path m_path;
};

}  // namespace argand::ui
