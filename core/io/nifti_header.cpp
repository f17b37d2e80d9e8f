// SPDX-License-Identifier: Apache-2.0
#include "core/io/nifti_header.h"

#include "core/base/text.h"
#include "core/io/formats.h"

#include <cmath>
#include <limits>

namespace argand::io::nifti {

namespace fs = std::filesystem;

namespace {

// The fields of both versions, in the wider types of the second.
struct Fields {
  std::string magic;
  std::array<std::int64_t, 8> dim{};
  std::array<double, 8> pixdim{};
  std::int64_t datatype = 0;
  double voxelOffset = 0;
  double slope = 0;
  double intercept = 0;
  std::int64_t qformCode = 0;
  std::int64_t sformCode = 0;
  std::array<double, 3> quaternion{};
  std::array<double, 3> qOffset{};
  std::array<std::array<double, 4>, 3> srow{};
  int spaceUnit = 0;
};

struct Reader {
  std::span<const std::byte> bytes;
  bool otherByteOrder;

  template <typename T>
  T get(std::size_t offset) const {
    return load<T>(bytes, offset, otherByteOrder);
  }

  // `count` consecutive numbers stored as T.
  template <typename T, typename Out>
  void fill(Out& out, std::size_t offset) const {
    for (std::size_t n = 0; n < out.size(); ++n) {
      out[n] = static_cast<typename Out::value_type>(get<T>(offset + n * sizeof(T)));
    }
  }

  std::string text(std::size_t offset, std::size_t length) const {
    return {reinterpret_cast<const char*>(bytes.data()) + offset, length};
  }
};

Fields fieldsOfVersion1(const Reader& in) {
  Fields f;
  f.magic = in.text(344, 4);
  in.fill<std::int16_t>(f.dim, 40);
  in.fill<float>(f.pixdim, 76);
  f.datatype = in.get<std::int16_t>(70);
  f.voxelOffset = in.get<float>(108);
  f.slope = in.get<float>(112);
  f.intercept = in.get<float>(116);
  f.spaceUnit = std::to_integer<int>(in.bytes[123]) & 7;
  f.qformCode = in.get<std::int16_t>(252);
  f.sformCode = in.get<std::int16_t>(254);
  in.fill<float>(f.quaternion, 256);
  in.fill<float>(f.qOffset, 268);
  for (std::size_t row = 0; row < 3; ++row) {
    in.fill<float>(f.srow[row], 280 + 16 * row);
  }
  return f;
}

Fields fieldsOfVersion2(const Reader& in) {
  Fields f;
  f.magic = in.text(4, 4);
  in.fill<std::int64_t>(f.dim, 16);
  in.fill<double>(f.pixdim, 104);
  f.datatype = in.get<std::int16_t>(12);
  f.voxelOffset = static_cast<double>(in.get<std::int64_t>(168));
  f.slope = in.get<double>(176);
  f.intercept = in.get<double>(184);
  f.qformCode = in.get<std::int32_t>(344);
  f.sformCode = in.get<std::int32_t>(348);
  in.fill<double>(f.quaternion, 352);
  in.fill<double>(f.qOffset, 376);
  for (std::size_t row = 0; row < 3; ++row) {
    in.fill<double>(f.srow[row], 400 + 32 * row);
  }
  f.spaceUnit = in.get<std::int32_t>(500) & 7;
  return f;
}

Result<RawType> typeOf(std::int64_t code, const std::string& file) {
  switch (code) {
    case 2:
      return RawType::UInt8;
    case 4:
      return RawType::Int16;
    case 8:
      return RawType::Int32;
    case 16:
      return RawType::Float32;
    case 64:
      return RawType::Float64;
    case 256:
      return RawType::Int8;
    case 512:
      return RawType::UInt16;
    case 768:
      return RawType::UInt32;
    case 1024:
      return RawType::Int64;
    case 1280:
      return RawType::UInt64;
    case 32:
    case 1792:
    case 2048:
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} holds complex numbers; save its magnitude instead.", file));
    case 128:
    case 2304:
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} is a colour picture (RGB), not an image of intensities.", file));
    case 1:
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} holds one bit per voxel, which few programs write alike; save it "
                              "as unsigned 8 bit.",
                              file));
    default:
      return fail(ErrorCode::InputRefused,
                  fmt::format("{} has the voxel type {}, which is not supported.", file, code));
  }
}

