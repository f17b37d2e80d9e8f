// SPDX-License-Identifier: Apache-2.0
#include "ui/panels/study_panel.h"

#include "ui/session/study_model.h"
#include "ui/style/style.h"

#include <QImage>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>

namespace argand::ui {
namespace {

constexpr int kPicture = 48;
constexpr int kMargin = 6;

QImage imageOf(const Thumbnail& thumbnail) {
  return QImage(reinterpret_cast<const uchar*>(thumbnail.pixels.constData()),
                thumbnail.width,
                thumbnail.height,
                thumbnail.width,
                QImage::Format_Grayscale8)
      .copy();
}

// Picture, name and detail of a series; name and detail of a study.
class EntryDelegate : public QStyledItemDelegate {
 public:
  EntryDelegate(const StudyModel& studies, QObject* parent)
      : QStyledItemDelegate(parent), m_studies(studies) {}

  [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option,
                               const QModelIndex& index) const override {
    const bool series = index.parent().isValid();
    const int lines = 2 * option.fontMetrics.height();
    return {120, (series ? std::max(kPicture, lines) : lines) + 2 * kMargin};
  }

  void paint(QPainter* painter,
             const QStyleOptionViewItem& option,
             const QModelIndex& index) const override {
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const bool series = index.parent().isValid();
    const bool shown = index.data(StudyModel::ShownRole).toBool();
    if (shown || (option.state & QStyle::State_MouseOver) != 0) {
      painter->setPen(Qt::NoPen);
      painter->setBrush(shown ? QColor(0x2b, 0x3d, 0x57) : QColor(0x26, 0x2b, 0x32));
      painter->drawRoundedRect(option.rect.adjusted(2, 1, -4, -1), 5, 5);
    }
    QRect text = option.rect.adjusted(kMargin, kMargin, -kMargin - 4, -kMargin);
    if (series) {
      paintPicture(*painter, QRect(text.left(), text.top(), kPicture, kPicture), index);
      text.setLeft(text.left() + kPicture + 8);
    }
    if (!index.data(StudyModel::WarningsRole).toStringList().isEmpty()) {
      constexpr int kMark = 16;
      icon(QStringLiteral("warning"))
          .paint(painter, text.right() - kMark + 1, text.top(), kMark, kMark);
      text.setRight(text.right() - kMark - 4);
    }
    if (!index.data(StudyModel::UnexportedRole).toStringList().isEmpty()) {
      constexpr int kDot = 9;
      painter->setPen(Qt::NoPen);
      painter->setBrush(colours::kWarning);
      painter->drawEllipse(QRect(text.right() - kDot, text.bottom() - kDot - 2, kDot, kDot));
      text.setRight(text.right() - kDot - 6);
    }
    paintText(*painter, option, text, index, series);
    painter->restore();
  }

 private:
  void paintPicture(QPainter& painter, const QRect& frame, const QModelIndex& index) const {
    QPainterPath outline;
    outline.addRoundedRect(frame, 4, 4);
    painter.fillPath(outline, QColor(0x0e, 0x10, 0x12));
    if (const Thumbnail* found = m_studies.thumbnail(index.data(StudyModel::KeyRole).toString())) {
      const QImage image = imageOf(*found);
      const QSize size = image.size().scaled(frame.size(), Qt::KeepAspectRatio);
      QRect place(QPoint(), size);
      place.moveCenter(frame.center());
      painter.setClipPath(outline);
      painter.setRenderHint(QPainter::SmoothPixmapTransform);
      painter.drawImage(place, image);
      painter.setClipping(false);
      return;
    }
    const auto kind = static_cast<dicom::ObjectKind>(index.data(StudyModel::KindRole).toInt());
    const QString name =
        kind == dicom::ObjectKind::Image ? QStringLiteral("window") : QStringLiteral("outline");
    icon(name).paint(&painter, frame.adjusted(12, 12, -12, -12));
  }

