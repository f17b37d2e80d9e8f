// SPDX-License-Identifier: Apache-2.0
#include "viz/volume_scene.h"

#include "viz/ray_casting.h"
#include "viz/vtk_bridge.h"

#include <vtkActor.h>
#include <vtkAnnotatedCubeActor.h>
#include <vtkCamera.h>
#include <vtkCellArray.h>
#include <vtkCubeSource.h>
#include <vtkFloatArray.h>
#include <vtkNew.h>
#include <vtkOutlineFilter.h>
#include <vtkPointData.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkTransform.h>
#include <vtkTransformPolyDataFilter.h>
#include <vtkVolume.h>
#include <vtkWorldPointPicker.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace argand::viz {

namespace {

constexpr double kViewAngleDegrees = 24.0;  // long lens: little distortion
constexpr double kDegree = 3.14159265358979323846 / 180.0;
constexpr double kDegreesPerPixel = 0.45;
constexpr int kCubePixels = 84;
constexpr double kMovingRate = 15.0;  // frames per second asked of ray casting
constexpr std::array kBackground{0.055, 0.058, 0.066};

vtkSmartPointer<vtkPolyData> polyDataOf(const SurfaceMesh& mesh,
                                        const std::vector<std::int32_t>& triangles) {
  const auto count = static_cast<vtkIdType>(mesh.points.size() / 3);
  vtkNew<vtkFloatArray> points;
  points->SetNumberOfComponents(3);
  points->SetNumberOfTuples(count);
  std::copy(mesh.points.begin(), mesh.points.end(), points->GetPointer(0));
  vtkNew<vtkFloatArray> normals;
  normals->SetNumberOfComponents(3);
  normals->SetNumberOfTuples(count);
  normals->SetName("Normals");
  std::copy(mesh.normals.begin(), mesh.normals.end(), normals->GetPointer(0));
  vtkNew<vtkCellArray> cells;
  cells->AllocateEstimate(static_cast<vtkIdType>(triangles.size() / 3), 3);
  for (std::size_t n = 0; n + 2 < triangles.size(); n += 3) {
    const std::array<vtkIdType, 3> ids{triangles[n], triangles[n + 1], triangles[n + 2]};
    cells->InsertNextCell(3, ids.data());
  }
  auto data = vtkSmartPointer<vtkPolyData>::New();
  vtkNew<vtkPoints> vertices;
  vertices->SetData(points);
  data->SetPoints(vertices);
  data->GetPointData()->SetNormals(normals);
  data->SetPolys(cells);
  return data;
}

// One structure: the actor, and its mesh in both resolutions.
struct Organ {
  vtkSmartPointer<vtkActor> actor;
  vtkSmartPointer<vtkPolyDataMapper> fine;
  vtkSmartPointer<vtkPolyDataMapper> coarse;  // null where the mesh is small
};

vtkSmartPointer<vtkPolyDataMapper> mapperOf(vtkPolyData* data) {
  auto mapper = vtkSmartPointer<vtkPolyDataMapper>::New();
  mapper->SetInputData(data);
  mapper->ScalarVisibilityOff();
  return mapper;
}

void light(vtkProperty& property) {
  property.SetInterpolationToPhong();
  property.SetAmbient(0.12);
  property.SetDiffuse(0.85);
  property.SetSpecular(0.18);
  property.SetSpecularPower(24);
}

// The faces say where the patient's side lies: +x is left, +y posterior, +z head.
vtkSmartPointer<vtkAnnotatedCubeActor> letterCube() {
  auto cube = vtkSmartPointer<vtkAnnotatedCubeActor>::New();
  cube->SetXPlusFaceText("L");
  cube->SetXMinusFaceText("R");
  cube->SetYPlusFaceText("P");
  cube->SetYMinusFaceText("A");
  cube->SetZPlusFaceText("H");
  cube->SetZMinusFaceText("F");
  cube->SetXFaceTextRotation(0);
  cube->SetYFaceTextRotation(0);
  cube->SetZFaceTextRotation(-90);
  cube->SetFaceTextScale(0.62);
  cube->SetTextEdgesVisibility(0);
  cube->GetCubeProperty()->SetColor(0.36, 0.40, 0.46);
  for (vtkProperty* text : {cube->GetXPlusFaceProperty(),
                            cube->GetXMinusFaceProperty(),
                            cube->GetYPlusFaceProperty(),
                            cube->GetYMinusFaceProperty(),
                            cube->GetZPlusFaceProperty(),
                            cube->GetZMinusFaceProperty()}) {
    text->SetColor(0.95, 0.95, 0.92);
    text->SetInterpolationToFlat();
  }
  return cube;
}

// Three short lines that cross at the cursor, along the patient's axes.
vtkSmartPointer<vtkPolyData> crossOf(const Vec3& at, double reachMm) {
  vtkNew<vtkPoints> points;
  vtkNew<vtkCellArray> lines;
  for (int axis = 0; axis < 3; ++axis) {
    Vec3 half;
    half[axis] = reachMm;
    const Vec3 from = at - half;
    const Vec3 to = at + half;
    const std::array<vtkIdType, 2> ends{points->InsertNextPoint(from.x, from.y, from.z),
                                        points->InsertNextPoint(to.x, to.y, to.z)};
    lines->InsertNextCell(2, ends.data());
  }
  auto data = vtkSmartPointer<vtkPolyData>::New();
  data->SetPoints(points);
  data->SetLines(lines);
  return data;
}

struct Direction {
  Vec3 from;  // where the camera stands
  Vec3 up;
};

Direction directionOf(ViewDirection view) {
  switch (view) {
    case ViewDirection::Posterior:
      return {{0, 1, 0}, {0, 0, 1}};
    case ViewDirection::Left:
      return {{1, 0, 0}, {0, 0, 1}};
    case ViewDirection::Right:
      return {{-1, 0, 0}, {0, 0, 1}};
    case ViewDirection::Head:
      return {{0, 0, 1}, {0, -1, 0}};
    case ViewDirection::Feet:
      return {{0, 0, -1}, {0, -1, 0}};
    case ViewDirection::Anterior:
      break;
  }
  return {{0, -1, 0}, {0, 0, 1}};
}

}  // namespace