int codeOf(RawType type) {
  switch (type) {
    case RawType::UInt8:
      return 2;
    case RawType::Int16:
      return 4;
    case RawType::Int32:
      return 8;
    case RawType::Float32:
      return 16;
    case RawType::Float64:
      return 64;
    case RawType::Int8:
      return 256;
    case RawType::UInt16:
      return 512;
    case RawType::UInt32:
      return 768;
    case RawType::Int64:
      return 1024;
    case RawType::UInt64:
      break;
  }
  return 1280;
}

bool usable(const Affine& affine) {
  double scale = 1.0;
  for (int axis = 0; axis < 3; ++axis) {
    const double norm = length(affine.column(axis));
    if (!std::isfinite(norm) || !std::isfinite(affine.offset[axis]) || norm <= 0.0) {
      return false;
    }
    scale *= norm;
  }
  return std::abs(affine.determinant()) > 1e-6 * scale;
}

Affine sform(const Fields& f) {
  Affine affine;
  for (int row = 0; row < 3; ++row) {
    const auto r = static_cast<std::size_t>(row);
    affine.linear[r] = {f.srow[r][0], f.srow[r][1], f.srow[r][2]};
    affine.offset[row] = f.srow[r][3];
  }
  return affine;
}

// Method 2 of nifti1.h. A quaternion whose parts were rounded still gives
// columns at right angles.
Affine qform(const Fields& f, const Vec3& spacing) {
  auto [b, c, d] = f.quaternion;
  double rest = 1.0 - (b * b + c * c + d * d);
  if (rest < 1e-7) {
    const double norm = 1.0 / std::sqrt(b * b + c * c + d * d);
    b *= norm;
    c *= norm;
    d *= norm;
    rest = 0.0;
  }
  const double a = std::sqrt(rest);
  const double qfac = f.pixdim[0] < 0.0 ? -1.0 : 1.0;
  Affine affine;
  affine.setColumn(
      0, Vec3{a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)} * spacing.x);
  affine.setColumn(
      1, Vec3{2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)} * spacing.y);
  affine.setColumn(2,
                   Vec3{2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - c * c - b * b} *
                       (spacing.z * qfac));
  affine.offset = {f.qOffset[0], f.qOffset[1], f.qOffset[2]};
  return affine;
}

Vec3 spacingOf(const Fields& f, const std::string& file, Warnings& warnings) {
  Vec3 spacing;
  for (int axis = 0; axis < 3; ++axis) {
    const double stored = std::abs(f.pixdim[static_cast<std::size_t>(axis) + 1]);
    spacing[axis] = stored;
    if (!(stored > 0.0 && std::isfinite(stored))) {
      spacing[axis] = 1.0;
      warnings.push_back(
          {WarningCode::ValueRepaired,
           fmt::format("{} has no voxel size along axis {}; 1 mm is taken.", file, axis + 1)});
    }
  }
  return spacing;
}

// The farthest that a corner voxel's centre lies apart under two affines.
double farthestCorner(const Affine& a, const Affine& b, const Size3& size) {
  double farthest = 0.0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    Vec3 index;
    for (int axis = 0; axis < 3; ++axis) {
      index[axis] = ((corner >> axis) & 1U) != 0 ? static_cast<double>(size[axis] - 1) : 0.0;
    }
    farthest = std::max(farthest, length(a.apply(index) - b.apply(index)));
  }
  return farthest;
}

// Says by how much the qform puts the image elsewhere than the sform. A qform in single
// precision is good to a tenth of a voxel.
void compareForms(const Fields& f,
                  const Affine& taken,
                  const Size3& size,
                  const std::string& file,
                  Warnings& warnings) {
  Vec3 spacing;
  double side = std::numeric_limits<double>::infinity();
  for (int axis = 0; axis < 3; ++axis) {
    spacing[axis] = std::abs(f.pixdim[static_cast<std::size_t>(axis) + 1]);
    side = std::min(side, length(taken.column(axis)));
  }
  const Affine other = qform(f, spacing);
  if (f.qformCode <= 0 || !usable(other)) {
    return;
  }
  const double apart = farthestCorner(taken, other, size);
  if (apart > 0.1 * side) {
    warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format(
             "The sform and the qform of {} disagree by {:.4g} {} at a corner of the image; "
             "the sform was taken.",
             file,
             apart,
             f.spaceUnit == 1   ? "m"
             : f.spaceUnit == 3 ? "um"
                                : "mm")});
  }
}

