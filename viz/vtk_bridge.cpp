// SPDX-License-Identifier: Apache-2.0
#include "viz/vtk_bridge.h"

#include <vtkAOSDataArrayTemplate.h>
#include <vtkCallbackCommand.h>
#include <vtkNew.h>
#include <vtkPointData.h>

namespace argand::viz {

namespace {

// The buffer lives as long as the command does, and the command as long as the
// array that it observes.
void holdAlive(vtkDataArray& array, const Volume::Buffer& buffer) {
  vtkNew<vtkCallbackCommand> holder;
  holder->SetClientData(new Volume::Buffer(buffer));
  holder->SetClientDataDeleteCallback(
      [](void* data) { delete static_cast<Volume::Buffer*>(data); });
  array.AddObserver(vtkCommand::DeleteEvent, holder);
}

}  // namespace

vtkSmartPointer<vtkImageData> imageDataFrom(const Volume& volume) {
  const Size3& size = volume.geometry().size;
  auto image = vtkSmartPointer<vtkImageData>::New();
  image->SetDimensions(
      static_cast<int>(size.i), static_cast<int>(size.j), static_cast<int>(size.k));
  volume.visit([&](auto voxels) {
    using T = std::remove_const_t<typename decltype(voxels)::element_type>;
    vtkNew<vtkAOSDataArrayTemplate<T>> array;
    // VTK has no read-only arrays; no filter of ours writes to its input.
    array->SetArray(const_cast<T*>(voxels.data()), static_cast<vtkIdType>(voxels.size()), 1);
    holdAlive(*array, volume.buffer());
    image->GetPointData()->SetScalars(array);
  });
  return image;
}

vtkSmartPointer<vtkMatrix4x4> matrixFrom(const Affine& affine) {
  auto matrix = vtkSmartPointer<vtkMatrix4x4>::New();
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      matrix->SetElement(
          row,
          column,
          affine.linear[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)]);
    }
    matrix->SetElement(row, 3, affine.offset[row]);
  }
  return matrix;
}

}  // namespace argand::viz