struct VolumeScene::Parts {
  vtkRenderWindow* window = nullptr;
  vtkNew<vtkRenderer> scene;
  vtkNew<vtkRenderer> corner;  // the cube with letters, over the scene
  vtkSmartPointer<vtkAnnotatedCubeActor> cube = letterCube();
  vtkNew<vtkActor> outline;
  vtkNew<vtkActor> cursor;
  std::map<StructureId, Organ> organs;
  std::shared_ptr<const Volume> volume;
  std::optional<Geometry> geometry;
  VolumePreset preset = VolumePreset::None;
  RayCasting rays;
  bool moving = false;
  int height = 1;  // of the viewport that was drawn last, in pixels

  void outlineGrid();
  void placeCube();

  [[nodiscard]] double reachMm() const {
    return geometry ? 0.5 * length(geometry->lpsFromIndex.applyLinear(
                                {static_cast<double>(geometry->size.i),
                                 static_cast<double>(geometry->size.j),
                                 static_cast<double>(geometry->size.k)}))
                    : 100.0;
  }
};

void VolumeScene::Parts::outlineGrid() {
  vtkNew<vtkCubeSource> box;
  box->SetBounds(-0.5,
                 static_cast<double>(geometry->size.i) - 0.5,
                 -0.5,
                 static_cast<double>(geometry->size.j) - 0.5,
                 -0.5,
                 static_cast<double>(geometry->size.k) - 0.5);
  vtkNew<vtkOutlineFilter> edges;
  edges->SetInputConnection(box->GetOutputPort());
  edges->Update();
  outline->SetMapper(mapperOf(edges->GetOutput()));
  outline->SetUserMatrix(matrixFrom(geometry->lpsFromIndex));
  outline->SetVisibility(1);
}

// The corner's camera turns with the scene's; its viewport keeps a fixed size.
void VolumeScene::Parts::placeCube() {
  const int* size = window->GetSize();
  if (size[0] > 0 && size[1] > 0) {
    height = size[1];
    const double scale = std::max(1.0, window->GetDPI() / 96.0);
    corner->SetViewport(0.0,
                        0.0,
                        std::min(1.0, scale * kCubePixels / size[0]),
                        std::min(1.0, scale * kCubePixels / size[1]));
  }
  vtkCamera* from = scene->GetActiveCamera();
  vtkCamera* to = corner->GetActiveCamera();
  std::array<double, 3> back{};
  from->GetDirectionOfProjection(back.data());
  to->SetFocalPoint(0, 0, 0);
  to->SetPosition(-back[0], -back[1], -back[2]);
  to->SetViewUp(from->GetViewUp());
  to->SetParallelProjection(1);
  to->SetParallelScale(0.95);
  corner->ResetCameraClippingRange();
}

