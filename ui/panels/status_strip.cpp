// SPDX-License-Identifier: Apache-2.0
#include "ui/panels/status_strip.h"

#include "core/engine/plan/devices.h"
#include "ui/session/session.h"
#include "ui/session/text.h"
#include "ui/style/style.h"

#include <QFile>
#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QStringList>
#include <QToolButton>

#include <cmath>

namespace argand::ui {
namespace {

QLabel* field(const char* name, int width, QWidget* parent) {
  QLabel* label = roleLabel({}, "quiet", parent);
  label->setObjectName(QLatin1String(name));
  label->setWordWrap(false);
  label->setTextInteractionFlags(Qt::NoTextInteraction);
  if (width > 0) {
    label->setFixedWidth(width);
  }
  return label;
}

// What this process holds in memory now, from /proc; 0 where there is none.
std::int64_t residentBytes() {
  QFile file(QStringLiteral("/proc/self/statm"));
  if (!file.open(QIODevice::ReadOnly)) {
    return 0;
  }
  const QList<QByteArray> fields = file.readAll().split(' ');
  constexpr std::int64_t kPage = 4096;
  return fields.size() > 1 ? fields[1].toLongLong() * kPage : 0;
}

// The voxel that holds the point; nothing where it lies outside.
std::optional<Index3> voxelAt(const Geometry& geometry, const Vec3& lpsMm) {
  const Vec3 index = SliceIndexer(geometry).indexAt(lpsMm);
  const Index3 voxel{std::llround(index.x), std::llround(index.y), std::llround(index.z)};
  return geometry.box().contains(voxel) ? std::optional(voxel) : std::nullopt;
}

QString valueText(const Volume& volume, const Index3& voxel) {
  const double value = volume.at(voxel);
  if (volume.modality == Modality::Ct) {
    return StatusStrip::tr("%1 HU").arg(std::llround(value));
  }
  return std::floor(value) == value && std::abs(value) < 1e9 ? QString::number(std::llround(value))
                                                             : QLocale::c().toString(value, 'g', 5);
}

QString organsAt(const Segmentation& segmentation, const Index3& voxel) {
  QStringList names;
  for (int layer = 0; layer < segmentation.layerCount(); ++layer) {
    const LabelValue label = segmentation.layer(layer).at(voxel);
    if (label == 0) {
      continue;
    }
    for (const Structure& structure : segmentation.structures()) {
      if (structure.layer == layer && structure.label == label) {
        names << textOf(structure.name);
      }
    }
  }
  return names.join(QStringLiteral(", "));
}

}  // namespace

QString positionText(const Vec3& lpsMm) {
  const auto part = [](double value, QChar positive, QChar negative) {
    return QStringLiteral("%1 %2").arg(value < 0.0 ? negative : positive,
                                       QLocale::c().toString(std::abs(value), 'f', 1));
  };
  return QStringLiteral("%1   %2   %3 mm")
      .arg(part(lpsMm.x, u'L', u'R'), part(lpsMm.y, u'P', u'A'), part(lpsMm.z, u'H', u'F'));
}

StatusStrip::StatusStrip(Session& session, JobRunner& jobs, QWidget* parent)
    : QWidget(parent),
      m_session(session),
      m_jobs(jobs),
      m_value(field("valueField", 92, this)),
      m_position(field("positionField", 212, this)),
      m_voxel(field("voxelField", 132, this)),
      m_organ(field("organField", 190, this)),
      m_notice(field("noticeField", 0, this)),
      m_task(field("taskField", 0, this)),
      m_bar(new QProgressBar(this)),
      m_cancel(new QToolButton(this)),
      m_memory(field("memoryField", 0, this)) {
  setObjectName(QStringLiteral("statusStrip"));
  m_notice->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_bar->setObjectName(QStringLiteral("taskBar"));
  m_bar->setFixedWidth(150);
  m_bar->setRange(0, 1000);
  m_cancel->setObjectName(QStringLiteral("cancelTask"));
  m_cancel->setIcon(icon(QStringLiteral("cancel")));
  m_cancel->setToolTip(tr("Cancel (Esc)"));
  m_cancel->setFocusPolicy(Qt::NoFocus);
  // The tallest of the strip keeps its place, so that the images above do not jump
  // when a task starts.
  QSizePolicy keeps = m_cancel->sizePolicy();
  keeps.setRetainSizeWhenHidden(true);
  m_cancel->setSizePolicy(keeps);
  m_memory->setToolTip(tr("Memory that Argand holds, and memory that is still free"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(8, 2, 8, 2);
  layout->setSpacing(6);
  for (QWidget* widget : {static_cast<QWidget*>(m_value),
                          static_cast<QWidget*>(m_position),
                          static_cast<QWidget*>(m_voxel),
                          static_cast<QWidget*>(m_organ)}) {
    layout->addWidget(widget);
  }
  layout->addWidget(m_notice, 1);
  layout->addWidget(m_task);
  layout->addWidget(m_bar);
  layout->addWidget(m_cancel);
  layout->addWidget(m_memory);
  for (QWidget* widget : {static_cast<QWidget*>(m_task),
                          static_cast<QWidget*>(m_bar),
                          static_cast<QWidget*>(m_cancel)}) {
    widget->hide();
  }

  connect(&session, &Session::cursorChanged, this, &StatusStrip::showPoint);
  connect(&session, &Session::pointerChanged, this, &StatusStrip::showPoint);
  connect(&session, &Session::volumeChanged, this, &StatusStrip::showPoint);
  connect(&session, &Session::segmentationChanged, this, &StatusStrip::showPoint);
  connect(&session, &Session::structuresChanged, this, &StatusStrip::showPoint);
  connect(&session, &Session::notice, this, &StatusStrip::say);
  connect(&jobs, &JobRunner::started, this, [this](const QString& title) {
    showProgress({title.toStdString(), 0.0, {}});
  });
  connect(&jobs, &JobRunner::progressed, this, &StatusStrip::showProgress);
  connect(&jobs, &JobRunner::cancelRequested, this, [this] { m_task->setText(tr("Stopping...")); });
  connect(&jobs, &JobRunner::finished, this, [this] {
    m_task->hide();
    m_bar->hide();
    m_cancel->hide();
    showMemory();
  });
  connect(m_cancel, &QToolButton::clicked, &jobs, &JobRunner::cancel);
  m_noticeTimer.setSingleShot(true);
  connect(&m_noticeTimer, &QTimer::timeout, m_notice, &QLabel::clear);
  connect(&m_memoryTimer, &QTimer::timeout, this, &StatusStrip::showMemory);
  m_memoryTimer.start(2000);
  showMemory();
}

void StatusStrip::say(const QString& sentence) {
  constexpr int kShownMs = 8000;
  m_notice->setText(
      m_notice->fontMetrics().elidedText(sentence, Qt::ElideRight, m_notice->width() - 4));
  m_notice->setToolTip(sentence);
  m_noticeTimer.start(kShownMs);
}

void StatusStrip::showPoint() {
  const auto& volume = m_session.volume();
  if (!volume) {
    return;
  }
  const Vec3 point = m_session.pointerMm().value_or(m_session.cursorMm());
  const auto voxel = voxelAt(volume->geometry(), point);
  m_position->setText(voxel ? positionText(point) : QString());
  m_value->setText(voxel ? valueText(*volume, *voxel) : QString());
  m_voxel->setText(voxel ? tr("voxel %1, %2, %3").arg(voxel->i).arg(voxel->j).arg(voxel->k)
                         : QString());
  const QString organs = voxel ? organsAt(m_session.segmentation(), *voxel) : QString();
  m_organ->setText(
      m_organ->fontMetrics().elidedText(organs, Qt::ElideRight, m_organ->width() - 12));
  m_organ->setToolTip(organs);
}

void StatusStrip::showMemory() {
  m_memory->setText(tr("Memory %1, free %2")
                        .arg(textOf(engine::formatBytes(residentBytes())),
                             textOf(engine::formatBytes(engine::freeMemoryBytes()))));
}

void StatusStrip::showProgress(const Progress& progress) {
  if (!m_jobs.busy() || m_jobs.cancelling()) {
    return;
  }
  m_task->setText(m_clock.line(progress));
  m_bar->setValue(int(progress.fraction * 1000.0));
  m_task->show();
  m_bar->show();
  m_cancel->show();
}

}  // namespace argand::ui
