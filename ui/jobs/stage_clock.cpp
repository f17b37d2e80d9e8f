// SPDX-License-Identifier: Apache-2.0
#include "ui/jobs/stage_clock.h"

#include <QCoreApplication>

namespace argand::ui {

QString StageClock::line(const Progress& progress) {
  if (progress.stage != m_stage || !m_timer.isValid() || progress.fraction <= 0.0) {
    m_stage = progress.stage;
    m_timer.start();
  }
  QString text = QString::fromStdString(progress.stage);
  if (!progress.detail.empty()) {
    text += QStringLiteral(", ") + QString::fromStdString(progress.detail);
  }
  // A pace taken from less than this jumps about too much to be of use.
  constexpr double kLeastSeconds = 2.0;
  constexpr double kLeastFraction = 0.05;
  const double spent = double(m_timer.elapsed()) / 1000.0;
  if (spent > kLeastSeconds && progress.fraction > kLeastFraction && progress.fraction < 1.0) {
    const double left = spent * (1.0 - progress.fraction) / progress.fraction;
    text += QCoreApplication::translate("StageClock", ", %1 s left").arg(int(left + 1.0));
  }
  return text;
}

}  // namespace argand::ui