VolumeScene::VolumeScene() : m_parts(std::make_unique<Parts>()) {
  Parts& parts = *m_parts;
  parts.scene->SetBackground(kBackground.data());
  parts.scene->SetBackgroundAlpha(1.0);  // else the desktop's compositor shines through
  parts.scene->GetActiveCamera()->SetViewAngle(kViewAngleDegrees);
  parts.scene->TwoSidedLightingOn();
  parts.outline->GetProperty()->SetColor(0.32, 0.34, 0.38);
  parts.outline->GetProperty()->LightingOff();
  parts.outline->SetVisibility(0);
  parts.outline->PickableOff();
  parts.cursor->GetProperty()->SetColor(0.95, 0.85, 0.35);
  parts.cursor->GetProperty()->LightingOff();
  parts.cursor->GetProperty()->SetLineWidth(1.5F);
  parts.cursor->SetVisibility(0);
  parts.cursor->PickableOff();
  parts.scene->AddActor(parts.outline);
  parts.scene->AddActor(parts.cursor);
  parts.corner->AddActor(parts.cube);
  parts.corner->SetLayer(1);
  parts.corner->InteractiveOff();
  lookFrom(ViewDirection::Anterior);
}

VolumeScene::~VolumeScene() {
  detach();
}

void VolumeScene::attach(vtkRenderWindow& window) {
  detach();
  m_parts->window = &window;
  window.SetNumberOfLayers(2);
  window.SetMultiSamples(0);
  window.AddRenderer(m_parts->scene);
  window.AddRenderer(m_parts->corner);
}

void VolumeScene::detach() {
  Parts& parts = *m_parts;
  if (parts.window == nullptr) {
    return;
  }
  parts.window->RemoveRenderer(parts.scene);
  parts.window->RemoveRenderer(parts.corner);
  parts.window = nullptr;
}

void VolumeScene::setVolume(std::shared_ptr<const Volume> volume) {
  Parts& parts = *m_parts;
  removeSurfaces();
  parts.rays.clear(*parts.scene);
  parts.volume = std::move(volume);
  if (parts.volume == nullptr) {
    parts.geometry.reset();
    parts.outline->SetVisibility(0);
    parts.cursor->SetVisibility(0);
    return;
  }
  const bool another = !parts.geometry || !sameGrid(*parts.geometry, parts.volume->geometry());
  parts.geometry = parts.volume->geometry();
  parts.outlineGrid();
  setVolumePreset(parts.preset);
  if (another) {
    lookFrom(ViewDirection::Anterior);
  }
}

void VolumeScene::setSurface(StructureId id, const SurfaceMesh& mesh) {
  Parts& parts = *m_parts;
  if (mesh.empty()) {
    removeSurface(id);
    return;
  }
  Organ& organ = parts.organs[id];
  if (organ.actor == nullptr) {
    organ.actor = vtkSmartPointer<vtkActor>::New();
    light(*organ.actor->GetProperty());
    parts.scene->AddActor(organ.actor);
  }
  organ.fine = mapperOf(polyDataOf(mesh, mesh.triangles));
  organ.coarse = mesh.coarse.empty() ? nullptr : mapperOf(polyDataOf(mesh, mesh.coarse));
  organ.actor->SetMapper(organ.fine);
}

void VolumeScene::setAppearance(StructureId id, const Color& color, bool visible, double opacity) {
  const auto found = m_parts->organs.find(id);
  if (found == m_parts->organs.end()) {
    return;
  }
  vtkActor& actor = *found->second.actor;
  actor.SetVisibility(visible ? 1 : 0);
  actor.GetProperty()->SetColor(color.red / 255.0, color.green / 255.0, color.blue / 255.0);
  actor.GetProperty()->SetOpacity(opacity);
}

void VolumeScene::removeSurface(StructureId id) {
  const auto found = m_parts->organs.find(id);
  if (found != m_parts->organs.end()) {
    m_parts->scene->RemoveActor(found->second.actor);
    m_parts->organs.erase(found);
  }
}

void VolumeScene::removeSurfaces() {
  for (const auto& [id, organ] : m_parts->organs) {
    m_parts->scene->RemoveActor(organ.actor);
  }
  m_parts->organs.clear();
}

std::size_t VolumeScene::surfaceCount() const {
  return m_parts->organs.size();
}

void VolumeScene::setVolumePreset(VolumePreset preset) {
  Parts& parts = *m_parts;
  parts.preset = preset;
  if (preset == VolumePreset::None || parts.volume == nullptr) {
    parts.rays.clear(*parts.scene);
  } else {
    parts.rays.show(*parts.scene, *parts.volume, preset);
  }
}

VolumePreset VolumeScene::volumePreset() const {
  return m_parts->preset;
}