// Sform where it is valid, else qform, else the voxel sizes alone.
Result<Affine> affineOf(const Fields& f,
                        const Size3& size,
                        const std::string& file,
                        Warnings& warnings) {
  if (f.sformCode > 0) {
    const Affine affine = sform(f);
    if (usable(affine)) {
      compareForms(f, affine, size, file, warnings);
      return affine;
    }
    warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format("The sform of {} is singular; the qform is taken instead.", file)});
  }
  const Vec3 spacing = spacingOf(f, file, warnings);
  if (f.qformCode > 0) {
    const Affine affine = qform(f, spacing);
    if (usable(affine)) {
      return affine;
    }
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} has no usable position: its qform holds numbers that are not finite.",
                    file));
  }
  warnings.push_back(
      {WarningCode::ValueRepaired,
       fmt::format("{} does not say where it lies in the patient (no sform, no qform); "
                   "its axes are taken as right, anterior, superior.",
                   file)});
  Affine affine;
  for (int axis = 0; axis < 3; ++axis) {
    affine.linear[static_cast<std::size_t>(axis)][static_cast<std::size_t>(axis)] = spacing[axis];
  }
  return affine;
}

Result<void> applyUnit(Affine& affine, int unit, const std::string& file, Warnings& warnings) {
  if (unit != 1 && unit != 3) {
    return {};  // millimetres, or unknown, which means the same
  }
  const double factor = unit == 1 ? 1000.0 : 0.001;
  for (int axis = 0; axis < 3; ++axis) {
    affine.setColumn(axis, affine.column(axis) * factor);
  }
  affine.offset = affine.offset * factor;
  warnings.push_back({WarningCode::ValueRepaired,
                      fmt::format("{} gives lengths in {}; they were converted to millimetres.",
                                  file,
                                  unit == 1 ? "metres" : "micrometres")});
  return {};
}

Result<void> applySizes(const Fields& f, const fs::path& path, Header& header) {
  const std::string file = displayed(path);
  if (f.dim[0] < 1 || f.dim[0] > 7) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} announces {} dimensions; it is damaged.", file, f.dim[0]));
  }
  std::array<std::int64_t, 8> dim{0, 1, 1, 1, 1, 1, 1, 1};
  for (std::size_t n = 1; n <= static_cast<std::size_t>(f.dim[0]); ++n) {
    // Dimensions after the third are often left 0 by writers that do not use them.
    dim[n] = n > 3 && f.dim[n] == 0 ? 1 : f.dim[n];
    if (dim[n] < 1 || dim[n] > (std::int64_t{1} << 31)) {
      return fail(
          ErrorCode::InputRefused,
          fmt::format("{} announces {} voxels along axis {}; it is damaged.", file, dim[n], n));
    }
  }
  header.size = {dim[1], dim[2], dim[3]};
  ARGAND_TRY(checkSize(header.size, path));
  double components = 1.0;
  for (std::size_t n = 4; n < dim.size(); ++n) {
    components *= static_cast<double>(dim[n]);
  }
  if (components > 1e9) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} announces {:.0f} values per voxel; it is damaged.", file, components));
  }
  header.components = static_cast<std::int64_t>(components);
  return {};
}

Result<void> applyScaling(const Fields& f,
                          const std::string& file,
                          Header& header,
                          Warnings& warnings) {
  if (!std::isfinite(f.slope) || (f.slope != 0.0 && !std::isfinite(f.intercept))) {
    warnings.push_back(
        {WarningCode::ValueRepaired,
         fmt::format(
             "The scaling of {} is not a finite number; stored values are taken as they are.",
             file)});
    return {};
  }
  if (f.slope != 0.0) {  // 0 means: no scaling
    header.slope = f.slope;
    header.intercept = f.intercept;
  }
  return {};
}

}  // namespace

