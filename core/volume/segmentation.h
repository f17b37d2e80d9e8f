// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/geometry.h"
#include "core/volume/label_layer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
// Who drew it; Unknown: a file that does not say.
enum class Origin { Automatic, SemiAutomatic, Manual, Unknown };
enum class ReviewState { NotStarted, InProgress, Completed, Flagged };

[[nodiscard]] std::string_view toString(Side side);
[[nodiscard]] std::string_view toString(Origin origin);
[[nodiscard]] std::string_view toString(ReviewState state);

using StructureId = std::uint32_t;  // unique within a Segmentation, never reused; 0 is none

// One organ or target. Its voxels are those of layer `layer` whose value is `label`.
struct Structure {
  StructureId id = 0;
  std::string name;
  std::optional<Code> category;  // what `code` is one of: an anatomical structure, a lesion
  std::optional<Code> code;      // what it is, without its side
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

// An ordered list of structures on one grid. Structures of one layer cannot
// overlap; those of different layers may (BODY contains everything). A new one
// has no layer. Ids given to its functions must exist, unless they are looked for.
class Segmentation {
 public:
  explicit Segmentation(Geometry geometry = {});

  [[nodiscard]] const Geometry& geometry() const { return m_geometry; }

  [[nodiscard]] const std::vector<Structure>& structures() const { return m_structures; }

  [[nodiscard]] int layerCount() const { return static_cast<int>(m_layers.size()); }

  [[nodiscard]] const LabelLayer& layer(int index) const;
  [[nodiscard]] LabelLayer& layer(int index);

  [[nodiscard]] const Structure* find(StructureId id) const;
  [[nodiscard]] const Structure* findByName(std::string_view name) const;

  // Appends a structure; its id, and its label where that is 0, are assigned
  // (the next free value of `structure.layer`; layers are added as needed).
  // Returns the id.
  StructureId add(Structure structure);
  // Replaces the attributes of the structure with the same id. Voxels stay: a new
  // layer or label is another set of voxels.
  void update(const Structure& structure);
  // Puts a structure into the list at `position` under the id it has already.
  void insert(const Structure& structure, std::size_t position);
  // Removes it from the list; its voxels become background.
  void remove(StructureId id);
  // Makes `structures` the list: ids and, within a layer, labels are unique and not
  // 0. Voxels stay as they are. For undo.
  void setStructures(std::vector<Structure> structures);
  [[nodiscard]] std::size_t positionOf(StructureId id) const;

  int addLayer();
  // Takes away layers at the end that hold neither a structure nor a voxel.
  void dropUnusedLayers();
  // The smallest label that no structure of the layer has.
  [[nodiscard]] LabelValue freeLabel(int layer) const;
  // The first layer in which none of the voxels of `box` where `mask` is not 0 is
  // taken; layerCount() where there is none.
  [[nodiscard]] int layerWithRoom(const Box& box, std::span<const std::uint8_t> mask) const;
  // The structure of that layer and label; null where there is none.
  [[nodiscard]] const Structure* findByLabel(int layer, LabelValue label) const;

  [[nodiscard]] Box boundsOf(StructureId id) const;
  [[nodiscard]] std::int64_t voxelCount(StructureId id) const;
  // On the acquired slices: each voxel as thick as its slice.
  [[nodiscard]] double volumeMl(StructureId id) const;
  // The mask of one structure over `box`, 0 or 1, i fastest.
  [[nodiscard]] std::vector<std::uint8_t> mask(StructureId id, const Box& box) const;
  // Sets the voxels of `box` where `mask` is not 0 to this structure; in its
  // layer they leave any other structure.
  void assign(StructureId id, const Box& box, std::span<const std::uint8_t> mask);

  // Centroid in LPS mm; nothing where the structure is empty.
  [[nodiscard]] std::optional<Vec3> centroidMm(StructureId id) const;

 private:
  [[nodiscard]] const Structure& existing(StructureId id) const;
  void makeLayer(int layer);

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
