// SPDX-License-Identifier: Apache-2.0
#include "ui/dialogs/model_text.h"

#include "ui/session/text.h"

#include <QCoreApplication>
#include <QLocale>
#include <QStringList>

namespace argand::ui {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("ModelText", text);
}

QString escaped(const std::string& utf8) {
  return textOf(utf8).toHtmlEscaped();
}

QString number(double value, int decimals) {
  return QLocale::c().toString(value, 'f', decimals);
}

QString row(const QString& name, const QString& value) {
  return value.isEmpty() ? QString()
                         : QStringLiteral(
                               "<tr><td style='color:#97a0ad; padding:2px 12px 2px 0'>%1"
                               "</td><td style='padding:2px 0'>%2</td></tr>")
                               .arg(name, value);
}

QString inputs(const infer::ModelCard& card) {
  QStringList parts;
  for (const infer::ModelInput& input : card.inputs) {
    parts
        << (escaped(std::string(toString(input.modality))) + u' ' + escaped(input.name)).trimmed();
  }
  return parts.join(QStringLiteral(", "));
}

QString metrics(const infer::ModelCard& card) {
  QStringList parts;
  const auto dice =
      card.metrics.is_object() ? card.metrics.find("validation_dice") : card.metrics.end();
  if (dice != card.metrics.end() && dice->is_object()) {
    for (const auto& [name, value] : dice->items()) {
      if (value.is_number()) {
        parts << QStringLiteral("%1 %2").arg(escaped(name), number(value.get<double>(), 3));
      }
    }
  }
  return parts.join(QStringLiteral(", "));
}

}  // namespace

QString modelText(const infer::ModelCard& card) {
  QStringList structures;
  for (const infer::ModelStructure& structure : card.structures) {
    structures << escaped(structure.name) + (structure.sided ? tr(" (left or right)") : QString());
  }
  const Vec3& extent = card.trainedExtentMm;
  QString html = QStringLiteral("<p>%1</p><table cellspacing='0'>").arg(escaped(card.description));
  html += row(tr("Intended use"), escaped(card.intendedUse));
  html += row(tr("Takes"), inputs(card));
  html += row(tr("Region"), escaped(card.bodyRegion));
  html += row(tr("Finds"), structures.join(QStringLiteral(", ")));
  html += row(tr("Grid"),
              tr("%1 x %2 x %3 mm voxels, up to %4 x %5 x %6 mm")
                  .arg(number(card.spacingMm.x, 2),
                       number(card.spacingMm.y, 2),
                       number(card.spacingMm.z, 2),
                       number(extent.x, 0),
                       number(extent.y, 0),
                       number(extent.z, 0)));
  html += row(tr("Validation Dice"), metrics(card));
  html += row(tr("Network"), escaped(card.network));
  html += row(tr("Licence"), escaped(card.license));
  html += row(tr("Data"), escaped(card.attribution));
  html += row(tr("Made from"), escaped(card.parent));
  html += row(tr("Weights"), escaped(card.weightsSha256.substr(0, 16)));
  return html + QStringLiteral("</table>");
}

}  // namespace argand::ui