  static void paintText(QPainter& painter,
                        const QStyleOptionViewItem& option,
                        const QRect& text,
                        const QModelIndex& index,
                        bool series) {
    QFont font = option.font;
    font.setWeight(series ? QFont::Normal : QFont::DemiBold);
    const QFontMetrics metrics(font);
    const QString name = index.data(Qt::DisplayRole).toString();
    const QString detail = index.data(StudyModel::DetailRole).toString();
    const int height = metrics.height() * (detail.isEmpty() ? 1 : 2);
    QRect line(
        text.left(), text.top() + (text.height() - height) / 2, text.width(), metrics.height());
    painter.setFont(font);
    painter.setPen(colours::kText);
    painter.drawText(
        line, Qt::AlignVCenter, metrics.elidedText(name, Qt::ElideMiddle, line.width()));
    line.translate(0, metrics.height());
    painter.setFont(option.font);
    painter.setPen(colours::kQuiet);
    painter.drawText(line,
                     Qt::AlignVCenter,
                     option.fontMetrics.elidedText(detail, Qt::ElideRight, line.width()));
  }

  const StudyModel& m_studies;
};

}  // namespace

StudyPanel::StudyPanel(StudyModel& studies, QWidget* parent)
    : QWidget(parent), m_studies(studies), m_tree(new QTreeView(this)) {
  setObjectName(QStringLiteral("studyPanel"));
  m_tree->setObjectName(QStringLiteral("studyTree"));
  m_tree->setModel(&studies);
  m_tree->setHeaderHidden(true);
  m_tree->setRootIsDecorated(false);
  m_tree->setIndentation(8);
  m_tree->setItemDelegate(new EntryDelegate(studies, m_tree));
  m_tree->setSelectionMode(QAbstractItemView::NoSelection);
  m_tree->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_tree->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_tree->setFocusPolicy(Qt::NoFocus);  // arrow keys turn slices, wherever the mouse was last
  m_tree->setMouseTracking(true);
  m_tree->setExpandsOnDoubleClick(false);
  m_hint = roleLabel(tr("Open a study with Ctrl+O, or drop a folder or a file here.\n\n"
                        "DICOM, NIfTI, NRRD and MetaImage."),
                     "quiet",
                     this);
  m_hint->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  m_hint->setContentsMargins(14, 14, 14, 14);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_hint, 1);
  layout->addWidget(m_tree, 1);
  m_refused = new QPushButton(this);
  m_refused->setObjectName(QStringLiteral("refusedFiles"));
  m_refused->setFlat(true);
  m_refused->setFocusPolicy(Qt::NoFocus);
  m_refused->setIcon(icon(QStringLiteral("warning")));
  layout->addWidget(m_refused);
  connect(m_refused, &QPushButton::clicked, this, [this] {
    emit notesRequested(tr("Files that could not be used"), m_studies.refused());
  });
  connect(&studies, &StudyModel::modelReset, this, &StudyPanel::refresh);
  connect(m_tree, &QTreeView::clicked, this, [this](const QModelIndex& index) {
    if (const QString key = index.data(StudyModel::KeyRole).toString(); !key.isEmpty()) {
      emit showRequested(key);
    }
  });
  m_tree->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(m_tree, &QTreeView::customContextMenuRequested, this, &StudyPanel::contextMenu);
  refresh();
}

void StudyPanel::contextMenu(const QPoint& position) {
  const QModelIndex index = m_tree->indexAt(position);
  const QString key = index.data(StudyModel::KeyRole).toString();
  const study::Entry* entry = m_studies.entry(key);
  if (entry == nullptr) {
    return;
  }
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  menu->addAction(tr("Show"), this, [this, key] { emit showRequested(key); });
  if (const QStringList notes = index.data(StudyModel::WarningsRole).toStringList();
      !notes.isEmpty()) {
    menu->addAction(tr("Notes..."), this, [this, key, notes] {
      emit notesRequested(tr("Notes on %1").arg(m_studies.titleOf(key)), notes);
    });
  }
  if (!entry->series) {
    menu->addAction(tr("Put onto the shown study as structures"), this, [this, key] {
      emit structuresRequested(key);
    });
  }
  menu->popup(m_tree->viewport()->mapToGlobal(position));
}

void StudyPanel::refresh() {
  const bool empty = m_studies.rowCount() == 0;
  m_hint->setVisible(empty);
  m_tree->setVisible(!empty);
  m_tree->expandAll();
  const qsizetype refused = m_studies.refused().size();
  m_refused->setVisible(refused > 0);
  m_refused->setText(refused == 1 ? tr("1 file could not be used")
                                  : tr("%1 files could not be used").arg(refused));
  constexpr qsizetype kMostInTip = 12;
  m_refused->setToolTip(m_studies.refused().mid(0, kMostInTip).join(u'\n'));
}

}  // namespace argand::ui
