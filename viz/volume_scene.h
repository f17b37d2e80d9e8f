// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/segmentation.h"
#include "core/volume/volume.h"
#include "viz/surface.h"

#include <memory>
#include <optional>
#include <string_view>

class vtkRenderWindow;

namespace argand::viz {

// How the image itself is drawn in 3D, besides the surfaces.
enum class VolumePreset { None, Bone, SoftTissue, Vessels, Lung };

[[nodiscard]] std::string_view toString(VolumePreset preset);

enum class ViewDirection { Anterior, Posterior, Left, Right, Head, Feet };

// The 3D view: surfaces of structures, optionally the image by ray casting, the
// outline of the grid, the cursor and a cube with the patient's letters. Its
// world is LPS millimetres. It starts from the anterior view, head up.
//
// Everything is called on the thread of the render window's context.
class VolumeScene {
 public:
  VolumeScene();
  ~VolumeScene();
  VolumeScene(const VolumeScene&) = delete;
  VolumeScene& operator=(const VolumeScene&) = delete;

  // The window that draws the scene; it must outlive the scene or be detached.
  void attach(vtkRenderWindow& window);
  void detach();

  // Takes the grid's outline from the volume and looks at it from the front where
  // the grid is another one. Surfaces are removed. Null empties the scene.
  void setVolume(std::shared_ptr<const Volume> volume);

  void setSurface(StructureId id, const SurfaceMesh& mesh);
  void setAppearance(StructureId id, const Color& color, bool visible, double opacity = 1.0);
  void removeSurface(StructureId id);
  void removeSurfaces();
  [[nodiscard]] std::size_t surfaceCount() const;

  void setVolumePreset(VolumePreset preset);
  [[nodiscard]] VolumePreset volumePreset() const;

  void setCursor(const std::optional<Vec3>& lpsMm);

  // Camera. Distances are pixels of the viewport, y down.
  void lookFrom(ViewDirection direction);
  void resetCamera();
  void rotate(double dx, double dy);
  void pan(double dx, double dy);
  void zoom(double factor);

  // While true: fewer triangles and rays, so that movement stays fluid.
  void setMoving(bool moving);

  // Draws into the attached window.
  void render();

  // The point of a surface under a pixel of the window (y down), where there is one.
  [[nodiscard]] std::optional<Vec3> pick(int x, int y);

 private:
  struct Parts;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace argand::viz
