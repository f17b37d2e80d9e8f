// SPDX-License-Identifier: Apache-2.0
#include "ui/style/style.h"
#include "ui/views/vtk_widget.h"

#include <QApplication>
#include <QSettings>
#include <QTemporaryDir>

#include <gtest/gtest.h>

// The program as it runs, with its settings in a folder of this run's own.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  argand::ui::VtkWidget::setDefaultFormat();
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("argand"));
  QApplication::setApplicationName(QStringLiteral("argand-test"));
  const QTemporaryDir settings;
  QSettings::setDefaultFormat(QSettings::IniFormat);
  QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, settings.path());
  argand::ui::applyStyle(application);
  return RUN_ALL_TESTS();
}