void VolumeScene::setCursor(const std::optional<Vec3>& lpsMm) {
  Parts& parts = *m_parts;
  parts.cursor->SetVisibility(lpsMm.has_value() ? 1 : 0);
  if (lpsMm) {
    parts.cursor->SetMapper(mapperOf(crossOf(*lpsMm, 0.06 * parts.reachMm())));
  }
}

void VolumeScene::lookFrom(ViewDirection view) {
  vtkCamera* camera = m_parts->scene->GetActiveCamera();
  const Direction direction = directionOf(view);
  camera->SetFocalPoint(0, 0, 0);
  camera->SetPosition(direction.from.x, direction.from.y, direction.from.z);
  camera->SetViewUp(direction.up.x, direction.up.y, direction.up.z);
  resetCamera();
}

void VolumeScene::resetCamera() {
  Parts& parts = *m_parts;
  vtkCamera* camera = parts.scene->GetActiveCamera();
  const Vec3 center = parts.geometry ? parts.geometry->centerMm() : Vec3{};
  std::array<double, 3> looking{};
  camera->GetDirectionOfProjection(looking.data());
  const double reach = parts.reachMm();
  const double distance = 0.76 * reach / std::sin(0.5 * kViewAngleDegrees * kDegree);
  camera->SetFocalPoint(center.x, center.y, center.z);
  camera->SetPosition(center.x - looking[0] * distance,
                      center.y - looking[1] * distance,
                      center.z - looking[2] * distance);
  parts.scene->ResetCameraClippingRange();
}

void VolumeScene::rotate(double dx, double dy) {
  vtkCamera* camera = m_parts->scene->GetActiveCamera();
  camera->Azimuth(-dx * kDegreesPerPixel);
  camera->Elevation(dy * kDegreesPerPixel);
  camera->OrthogonalizeViewUp();
  m_parts->scene->ResetCameraClippingRange();
}

void VolumeScene::pan(double dx, double dy) {
  Parts& parts = *m_parts;
  vtkCamera* camera = parts.scene->GetActiveCamera();
  const double mmPerPixel =
      2.0 * camera->GetDistance() * std::tan(0.5 * kViewAngleDegrees * kDegree) / parts.height;
  std::array<double, 3> looking{};
  camera->GetDirectionOfProjection(looking.data());
  camera->OrthogonalizeViewUp();
  const double* vtkUp = camera->GetViewUp();
  const Vec3 up{vtkUp[0], vtkUp[1], vtkUp[2]};
  const Vec3 right = cross({looking[0], looking[1], looking[2]}, up);
  const Vec3 move = up * (dy * mmPerPixel) - right * (dx * mmPerPixel);
  const double* focus = camera->GetFocalPoint();
  const double* position = camera->GetPosition();
  const Vec3 newFocus = Vec3{focus[0], focus[1], focus[2]} + move;
  const Vec3 newPosition = Vec3{position[0], position[1], position[2]} + move;
  camera->SetFocalPoint(newFocus.x, newFocus.y, newFocus.z);
  camera->SetPosition(newPosition.x, newPosition.y, newPosition.z);
  parts.scene->ResetCameraClippingRange();
}

void VolumeScene::zoom(double factor) {
  m_parts->scene->GetActiveCamera()->Dolly(factor);
  m_parts->scene->ResetCameraClippingRange();
}

void VolumeScene::setMoving(bool moving) {
  Parts& parts = *m_parts;
  parts.moving = moving;
  parts.rays.setMoving(moving);
  for (auto& [id, organ] : parts.organs) {
    organ.actor->SetMapper(moving && organ.coarse != nullptr ? organ.coarse : organ.fine);
  }
}

void VolumeScene::render() {
  Parts& parts = *m_parts;
  if (parts.window == nullptr) {
    return;
  }
  parts.window->SetDesiredUpdateRate(parts.moving ? kMovingRate : 0.001);
  parts.placeCube();
  parts.window->Render();
}

std::optional<Vec3> VolumeScene::pick(int x, int y) {
  Parts& parts = *m_parts;
  if (parts.window == nullptr || !parts.geometry) {
    return std::nullopt;
  }
  const int height = parts.window->GetSize()[1];
  const double depth = parts.scene->GetZ(x, height - 1 - y);
  if (depth >= 1.0) {
    return std::nullopt;  // nothing there
  }
  vtkNew<vtkWorldPointPicker> picker;
  picker->Pick(x, height - 1 - y, 0, parts.scene);
  const double* at = picker->GetPickPosition();
  return Vec3{at[0], at[1], at[2]};
}

}  // namespace argand::viz
