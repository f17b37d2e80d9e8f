// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QOpenGLWidget>

#include <memory>

class vtkRenderWindow;

namespace argand::ui {

// The one place where VTK draws into Qt: a QOpenGLWidget whose framebuffer a
// vtkGenericOpenGLRenderWindow renders to. (VTK's own Qt module is built for Qt 5
// in Debian.) Where there is no OpenGL the widget says so instead of drawing.
class VtkWidget : public QOpenGLWidget {
  Q_OBJECT

 public:
  explicit VtkWidget(QWidget* parent = nullptr);
  ~VtkWidget() override;

  // What to set once before the first window is made: OpenGL 3.2 core, no multisampling.
  static void setDefaultFormat();

  // True once a context exists and VTK can draw into it.
  [[nodiscard]] bool ready() const;

 protected:
  // The context exists: put renderers into the window.
  virtual void attach(vtkRenderWindow& window) = 0;
  // Draw: end in window.Render().
  virtual void draw(vtkRenderWindow& window) = 0;
  // The context is going away.
  virtual void detach() = 0;

  [[nodiscard]] vtkRenderWindow* renderWindow() const;

  void initializeGL() override;
  void paintGL() override;
  void resizeGL(int width, int height) override;
  void paintEvent(QPaintEvent* event) override;

  // Releases what VTK holds; a class that implements detach() calls it in its destructor.
  void release();

 private:
  void fitWindow();

  struct Vtk;
  std::unique_ptr<Vtk> m_vtk;
};

}  // namespace argand::ui