Result<Layout> layoutOf(std::span<const std::byte, 4> start, const std::string& file) {
  for (const bool otherByteOrder : {false, true}) {
    const auto bytes = load<std::int32_t>(start, 0, otherByteOrder);
    if (bytes == 348 || bytes == 540) {
      return Layout{bytes == 348 ? 1 : 2, otherByteOrder};
    }
  }
  return fail(ErrorCode::InputRefused, fmt::format("{} is not a NIfTI file.", file));
}

std::int64_t headerBytes(const Layout& layout) {
  return layout.version == 1 ? 348 : 540;
}

Result<Header> parse(std::span<const std::byte> bytes,
                     const Layout& layout,
                     const fs::path& path,
                     Warnings& warnings) {
  const std::string file = displayed(path);
  const Reader reader{bytes, layout.otherByteOrder};
  const Fields f = layout.version == 1 ? fieldsOfVersion1(reader) : fieldsOfVersion2(reader);
  if (f.magic.substr(0, 2) == "ni") {
    return fail(
        ErrorCode::InputRefused,
        fmt::format("{} is one half of a NIfTI pair (.hdr and .img); save it as one .nii file.",
                    file));
  }
  if (f.magic.substr(0, 3) != (layout.version == 1 ? "n+1" : "n+2")) {
    return fail(ErrorCode::InputRefused,
                fmt::format("{} is not a NIfTI file (an Analyze file, perhaps, which does not say "
                            "left from right).",
                            file));
  }
  Header header;
  header.otherByteOrder = layout.otherByteOrder;
  header.headerBytes = headerBytes(layout);
  ARGAND_TRY(applySizes(f, path, header));
  ARGAND_ASSIGN(header.type, typeOf(f.datatype, file));
  ARGAND_TRY(applyScaling(f, file, header, warnings));
  const auto least = static_cast<double>(header.headerBytes);
  if (!(f.voxelOffset == 0.0 || (f.voxelOffset >= least && f.voxelOffset < 1e12))) {
    return fail(
        ErrorCode::InputRefused,
        fmt::format(
            "{} says that its voxels start at byte {}; it is damaged.", file, f.voxelOffset));
  }
  header.voxelOffset =
      f.voxelOffset == 0.0 ? header.headerBytes + 4 : static_cast<std::int64_t>(f.voxelOffset);
  ARGAND_ASSIGN(header.rasFromIndex, affineOf(f, header.size, file, warnings));
  ARGAND_TRY(applyUnit(header.rasFromIndex, f.spaceUnit, file, warnings));
  return header;
}

Affine lpsFromRas(const Affine& rasFromIndex) {
  Affine affine = rasFromIndex;
  for (std::size_t row = 0; row < 2; ++row) {
    for (double& value : affine.linear[row]) {
      value = 0.0 - value;  // no negative zeros
    }
  }
  affine.offset = {0.0 - affine.offset.x, 0.0 - affine.offset.y, affine.offset.z};
  return affine;
}

Affine rasFromLps(const Affine& lpsFromIndex) {
  return lpsFromRas(lpsFromIndex);  // the same two signs
}

