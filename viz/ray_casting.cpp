// SPDX-License-Identifier: Apache-2.0
#include "viz/ray_casting.h"

#include "viz/vtk_bridge.h"

#include <vtkColorTransferFunction.h>
#include <vtkFixedPointVolumeRayCastMapper.h>
#include <vtkImageShrink3D.h>
#include <vtkNew.h>
#include <vtkPiecewiseFunction.h>
#include <vtkVolumeProperty.h>

#include <algorithm>
#include <cmath>

namespace argand::viz {

namespace {

// Beyond it, every second voxel (or third...) along each axis is enough to look at.
constexpr std::int64_t kMaxVoxels = 24'000'000;
constexpr float kMovingSamplePx = 4.0F;

const Color kBoneWhite{238, 226, 200};
const Color kBoneTan{196, 160, 118};
const Color kSkin{226, 176, 148};
const Color kMuscle{182, 84, 70};
const Color kBlood{206, 56, 46};
const Color kLungBlue{150, 186, 214};
const Color kAirDark{60, 74, 92};

std::vector<TransferPoint> hounsfield(VolumePreset preset) {
  switch (preset) {
    case VolumePreset::Bone:
      return {{150, kBoneTan, 0.0},
              {300, kBoneTan, 0.25},
              {700, kBoneWhite, 0.8},
              {1500, kBoneWhite, 0.9}};
    case VolumePreset::SoftTissue:
      return {{-120, kSkin, 0.0},
              {-20, kSkin, 0.06},
              {60, kMuscle, 0.18},
              {220, kBoneTan, 0.4},
              {900, kBoneWhite, 0.85}};
    case VolumePreset::Vessels:
      return {{130, kBlood, 0.0},
              {200, kBlood, 0.35},
              {400, kBlood, 0.6},
              {700, kBoneWhite, 0.7},
              {1500, kBoneWhite, 0.8}};
    case VolumePreset::Lung:
      return {{-990, kAirDark, 0.0},
              {-900, kAirDark, 0.004},
              {-700, kLungBlue, 0.03},
              {-500, kLungBlue, 0.12},
              {-300, kLungBlue, 0.02},
              {-200, kLungBlue, 0.0}};
    case VolumePreset::None:
      break;
  }
  return {};
}

// For images whose values have no unit: shares of the percentile range.
std::vector<TransferPoint> relative(VolumePreset preset) {
  switch (preset) {
    case VolumePreset::Bone:
      return {{0.55, kBoneTan, 0.0}, {0.7, kBoneTan, 0.3}, {1.0, kBoneWhite, 0.8}};
    case VolumePreset::SoftTissue:
      return {{0.12, kSkin, 0.0}, {0.3, kSkin, 0.12}, {0.6, kMuscle, 0.3}, {1.0, kBoneWhite, 0.6}};
    case VolumePreset::Vessels:
      return {{0.6, kBlood, 0.0}, {0.8, kBlood, 0.4}, {1.0, kBoneWhite, 0.8}};
    case VolumePreset::Lung:
      return {{0.02, kAirDark, 0.0},
              {0.08, kLungBlue, 0.05},
              {0.2, kLungBlue, 0.08},
              {0.3, kLungBlue, 0.0}};
    case VolumePreset::None:
      break;
  }
  return {};
}

int shrinkFactor(const Volume& volume) {
  const auto voxels = static_cast<double>(volume.geometry().size.voxels());
  return std::max(1, static_cast<int>(std::ceil(std::cbrt(voxels / double{kMaxVoxels}))));
}

}  // namespace

std::string_view toString(VolumePreset preset) {
  switch (preset) {
    case VolumePreset::Bone:
      return "Bone";
    case VolumePreset::SoftTissue:
      return "Soft tissue";
    case VolumePreset::Vessels:
      return "Vessels";
    case VolumePreset::Lung:
      return "Lung";
    case VolumePreset::None:
      break;
  }
  return "Surfaces only";
}

std::vector<TransferPoint> transferOf(VolumePreset preset, const Volume& volume) {
  if (volume.modality == Modality::Ct) {
    return hounsfield(preset);
  }
  std::vector<TransferPoint> points = relative(preset);
  const Volume::Range& range = volume.range();
  for (TransferPoint& point : points) {
    point.value = range.low + point.value * (range.high - range.low);
  }
  return points;
}

void RayCasting::show(vtkRenderer& renderer, const Volume& volume, VolumePreset preset) {
  clear(renderer);
  vtkNew<vtkColorTransferFunction> color;
  vtkNew<vtkPiecewiseFunction> opacity;
  for (const TransferPoint& point : transferOf(preset, volume)) {
    color->AddRGBPoint(
        point.value, point.color.red / 255.0, point.color.green / 255.0, point.color.blue / 255.0);
    opacity->AddPoint(point.value, point.opacity);
  }
  vtkNew<vtkVolumeProperty> property;
  property->SetColor(color);
  property->SetScalarOpacity(opacity);
  property->SetInterpolationTypeToLinear();
  property->ShadeOn();
  property->SetAmbient(0.15);
  property->SetDiffuse(0.85);
  property->SetSpecular(0.15);
  // Opacity is per voxel step, whatever the millimetres of a voxel.
  const Geometry& geometry = volume.geometry();
  const int factor = shrinkFactor(volume);
  property->SetScalarOpacityUnitDistance(factor);

  m_mapper = vtkSmartPointer<vtkFixedPointVolumeRayCastMapper>::New();
  if (factor > 1) {
    vtkNew<vtkImageShrink3D> shrink;
    shrink->SetInputData(imageDataFrom(volume));
    shrink->SetShrinkFactors(factor, factor, factor);
    shrink->AveragingOn();
    shrink->Update();
    m_mapper->SetInputData(shrink->GetOutput());
  } else {
    m_mapper->SetInputData(imageDataFrom(volume));
  }
  m_mapper->AutoAdjustSampleDistancesOff();
  m_prop = vtkSmartPointer<vtkVolume>::New();
  m_prop->SetMapper(m_mapper);
  m_prop->SetProperty(property);
  m_prop->SetUserMatrix(matrixFrom(geometry.lpsFromIndex));
  m_prop->PickableOff();
  setMoving(false);
  renderer.AddVolume(m_prop);
}

void RayCasting::clear(vtkRenderer& renderer) {
  if (m_prop != nullptr) {
    renderer.RemoveVolume(m_prop);
  }
  m_prop = nullptr;
  m_mapper = nullptr;
}

void RayCasting::setMoving(bool moving) {
  if (m_mapper != nullptr) {
    m_mapper->SetImageSampleDistance(moving ? kMovingSamplePx : 1.0F);
    m_mapper->SetSampleDistance(moving ? 2.0F : 0.8F);
  }
}

}  // namespace argand::viz
