// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/path_edit.h"

#include "ui/session/text.h"

namespace argand::ui {

void PathEdit::setPath(const std::filesystem::path& path) {
  m_path = path;
  setText(shownPath(path));
}

std::filesystem::path PathEdit::path() const {
  const QString now = text().trimmed();
  if (now.isEmpty()) {
    return {};
  }
  if (now == shownPath(m_path)) {
    return m_path;
  }
  const std::filesystem::path typed = pathFrom(now);
  if (shownPath(typed.parent_path()) == shownPath(m_path.parent_path())) {
    return m_path.parent_path() / typed.filename();
  }
  std::error_code ignored;
  return std::filesystem::absolute(typed, ignored).lexically_normal();
}

}  // namespace argand::ui
