// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/volume/volume.h"

#include <vtkImageData.h>
#include <vtkMatrix4x4.h>
#include <vtkSmartPointer.h>

namespace argand::viz {

// The volume as VTK sees it: the same buffer (held as long as the image data
// lives), in INDEX space: origin 0, spacing 1. Where it lies in the patient is
// said by matrixFrom(geometry.lpsFromIndex); not every filter of VTK honours
// a direction matrix, and none a sheared one. The world of our scenes is LPS mm.
[[nodiscard]] vtkSmartPointer<vtkImageData> imageDataFrom(const Volume& volume);

[[nodiscard]] vtkSmartPointer<vtkMatrix4x4> matrixFrom(const Affine& affine);

}  // namespace argand::viz
