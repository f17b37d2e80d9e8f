// SPDX-License-Identifier: Apache-2.0
#include "ui/panels/organ_delegate.h"

#include "ui/session/organ_list_model.h"
#include "ui/style/style.h"

#include <QPainter>
#include <QTableView>

namespace argand::ui {
namespace {

constexpr int kSwatch = 13;
constexpr int kMark = 16;
constexpr int kMargin = 6;
constexpr int kMarkPitch = kMark + 2;

void paintBackground(QPainter& painter, const QStyleOptionViewItem& option) {
  if ((option.state & QStyle::State_Selected) != 0) {
    painter.fillRect(option.rect, QColor(0x2f, 0x4f, 0x7a));
  } else if ((option.state & QStyle::State_MouseOver) != 0) {
    painter.fillRect(option.rect, QColor(0x26, 0x2b, 0x32));
  }
}

QRect squareAt(int left, const QRect& row, int side) {
  return {left, row.center().y() - side / 2 + 1, side, side};
}

void paintText(QPainter& painter,
               const QStyleOptionViewItem& option,
               const QRect& place,
               const QString& text,
               const QColor& colour,
               Qt::Alignment alignment) {
  painter.setPen(colour);
  painter.drawText(place,
                   int(alignment | Qt::AlignVCenter),
                   option.fontMetrics.elidedText(text, Qt::ElideRight, place.width()));
}

void paintReview(QPainter& painter, const QRect& place, ReviewState state) {
  switch (state) {
    case ReviewState::NotStarted:
      break;
    case ReviewState::InProgress:
      painter.setPen(QPen(colours::kWarning, 1.6));
      painter.drawEllipse(QRectF(place).adjusted(4, 4, -4, -4));
      break;
    case ReviewState::Completed:
      painter.setPen(QPen(colours::kGood, 2.0, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
      painter.drawPolyline(QPolygonF({place.topLeft() + QPointF(3, 8.5),
                                      place.topLeft() + QPointF(6.5, 12),
                                      place.topLeft() + QPointF(13, 4.5)}));
      break;
    case ReviewState::Flagged:
      painter.setPen(QPen(colours::kBad, 1.6));
      painter.setBrush(colours::kBad);
      painter.drawLine(place.topLeft() + QPointF(4, 2.5), place.topLeft() + QPointF(4, 14));
      painter.drawPolygon(QPolygonF({place.topLeft() + QPointF(4, 3),
                                     place.topLeft() + QPointF(13, 5.5),
                                     place.topLeft() + QPointF(4, 9)}));
      break;
  }
}

}  // namespace

void OrganDelegate::paint(QPainter* painter,
                          const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  paintBackground(*painter, option);
  const bool visible = index.data(OrganListModel::VisibleRole).toBool();
  const QColor textColour = visible ? colours::kText : QColor(0x78, 0x80, 0x8c);
  const QString text = index.data(Qt::DisplayRole).toString();
  QRect place = option.rect.adjusted(kMargin, 0, -kMargin, 0);
  switch (index.column()) {
    case OrganListModel::Eye: {
      const QRect eye = squareAt(option.rect.center().x() - 8, option.rect, 17);
      icon(visible ? QStringLiteral("eye") : QStringLiteral("eye-off")).paint(painter, eye);
      break;
    }
    case OrganListModel::Name: {
      const QRect swatch = squareAt(place.left(), place, kSwatch);
      const QColor colour = QColor::fromRgb(index.data(OrganListModel::ColorRole).toUInt());
      painter->setPen(QPen(colour.lighter(130), 1.0));
      painter->setBrush(visible ? QBrush(colour) : QBrush(Qt::NoBrush));
      painter->drawRoundedRect(QRectF(swatch).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
      place.setLeft(swatch.right() + 9);
      paintText(*painter, option, place, text, textColour, Qt::AlignLeft);
      break;
    }
    case OrganListModel::VolumeMl:
      paintText(*painter, option, place, text, textColour, Qt::AlignRight);
      break;
    default: {
      const auto review = static_cast<ReviewState>(index.data(OrganListModel::ReviewRole).toInt());
      int right = place.right();
      if (review != ReviewState::NotStarted) {
        paintReview(*painter, squareAt(right - kMark + 1, place, kMark), review);
        right -= kMarkPitch;
      }
      if (index.data(OrganListModel::LockedRole).toBool()) {
        icon(QStringLiteral("lock")).paint(painter, squareAt(right - kMark + 1, place, kMark));
        right -= kMarkPitch;
      }
      place.setRight(right);
      paintText(*painter, option, place, text, colours::kQuiet, Qt::AlignLeft);
    }
  }
  painter->restore();
}

QSize OrganDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const QString text = index.data(Qt::DisplayRole).toString();
  int width = option.fontMetrics.horizontalAdvance(text) + 2 * kMargin + 1;
  if (index.column() == OrganListModel::State) {
    const auto review = static_cast<ReviewState>(index.data(OrganListModel::ReviewRole).toInt());
    width += review != ReviewState::NotStarted ? kMarkPitch : 0;
    width += index.data(OrganListModel::LockedRole).toBool() ? kMarkPitch : 0;
  }
  return {width, option.fontMetrics.height()};
}

void OrganDelegate::updateEditorGeometry(QWidget* editor,
                                         const QStyleOptionViewItem& option,
                                         const QModelIndex& /*index*/) const {
  editor->setGeometry(option.rect.adjusted(kSwatch + 10, 1, -1, -1));
}

}  // namespace argand::ui
