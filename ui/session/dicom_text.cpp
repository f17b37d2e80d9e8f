// SPDX-License-Identifier: Apache-2.0
#include "ui/session/dicom_text.h"

#include <QStringList>

namespace argand::ui {

QString personName(const QString& value) {
  QStringList parts = value.section(u'=', 0, 0).split(u'^');
  parts.removeAll(QString());
  if (parts.isEmpty()) {
    return {};
  }
  const QString family = parts.takeFirst();
  return parts.isEmpty() ? family : family + QStringLiteral(", ") + parts.join(u' ');
}

QString dateText(const QString& value) {
  return value.size() == 8 ? value.left(4) + u'-' + value.mid(4, 2) + u'-' + value.right(2) : value;
}

}  // namespace argand::ui
