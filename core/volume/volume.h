// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.h"
#include "core/volume/geometry.h"
#include "core/volume/source_series.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace argand {

enum class Modality { Unknown, Ct, Mr, Pet, Other };

[[nodiscard]] std::string_view toString(Modality modality);  // "CT", "MR", "PT", ...
[[nodiscard]] Modality modalityFromCode(std::string_view dicomCode);

// Shown as a window of the display: width and level in the volume's units.
struct WindowLevel {
  double width = 400.0;
  double level = 40.0;
  std::string name;  // from the file's explanation, may be empty
};

// One image volume: voxels in their real units (HU for CT; stored value times
// slope plus intercept otherwise), where they lie, and where they came from.
//
// Voxels are in index order, i fastest, in one contiguous buffer that copies
// of the Volume share; nobody changes a buffer once it is in a Volume. VTK
// and Torch look at the same buffer.
class Volume {
 public:
  using Int16 = std::vector<std::int16_t>;
  using UInt16 = std::vector<std::uint16_t>;
  using Float32 = std::vector<float>;
  using Buffer = std::variant<std::shared_ptr<const Int16>,
                              std::shared_ptr<const UInt16>,
                              std::shared_ptr<const Float32>>;

  // Fails where the buffer's length is not the product of the sizes or the
  // geometry is degenerate.
  [[nodiscard]] static Result<Volume> create(Geometry geometry, Buffer voxels);

  template <typename T>
  [[nodiscard]] static Result<Volume> create(Geometry geometry, std::vector<T> voxels) {
    return create(std::move(geometry),
                  Buffer(std::make_shared<const std::vector<T>>(std::move(voxels))));
  }

  [[nodiscard]] const Geometry& geometry() const { return m_geometry; }

  [[nodiscard]] const Buffer& buffer() const { return m_voxels; }

  [[nodiscard]] double at(const Index3& index) const;
  [[nodiscard]] std::int64_t bytes() const;

  // Calls `visitor` with std::span<const T> of the voxels, T the stored type.
  template <typename Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(
        [&](const auto& voxels) -> decltype(auto) { return visitor(std::span(*voxels)); },
        m_voxels);
  }

  // Smallest, largest, and the 0.1 and 99.9 percentiles of the finite voxels, exactly:
  // each is the value of a voxel. Computed once, shared by copies.
  struct Range {
    double minimum = 0.0;
    double maximum = 0.0;
    double low = 0.0;
    double high = 0.0;
  };

  [[nodiscard]] const Range& range() const;

  Modality modality = Modality::Unknown;
  // What the voxels are in: "HU", "Bq/ml", "SUVbw", or as the source says it. Empty where
  // the source says nothing, and for what has no unit, as MR signal.
  std::string unit;
  std::string description;             // series description or file name; no patient data
  std::vector<WindowLevel> windows;    // from the source; may be empty
  double backgroundValue = 0.0;        // what lies outside: -1024 for CT, 0 else
  std::optional<SourceSeries> source;  // where it came from DICOM

  // The source's first window, else CT 400/40, else the percentile range.
  [[nodiscard]] WindowLevel defaultWindow() const;

 private:
  Volume(Geometry geometry, Buffer voxels);

  struct Lazy;
  Geometry m_geometry;
  Buffer m_voxels;
  std::shared_ptr<Lazy> m_lazy;
};

// The voxels of `box`, same type, same source (per-slice entries cut along k).
[[nodiscard]] Volume cropped(const Volume& volume, const Box& box);

// The same voxels in another axis order; nothing is interpolated. Without the
// source's per-slice entries where slices are no longer the acquired ones.
[[nodiscard]] Volume reordered(const Volume& volume, const AxisOrder& order);

}  // namespace argand