namespace {

// The quaternion (b, c, d) of a rotation with columns r, and a >= 0.
std::array<double, 3> quaternionOf(const std::array<Vec3, 3>& column) {
  const auto at = [&](int row, std::size_t col) { return column[col][row]; };
  const double trace = at(0, 0) + at(1, 1) + at(2, 2);
  double a = 0;
  std::array<double, 3> q{};
  if (trace > 0.0) {
    a = 0.5 * std::sqrt(1.0 + trace);
    q = {0.25 * (at(2, 1) - at(1, 2)) / a,
         0.25 * (at(0, 2) - at(2, 0)) / a,
         0.25 * (at(1, 0) - at(0, 1)) / a};
    return q;
  }
  // The largest diagonal element gives the best conditioned of the other forms.
  int i = 0;
  for (int n = 1; n < 3; ++n) {
    i = at(n, static_cast<std::size_t>(n)) > at(i, static_cast<std::size_t>(i)) ? n : i;
  }
  const int j = (i + 1) % 3;
  const int k = (i + 2) % 3;
  const auto ui = static_cast<std::size_t>(i);
  const auto uj = static_cast<std::size_t>(j);
  const auto uk = static_cast<std::size_t>(k);
  q[ui] = 0.5 * std::sqrt(std::max(0.0, 1.0 + at(i, ui) - at(j, uj) - at(k, uk)));
  q[uj] = 0.25 * (at(j, ui) + at(i, uj)) / q[ui];
  q[uk] = 0.25 * (at(k, ui) + at(i, uk)) / q[ui];
  a = 0.25 * (at(k, uj) - at(j, uk)) / q[ui];
  if (a < 0.0) {
    q = {-q[0], -q[1], -q[2]};
  }
  return q;
}

class Writer {
 public:
  explicit Writer(std::size_t bytes) : m_bytes(bytes) {}

  template <typename T>
  void put(std::size_t offset, T value) {
    std::memcpy(m_bytes.data() + offset, &value, sizeof(T));
  }

  void text(std::size_t offset, std::string_view value) {
    std::memcpy(m_bytes.data() + offset, value.data(), value.size());
  }

  std::vector<std::byte> take() { return std::move(m_bytes); }

 private:
  std::vector<std::byte> m_bytes;
};

}  // namespace

Result<std::vector<std::byte>> encoded(const Geometry& geometry,
                                       RawType type,
                                       std::size_t extensionBytes,
                                       const std::string& file) {
  for (int axis = 0; axis < 3; ++axis) {
    if (geometry.size[axis] > 32767) {
      return fail(
          ErrorCode::OutputFailed,
          fmt::format("{} cannot be written: NIfTI-1 holds at most 32767 voxels along an axis, "
                      "and there are {}. Write .nrrd instead.",
                      file,
                      geometry.size[axis]));
    }
  }
  Writer out(352);
  out.put<std::int32_t>(0, 348);
  out.put<char>(38, 'r');  // `regular`, as writers have always set it
  out.put<std::int16_t>(40, 3);
  const Affine ras = rasFromLps(geometry.lpsFromIndex);
  std::array<Vec3, 3> unit;
  for (std::size_t n = 0; n < 3; ++n) {
    const int axis = static_cast<int>(n);
    out.put(42 + 2 * n, static_cast<std::int16_t>(geometry.size[axis]));
    out.put(80 + 4 * n, static_cast<float>(length(ras.column(axis))));
    unit[n] = normalized(ras.column(axis));
  }
  for (std::size_t n = 3; n < 7; ++n) {
    out.put<std::int16_t>(42 + 2 * n, 1);
    out.put<float>(80 + 4 * n, 1.0F);
  }
  out.put(70, static_cast<std::int16_t>(codeOf(type)));
  out.put(72, static_cast<std::int16_t>(8 * bytesOf(type)));
  out.put(108, static_cast<float>(352 + extensionBytes));
  out.put(112, 1.0F);
  out.put<char>(123, 2);  // millimetres
  const bool leftHanded = ras.determinant() < 0.0;
  out.put(76, leftHanded ? -1.0F : 1.0F);
  if (geometry.orthogonal()) {
    if (leftHanded) {
      unit[2] = unit[2] * -1.0;
    }
    const auto quaternion = quaternionOf(unit);
    out.put<std::int16_t>(252, 1);
    for (std::size_t n = 0; n < 3; ++n) {
      out.put(256 + 4 * n, static_cast<float>(quaternion[n]));
      out.put(268 + 4 * n, static_cast<float>(ras.offset[static_cast<int>(n)]));
    }
  }
  out.put<std::int16_t>(254, 1);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      out.put(280 + 16 * row + 4 * column, static_cast<float>(ras.linear[row][column]));
    }
    out.put(292 + 16 * row, static_cast<float>(ras.offset[static_cast<int>(row)]));
  }
  out.text(344, std::string_view("n+1\0", 4));
  out.put<char>(348, extensionBytes > 0 ? 1 : 0);
  return out.take();
}

}  // namespace argand::io::nifti
