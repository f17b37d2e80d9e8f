// SPDX-License-Identifier: Apache-2.0
#include "core/volume/segmentation.h"

#include "core/base/assert.h"
#include "core/volume/label_table.h"
#include "core/volume/structure_table.h"

#include <algorithm>
#include <limits>

namespace argand {

namespace {

Box sliceOf(const Box& box, std::int64_t k) {
  return {{box.begin.i, box.begin.j, k}, {box.end.i, box.end.j, k + 1}};
}

// Slice by slice, because structures that overlap mostly do so soon.
bool isFree(const LabelLayer& layer, const Box& box, std::span<const std::uint8_t> mask) {
  const auto perSlice = static_cast<std::size_t>(box.size().i * box.size().j);
  std::vector<LabelValue> taken(perSlice);
  auto wanted = mask.begin();
  for (std::int64_t k = box.begin.k; k < box.end.k; ++k) {
    layer.read(sliceOf(box, k), taken);
    for (const LabelValue value : taken) {
      if (*wanted++ != 0 && value != 0) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

std::string_view toString(Side side) {
  switch (side) {
    case Side::None:
      return "none";
    case Side::Left:
      return "left";
    case Side::Right:
      return "right";
  }
  return "none";
}

std::string_view toString(Origin origin) {
  switch (origin) {
    case Origin::Automatic:
      return "automatic";
    case Origin::SemiAutomatic:
      return "semi-automatic";
    case Origin::Manual:
      return "manual";
    case Origin::Unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view toString(ReviewState state) {
  switch (state) {
    case ReviewState::NotStarted:
      return "not started";
    case ReviewState::InProgress:
      return "in progress";
    case ReviewState::Completed:
      return "completed";
    case ReviewState::Flagged:
      return "flagged";
  }
  return "not started";
}

Segmentation::Segmentation(Geometry geometry) : m_geometry(std::move(geometry)) {}

const LabelLayer& Segmentation::layer(int index) const {
  ARGAND_ASSERT(index >= 0 && index < layerCount());
  return m_layers[static_cast<std::size_t>(index)];
}

LabelLayer& Segmentation::layer(int index) {
  ARGAND_ASSERT(index >= 0 && index < layerCount());
  return m_layers[static_cast<std::size_t>(index)];
}

const Structure* Segmentation::find(StructureId id) const {
  const auto found = std::find_if(
      m_structures.begin(), m_structures.end(), [&](const auto& held) { return held.id == id; });
  return found == m_structures.end() ? nullptr : &*found;
}

const Structure* Segmentation::findByName(std::string_view name) const {
  const auto found = std::find_if(m_structures.begin(), m_structures.end(), [&](const auto& held) {
    return held.name == name;
  });
  return found == m_structures.end() ? nullptr : &*found;
}

const Structure* Segmentation::findByLabel(int layer, LabelValue label) const {
  const auto found = std::find_if(m_structures.begin(), m_structures.end(), [&](const auto& held) {
    return held.layer == layer && held.label == label;
  });
  return found == m_structures.end() ? nullptr : &*found;
}

const Structure& Segmentation::existing(StructureId id) const {
  const Structure* found = find(id);
  ARGAND_ASSERT(found != nullptr);
  return *found;
}

std::size_t Segmentation::positionOf(StructureId id) const {
  return static_cast<std::size_t>(&existing(id) - m_structures.data());
}

int Segmentation::addLayer() {
  m_layers.emplace_back(m_geometry.size);
  return layerCount() - 1;
}

void Segmentation::dropUnusedLayers() {
  const auto used = [&](int layer) {
    return std::any_of(m_structures.begin(), m_structures.end(), [&](const auto& structure) {
      return structure.layer == layer;
    });
  };
  while (!m_layers.empty() && !used(layerCount() - 1) && m_layers.back().empty()) {
    m_layers.pop_back();
  }
}

LabelValue Segmentation::freeLabel(int layer) const {
  std::vector<bool> taken(m_structures.size() + 2, false);
  for (const Structure& structure : m_structures) {
    if (structure.layer == layer && structure.label < taken.size()) {
      taken[structure.label] = true;
    }
  }
  const auto free = std::find(taken.begin() + 1, taken.end(), false) - taken.begin();
  ARGAND_ASSERT(free <= std::numeric_limits<LabelValue>::max());
  return static_cast<LabelValue>(free);
}

void Segmentation::makeLayer(int layer) {
  ARGAND_ASSERT(layer >= 0);
  while (layerCount() <= layer) {
    addLayer();
  }
}

int Segmentation::layerWithRoom(const Box& box, std::span<const std::uint8_t> mask) const {
  ARGAND_ASSERT(mask.size() == static_cast<std::size_t>(box.size().voxels()));
  int layer = 0;
  while (layer < layerCount() && !isFree(m_layers[static_cast<std::size_t>(layer)], box, mask)) {
    ++layer;
  }
  return layer;
}

StructureId Segmentation::add(Structure structure) {
  structure.id = m_nextId;
  if (structure.label == 0) {
    structure.label = freeLabel(structure.layer);
  }
  insert(structure, m_structures.size());
  return structure.id;
}

void Segmentation::update(const Structure& structure) {
  const std::size_t position = positionOf(structure.id);
  const Structure* holder = findByLabel(structure.layer, structure.label);
  ARGAND_ASSERT(structure.label != 0 && (holder == nullptr || holder->id == structure.id));
  makeLayer(structure.layer);
  m_structures[position] = structure;
}

void Segmentation::insert(const Structure& structure, std::size_t position) {
  ARGAND_ASSERT(structure.id != 0 && find(structure.id) == nullptr);
  ARGAND_ASSERT(structure.id < std::numeric_limits<StructureId>::max());
  ARGAND_ASSERT(structure.label != 0 && findByLabel(structure.layer, structure.label) == nullptr);
  ARGAND_ASSERT(position <= m_structures.size());
  makeLayer(structure.layer);
  m_structures.insert(m_structures.begin() + static_cast<std::ptrdiff_t>(position), structure);
  m_nextId = std::max(m_nextId, structure.id + 1);
}

void Segmentation::setStructures(std::vector<Structure> structures) {
  m_structures.clear();
  for (const Structure& structure : structures) {
    insert(structure, m_structures.size());
  }
}

void Segmentation::remove(StructureId id) {
  const Structure& structure = existing(id);
  layer(structure.layer).erase(structure.label);
  m_structures.erase(m_structures.begin() + static_cast<std::ptrdiff_t>(positionOf(id)));
}

Box Segmentation::boundsOf(StructureId id) const {
  const Structure& structure = existing(id);
  return layer(structure.layer).boundsOf(structure.label);
}

std::int64_t Segmentation::voxelCount(StructureId id) const {
  const Structure& structure = existing(id);
  return layer(structure.layer).count(structure.label);
}

double Segmentation::volumeMl(StructureId id) const {
  if (m_geometry.evenlySpaced()) {
    return static_cast<double>(voxelCount(id)) * m_geometry.voxelVolumeMl();
  }
  const Box bounds = boundsOf(id);
  double volume = 0.0;
  for (std::int64_t k = bounds.begin.k; k < bounds.end.k; ++k) {
    const auto slice = mask(id, sliceOf(bounds, k));
    const auto voxels = std::count(slice.begin(), slice.end(), std::uint8_t{1});
    volume += static_cast<double>(voxels) * m_geometry.voxelVolumeMl(k);
  }
  return volume;
}

std::vector<std::uint8_t> Segmentation::mask(StructureId id, const Box& box) const {
  const Structure& structure = existing(id);
  const auto values = layer(structure.layer).read(box);
  std::vector<std::uint8_t> inside(values.size());
  std::transform(values.begin(), values.end(), inside.begin(), [&](LabelValue value) {
    return static_cast<std::uint8_t>(value == structure.label);
  });
  return inside;
}

void Segmentation::assign(StructureId id, const Box& box, std::span<const std::uint8_t> mask) {
  const Structure& structure = existing(id);
  LabelLayer& target = layer(structure.layer);
  auto values = target.read(box);
  ARGAND_ASSERT(mask.size() == values.size());
  for (std::size_t n = 0; n < values.size(); ++n) {
    values[n] = mask[n] != 0 ? structure.label : values[n];
  }
  target.write(box, values);
}

std::optional<Vec3> Segmentation::centroidMm(StructureId id) const {
  const Box bounds = boundsOf(id);
  const Size3 extent = bounds.size();
  std::int64_t total = 0;
  Vec3 sum;
  for (std::int64_t k = bounds.begin.k; k < bounds.end.k; ++k) {
    const auto slice = mask(id, sliceOf(bounds, k));
    std::int64_t count = 0;
    std::int64_t sumI = 0;
    std::int64_t sumJ = 0;
    for (std::int64_t j = 0; j < extent.j; ++j) {
      for (std::int64_t i = 0; i < extent.i; ++i) {
        const std::int64_t inside = slice[static_cast<std::size_t>(j * extent.i + i)];
        count += inside;
        sumI += inside * i;
        sumJ += inside * j;
      }
    }
    if (count > 0) {
      const auto n = static_cast<double>(count);
      const Vec3 middle =
          m_geometry.sliceToLps(static_cast<double>(bounds.begin.i) + static_cast<double>(sumI) / n,
                                static_cast<double>(bounds.begin.j) + static_cast<double>(sumJ) / n,
                                k);
      sum = sum + middle * n;
      total += count;
    }
  }
  if (total == 0) {
    return std::nullopt;
  }
  return sum * (1.0 / static_cast<double>(total));
}

namespace {

// What each value of a layer becomes in a map of all structures; 0 where no structure has it.
std::vector<LabelValue> flatValues(const Segmentation& segmentation, int layer) {
  std::vector<LabelValue> values(std::size_t{1} << 16U, 0);
  const auto& structures = segmentation.structures();
  for (std::size_t n = 0; n < structures.size(); ++n) {
    if (structures[n].layer == layer) {
      values[structures[n].label] =
          segmentation.layerCount() == 1 ? structures[n].label : static_cast<LabelValue>(n + 1);
    }
  }
  return values;
}

}  // namespace

Result<LabelMap> flattened(const Segmentation& segmentation) {
  const auto& structures = segmentation.structures();
  ARGAND_ASSERT(structures.size() <= std::numeric_limits<LabelValue>::max());
  const Size3& size = segmentation.geometry().size;
  const auto perSlice = static_cast<std::size_t>(size.i * size.j);
  LabelMap map{segmentation.geometry(), {}};
  map.voxels.assign(static_cast<std::size_t>(size.voxels()), 0);
  std::vector<LabelValue> slice(perSlice);
  for (int layer = 0; layer < segmentation.layerCount(); ++layer) {
    const auto flat = flatValues(segmentation, layer);
    for (std::int64_t k = 0; k < size.k; ++k) {
      segmentation.layer(layer).read(sliceOf(segmentation.geometry().box(), k), slice);
      LabelValue* to = map.voxels.data() + static_cast<std::size_t>(k) * perSlice;
      for (std::size_t n = 0; n < perSlice; ++n) {
        const LabelValue value = flat[slice[n]];
        if (value != 0 && to[n] != 0) {
          return fail(ErrorCode::InputRefused,
                      fmt::format("'{}' and '{}' overlap, and one label map holds no overlaps: "
                                  "leave one out, or write one file for each layer.",
                                  structures[to[n] - 1U].name,
                                  structures[value - 1U].name));
        }
        to[n] = value != 0 ? value : to[n];
      }
    }
  }
  return map;
}

Segmentation segmentationFrom(const LabelMap& labels, const LabelTable& names) {
  Segmentation segmentation(labels.geometry);
  LabelLayer& layer = segmentation.layer(segmentation.addLayer());
  layer.write(layer.box(), labels.voxels);
  const auto counts = layer.histogram();
  std::vector<bool> wanted(std::size_t{1} << 16U, false);
  for (std::size_t value = 1; value < counts.size(); ++value) {
    wanted[value] = counts[value] > 0;
  }
  for (const auto& [value, entry] : names.entries()) {
    wanted[value] = value != 0;
  }
  for (std::size_t value = 1; value < wanted.size(); ++value) {
    if (!wanted[value]) {
      continue;
    }
    Structure structure;
    structure.origin = Origin::Unknown;
    structure.label = static_cast<LabelValue>(value);
    structure.name = names.nameOf(structure.label);
    structure.color = names.colorOf(structure.label);
    if (const auto entry = names.entries().find(structure.label); entry != names.entries().end()) {
      structure.code = entry->second.code;
      structure.side = entry->second.side;
    }
    complete(structure);
    segmentation.add(std::move(structure));
  }
  return segmentation;
}

}  // namespace argand
