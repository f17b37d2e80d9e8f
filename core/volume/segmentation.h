// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/geometry.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace argand {

struct Color {
  std::uint8_t red = 255;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Color&) const = default;
};

// A coded concept: scheme "SCT", value "10200004", meaning "Liver".
struct Code {
  std::string scheme;
  std::string value;
  std::string meaning;
  bool operator==(const Code&) const = default;
};

enum class Side { None, Left, Right };
enum class Origin { Automatic, SemiAutomatic, Manual };
enum class ReviewState { NotStarted, InProgress, Completed, Flagged };

[[nodiscard]] std::string_view toString(Side side);
[[nodiscard]] std::string_view toString(Origin origin);
[[nodiscard]] std::string_view toString(ReviewState state);

using LabelValue = std::uint16_t;   // 0 is background
using StructureId = std::uint32_t;  // unique within a Segmentation, never reused; 0 is none

// One organ or target. Its voxels are those of layer `layer` whose value is `label`.
struct Structure {
  StructureId id = 0;
  std::string name;
  std::optional<Code> code;
  Color color;
  Side side = Side::None;
  Origin origin = Origin::Manual;
  std::string model;                      // name and version of the model that made it, or empty
  std::string modelHash;                  // SHA-256 of its weights, or empty
  std::string interpretedType = "ORGAN";  // RT ROI Interpreted Type
  bool edited = false;                    // changed by hand since it was made
  bool locked = false;                    // no tool may change it
  bool visible = true;
  ReviewState review = ReviewState::NotStarted;
  int layer = 0;
  LabelValue label = 0;
  bool operator==(const Structure&) const = default;
};

// Label values on a grid, in copy-on-write blocks of 32 x 32 x 32: a copy shares
// all blocks, and writing to it copies only the blocks that change. So a
// snapshot for a long job costs a table of pointers. Empty blocks take nothing.
// Copies may be read on other threads; one object is written by one thread.
class LabelLayer {
 public:
  static constexpr std::int64_t kBlock = 32;

  explicit LabelLayer(const Size3& size = {});

  [[nodiscard]] const Size3& size() const { return m_size; }

  [[nodiscard]] LabelValue at(const Index3& index) const;
  void set(const Index3& index, LabelValue value);

  // The voxels of `box`, i fastest; `box` must lie within the grid.
  void read(const Box& box, std::span<LabelValue> voxels) const;
  [[nodiscard]] std::vector<LabelValue> read(const Box& box) const;
  void write(const Box& box, std::span<const LabelValue> voxels);

  // The smallest box with every voxel of `value` (empty box where there is none).
  [[nodiscard]] Box boundsOf(LabelValue value) const;
  [[nodiscard]] std::int64_t count(LabelValue value) const;
  // Voxels per value for all values at once; index is the value.
  [[nodiscard]] std::vector<std::int64_t> histogram() const;

 private:
  using Voxels = std::array<LabelValue, kBlock * kBlock * kBlock>;
  [[nodiscard]] std::size_t blockOf(const Index3& index) const;

  Size3 m_size;
  Size3 m_blocks;
  std::vector<std::shared_ptr<Voxels>> m_table;  // null: all background
};

// An ordered list of structures on one grid. Structures of one layer cannot
// overlap; those of different layers may (BODY contains everything).
class Segmentation {
 public:
  explicit Segmentation(Geometry geometry = {});

  [[nodiscard]] const Geometry& geometry() const { return m_geometry; }

  [[nodiscard]] const std::vector<Structure>& structures() const { return m_structures; }

  [[nodiscard]] int layerCount() const { return static_cast<int>(m_layers.size()); }

  [[nodiscard]] const LabelLayer& layer(int index) const {
    return m_layers[static_cast<std::size_t>(index)];
  }

  [[nodiscard]] LabelLayer& layer(int index) { return m_layers[static_cast<std::size_t>(index)]; }

  [[nodiscard]] const Structure* find(StructureId id) const;
  [[nodiscard]] const Structure* findByName(std::string_view name) const;

  // Appends a structure; its id, and its label where that is 0, are assigned
  // (the next free value of `structure.layer`; layers are added as needed).
  // Returns the id.
  StructureId add(Structure structure);
  // Replaces the attributes of the structure with the same id (it must exist).
  void update(const Structure& structure);
  // Puts a structure back under the id it had, at `position` in the list. For undo.
  void insert(const Structure& structure, std::size_t position);
  // Removes it from the list; its voxels become background.
  void remove(StructureId id);
  [[nodiscard]] std::size_t positionOf(StructureId id) const;

  int addLayer();

  [[nodiscard]] Box boundsOf(StructureId id) const;
  [[nodiscard]] std::int64_t voxelCount(StructureId id) const;
  [[nodiscard]] double volumeMl(StructureId id) const;
  // The mask of one structure over `box`, 0 or 1, i fastest.
  [[nodiscard]] std::vector<std::uint8_t> mask(StructureId id, const Box& box) const;
  // Sets the voxels of `box` where `mask` is not 0 to this structure; in its
  // layer they leave any other structure.
  void assign(StructureId id, const Box& box, std::span<const std::uint8_t> mask);

  // Centroid in LPS mm; nothing where the structure is empty.
  [[nodiscard]] std::optional<Vec3> centroidMm(StructureId id) const;

 private:
  Geometry m_geometry;
  std::vector<LabelLayer> m_layers;
  std::vector<Structure> m_structures;
  StructureId m_nextId = 1;
};

// One label map without overlaps from all structures, values 1..n in list
// order (or each structure's own label where there is one layer). Fails,
// naming the pair, where two structures overlap.
struct LabelMap {
  Geometry geometry;
  std::vector<LabelValue> voxels;  // i fastest
};

[[nodiscard]] Result<LabelMap> flattened(const Segmentation& segmentation);

// A segmentation of one layer; structures are named and coloured from `names`
// (see label_table.h) for each value that occurs or is named.
class LabelTable;
[[nodiscard]] Segmentation segmentationFrom(const LabelMap& labels, const LabelTable& names);

// The same structures on another grid: each voxel of `geometry` takes the value
// at the nearest voxel (label-safe: values are never blended).
[[nodiscard]] Segmentation onGrid(const Segmentation& segmentation, const Geometry& geometry);

}  // namespace argand
