// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/io/data_files.h"
#include "core/io/image_file.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Internal to core/io: the header of an NRRD file, versions NRRD0001 to NRRD0005, as
// "Definition of NRRD File Format" of the Teem project gives it
// (http://teem.sourceforge.net/nrrd/format.html). Section numbers below are of it.
namespace argand::io::nrrd {

enum class Centering { Unknown, Cell, Node };

// One axis of the array, the fastest first. Numbers that the header leaves out or gives
// as "nan" are absent.
struct Axis {
  std::int64_t size = 0;
  std::string kind;  // in lower case; empty where none is given
  std::optional<double> spacing;
  std::optional<double> minimum;
  std::optional<double> maximum;
  Centering centering = Centering::Unknown;
  std::string unit;
  std::optional<std::vector<double>> direction;  // in the space; absent for "none"
};

struct Header {
  std::vector<Axis> axes;
  RawType type = RawType::Int16;
  bool otherByteOrder = false;

  std::string space;       // in lower case; empty where none is named
  int spaceDimension = 0;  // 0: there is no space
  std::vector<std::string> spaceUnits;
  std::optional<std::vector<double>> origin;
  bool hasDirections = false;

  DataFiles data;
  std::int64_t headerBytes = 0;
  std::optional<std::pair<double, double>> quantizedFrom;  // old min, old max

  // Pairs "key:=value" with their escapes resolved, in UTF-8.
  std::map<std::string, std::string> keyValues;

  [[nodiscard]] std::int64_t values() const;
};

// Reads and checks the header of `path`; its voxels need not be there.
[[nodiscard]] Result<Header> read(const std::filesystem::path& path);

// Which axes of the array lie in space, and where.
struct Placed {
  Geometry geometry;
  std::int64_t components = 1;  // values per voxel
  // Along one axis that is no axis of space; the distance of its values in the array.
  std::int64_t componentStride = 1;
  bool oneComponentAxis = true;
  bool componentsAreList = false;  // of the kind "list", as layers of labels are
};

// Brings the header's axes to LPS millimetres, or fails where they have no one meaning.
[[nodiscard]] Result<Placed> placed(const Header& header,
                                    const std::filesystem::path& path,
                                    Warnings& warnings);

// The segments of 3D Slicer's files (.seg.nrrd), by layer: "Segment0_Name:=liver" and so
// on. Files without such keys have empty tables, one a layer.
[[nodiscard]] std::vector<LabelTable> segmentNames(const Header& header,
                                                   std::int64_t layers,
                                                   const std::filesystem::path& path,
                                                   Warnings& warnings);

// The lines of these keys for one layer, each with its line end.
[[nodiscard]] std::string segmentLines(const LabelTable& names, const Size3& size);

}  // namespace argand::io::nrrd
