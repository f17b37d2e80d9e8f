// SPDX-License-Identifier: Apache-2.0
#include "ui/views/vtk_widget.h"

#include <QOpenGLContext>
#include <QPainter>
#include <QSurfaceFormat>

#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkNew.h>
#include <vtkOpenGLState.h>

#include <cmath>

namespace argand::ui {

struct VtkWidget::Vtk {
  vtkNew<vtkGenericOpenGLRenderWindow> window;
  QMetaObject::Connection contextWatch;
  bool ready = false;
};

VtkWidget::VtkWidget(QWidget* parent) : QOpenGLWidget(parent), m_vtk(std::make_unique<Vtk>()) {
  setUpdateBehavior(QOpenGLWidget::NoPartialUpdate);
  vtkGenericOpenGLRenderWindow& window = *m_vtk->window;
  window.SetMultiSamples(0);
  window.SetOwnContext(0);
}

VtkWidget::~VtkWidget() {
  QObject::disconnect(m_vtk->contextWatch);
}

void VtkWidget::setDefaultFormat() {
  QSurfaceFormat format;
  format.setRenderableType(QSurfaceFormat::OpenGL);
  format.setVersion(3, 2);
  format.setProfile(QSurfaceFormat::CoreProfile);
  format.setDepthBufferSize(24);
  format.setAlphaBufferSize(8);
  format.setSamples(0);
  QSurfaceFormat::setDefaultFormat(format);
}

bool VtkWidget::ready() const {
  return m_vtk->ready;
}

vtkRenderWindow* VtkWidget::renderWindow() const {
  return m_vtk->window;
}

void VtkWidget::initializeGL() {
  if (context() == nullptr || !context()->isValid()) {
    return;
  }
  // Docking a view elsewhere gives it a new context: VTK lets go of the old one first.
  QObject::disconnect(m_vtk->contextWatch);
  m_vtk->contextWatch = connect(context(),
                                &QOpenGLContext::aboutToBeDestroyed,
                                this,
                                &VtkWidget::release,
                                Qt::DirectConnection);
  vtkGenericOpenGLRenderWindow& window = *m_vtk->window;
  window.SetReadyForRendering(true);
  window.SetOwnContext(0);
  window.OpenGLInitContext();
  window.SetFrameBlitModeToBlitToCurrent();
  window.SetMapped(1);
  window.SetIsCurrent(true);
  window.SetForceMaximumHardwareLineWidth(1);
  fitWindow();
  m_vtk->ready = true;
  attach(window);
}

void VtkWidget::resizeGL(int /*width*/, int /*height*/) {
  fitWindow();
}

void VtkWidget::fitWindow() {
  const double ratio = devicePixelRatioF();
  m_vtk->window->SetSize(static_cast<int>(std::lround(width() * ratio)),
                         static_cast<int>(std::lround(height() * ratio)));
  m_vtk->window->SetDPI(static_cast<int>(std::lround(96.0 * ratio)));
}

void VtkWidget::paintGL() {
  if (!m_vtk->ready) {
    return;
  }
  vtkGenericOpenGLRenderWindow& window = *m_vtk->window;
  vtkOpenGLState* state = window.GetState();
  state->Reset();
  state->Push();
  // Qt's framebuffer is what VTK blits its own into.
  state->vtkglBindFramebuffer(GL_FRAMEBUFFER, defaultFramebufferObject());
  state->ResetFramebufferBindings();
  draw(window);
  state->Pop();
}

void VtkWidget::paintEvent(QPaintEvent* event) {
  QOpenGLWidget::paintEvent(event);
  if (m_vtk->ready || context() != nullptr) {
    return;
  }
  // No OpenGL on this display: everything but the 3D view works without.
  if (QPaintEngine* engine = paintEngine(); engine == nullptr) {
    return;
  }
  QPainter painter(this);
  painter.fillRect(rect(), QColor(14, 15, 17));
  painter.setPen(QColor(170, 174, 180));
  painter.drawText(rect(), Qt::AlignCenter, tr("This display has no OpenGL."));
}

void VtkWidget::release() {
  if (!m_vtk->ready) {
    return;
  }
  makeCurrent();
  detach();
  m_vtk->window->Finalize();
  m_vtk->window->SetReadyForRendering(false);
  m_vtk->ready = false;
  doneCurrent();
}

}  // namespace argand::ui
