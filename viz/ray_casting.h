// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/volume.h"
#include "viz/volume_scene.h"

#include <vtkRenderer.h>
#include <vtkSmartPointer.h>
#include <vtkVolume.h>

#include <vector>

class vtkFixedPointVolumeRayCastMapper;

namespace argand::viz {

// How a value is drawn by ray casting.
struct TransferPoint {
  double value = 0.0;
  Color color;
  double opacity = 0.0;
};

// The transfer function of a preset for a volume: Hounsfield units for CT; for
// images without a unit the same shape over the 0.1 to 99.9 percentile range.
[[nodiscard]] std::vector<TransferPoint> transferOf(VolumePreset preset, const Volume& volume);

// The image itself in the 3D view. Cast on the CPU, by all cores: that is as
// fast on a machine without a graphics card and looks the same everywhere.
class RayCasting {
 public:
  void show(vtkRenderer& renderer, const Volume& volume, VolumePreset preset);
  void clear(vtkRenderer& renderer);
  void setMoving(bool moving);

 private:
  vtkSmartPointer<vtkVolume> m_prop;
  vtkSmartPointer<vtkFixedPointVolumeRayCastMapper> m_mapper;
};

}  // namespace argand::viz
