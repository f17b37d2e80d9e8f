// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"

#include <QElapsedTimer>
#include <QString>

namespace argand::ui {

// Turns progress into a line for the person: stage, detail and, once it can be
// told, how long the stage still takes at the pace it has had.
class StageClock {
 public:
  [[nodiscard]] QString line(const Progress& progress);

 private:
  QElapsedTimer m_timer;
  std::string m_stage;
};

}  // namespace argand::ui
