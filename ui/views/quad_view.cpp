// SPDX-License-Identifier: Apache-2.0
#include "ui/views/quad_view.h"

#include "ui/session/window_presets.h"
#include "ui/views/view_style.h"

#include <QActionGroup>
#include <QGridLayout>
#include <QMenu>
#include <QPainter>

#include <algorithm>

namespace argand::ui {
namespace {

constexpr int kFramePx = 2;
constexpr int kSpacingPx = 3;

QString fromView(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace

// A view with its coloured border and name; brighter where the keys go.
class QuadView::Frame : public QWidget {
 public:
  Frame(QWidget& view, const QColor& color, QWidget* parent)
      : QWidget(parent), m_view(&view), m_color(color) {
    auto* layout = new QGridLayout(this);
    layout->setContentsMargins(kFramePx, kFramePx, kFramePx, kFramePx);
    layout->addWidget(&view);
  }

  [[nodiscard]] QWidget* view() const { return m_view; }

  void setActive(bool active) {
    if (active != m_active) {
      m_active = active;
      update();
    }
  }

 protected:
  void paintEvent(QPaintEvent* /*event*/) override {
    QPainter painter(this);
    painter.fillRect(rect(), m_active ? m_color : m_color.darker(190));
  }

 private:
  QWidget* m_view;
  QColor m_color;
  bool m_active = false;
};

QuadView::QuadView(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setObjectName(QStringLiteral("quadView"));
  const std::array planes{viz::ViewPlane::Axial, viz::ViewPlane::Sagittal, viz::ViewPlane::Coronal};
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setSpacing(kSpacingPx);
  for (std::size_t n = 0; n < planes.size(); ++n) {
    auto* view = new SliceView(session, planes[n]);
    m_sliceViews[n] = view;
    m_frames[n] = framed(*view, planeColor(planes[n]));
    connect(view, &SliceView::activated, this, [this, view] { activate(*view); });
    connect(view, &SliceView::maximizeRequested, this, [this, view] { maximize(*view); });
    connect(view, &SliceView::menuRequested, this, [this, view](const QPoint& at) {
      showSliceMenu(*view, at);
    });
    connect(view, &SliceView::pointerMoved, this, [this](const std::optional<Vec3>& lps) {
      for (SliceView* one : m_sliceViews) {
        one->setPointer(lps);
      }
      emit pointerMoved(lps);
    });
  }
  m_volumeView = new VolumeView(session);
  m_frames[3] = framed(*m_volumeView, volumeColor());
  connect(m_volumeView, &VolumeView::activated, this, [this] { activate(*m_volumeView); });
  connect(m_volumeView, &VolumeView::maximizeRequested, this, [this] { maximize(*m_volumeView); });
  connect(m_volumeView, &VolumeView::menuRequested, this, &QuadView::showVolumeMenu);
  for (int n = 0; n < 4; ++n) {
    grid->addWidget(m_frames[static_cast<std::size_t>(n)], n / 2, n % 2);
    grid->setRowStretch(n / 2, 1);
    grid->setColumnStretch(n % 2, 1);
  }
  activate(*m_sliceViews[0]);
}

QuadView::~QuadView() = default;

QuadView::Frame* QuadView::framed(QWidget& view, const QColor& color) {
  return new Frame(view, color, this);
}

SliceView& QuadView::sliceView(viz::ViewPlane plane) const {
  return **std::find_if(m_sliceViews.begin(), m_sliceViews.end(), [&](const SliceView* view) {
    return view->plane() == plane;
  });
}

SliceView& QuadView::activeSliceView() const {
  return *m_activeSlice;
}

void QuadView::activate(QWidget& view) {
  m_active = &view;
  if (auto* slices = qobject_cast<SliceView*>(&view)) {
    m_activeSlice = slices;
  }
  for (Frame* frame : m_frames) {
    if (frame != nullptr) {
      frame->setActive(frame->view() == m_active);
    }
  }
}

void QuadView::maximize(QWidget& view) {
  m_maximized = m_maximized == nullptr ? &view : nullptr;
  for (Frame* frame : m_frames) {
    frame->setVisible(m_maximized == nullptr || frame->view() == m_maximized);
  }
  // A hidden view's row and column give their room away.
  auto* grid = static_cast<QGridLayout*>(layout());
  for (int line = 0; line < 2; ++line) {
    const auto shown = [&](int n) { return !m_frames[static_cast<std::size_t>(n)]->isHidden(); };
    grid->setRowStretch(line, shown(2 * line) || shown(2 * line + 1) ? 1 : 0);
    grid->setColumnStretch(line, shown(line) || shown(line + 2) ? 1 : 0);
  }
}

void QuadView::toggleMaximized() {
  maximize(m_maximized != nullptr ? *m_maximized : *m_active);
}

void QuadView::setHighlighted(StructureId id) {
  for (SliceView* view : m_sliceViews) {
    view->setHighlighted(id);
  }
}

void QuadView::showSliceMenu(SliceView& view, const QPoint& at) {
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  const auto toggle = [&](const QString& text, bool DisplayState::*field) {
    QAction* action = menu->addAction(text);
    action->setCheckable(true);
    action->setChecked(m_session.display().*field);
    connect(action, &QAction::toggled, this, [this, field](bool on) {
      DisplayState display = m_session.display();
      display.*field = on;
      m_session.setDisplay(display);
    });
  };
  if (const auto presets = windowPresets(m_session.volume()->modality); !presets.empty()) {
    QMenu* windows = menu->addMenu(tr("Window"));
    for (const WindowPreset& preset : presets) {
      QAction* action =
          windows->addAction(QStringLiteral("%1\t%2").arg(preset.name).arg(preset.key));
      connect(action, &QAction::triggered, this, [this, key = preset.key] {
        m_session.applyPreset(key);
      });
    }
  }
  connect(menu->addAction(tr("Window of the Study\t0")), &QAction::triggered, this, [this] {
    m_session.applyPreset(0);
  });
  connect(menu->addAction(tr("Whole Slice\tR")), &QAction::triggered, &view, &SliceView::resetView);
  connect(menu->addAction(maximized() ? tr("All Views") : tr("Only This View")),
          &QAction::triggered,
          this,
          [this, &view] { maximize(view); });
  menu->addSeparator();
  toggle(tr("Organs\tV"), &DisplayState::organsVisible);
  toggle(tr("Outlines\tO"), &DisplayState::overlayOutline);
  toggle(tr("Crosshair\tX"), &DisplayState::crosshairVisible);
  toggle(tr("Interpolate"), &DisplayState::interpolate);
  toggle(tr("Hide Patient Data"), &DisplayState::patientDataHidden);
  menu->popup(at);
}

void QuadView::showVolumeMenu(const QPoint& at) {
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  const std::array<std::pair<QString, viz::ViewDirection>, 6> directions{{
      {tr("From the Front"), viz::ViewDirection::Anterior},
      {tr("From Behind"), viz::ViewDirection::Posterior},
      {tr("From the Left"), viz::ViewDirection::Left},
      {tr("From the Right"), viz::ViewDirection::Right},
      {tr("From the Head"), viz::ViewDirection::Head},
      {tr("From the Feet"), viz::ViewDirection::Feet},
  }};
  for (const auto& [text, direction] : directions) {
    connect(menu->addAction(text), &QAction::triggered, this, [this, where = direction] {
      m_volumeView->lookFrom(where);
    });
  }
  menu->addSeparator();
  QMenu* image = menu->addMenu(tr("Image"));
  auto* group = new QActionGroup(image);
  for (const viz::VolumePreset preset : {viz::VolumePreset::None,
                                         viz::VolumePreset::Bone,
                                         viz::VolumePreset::SoftTissue,
                                         viz::VolumePreset::Vessels,
                                         viz::VolumePreset::Lung}) {
    QAction* action = image->addAction(fromView(viz::toString(preset)));
    action->setCheckable(true);
    action->setChecked(preset == m_volumeView->volumePreset());
    group->addAction(action);
    connect(action, &QAction::triggered, this, [this, preset] {
      m_volumeView->setVolumePreset(preset);
    });
  }
  connect(menu->addAction(maximized() ? tr("All Views") : tr("Only This View")),
          &QAction::triggered,
          this,
          [this] { maximize(*m_volumeView); });
  menu->popup(at);
}

}  // namespace argand::ui
