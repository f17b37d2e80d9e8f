// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>

// The operations of a network. Spatial sizes are free; what an operation fixes
// is channels, kernels, strides and paddings. Semantics are PyTorch's.
namespace argand::engine {

// Voxels along depth, height and width; also kernels, strides and paddings.
// Depth is the slowest axis in memory and the one that slabs divide.
struct Extent {
  std::int64_t d = 1;
  std::int64_t h = 1;
  std::int64_t w = 1;

  [[nodiscard]] std::int64_t voxels() const { return d * h * w; }

  [[nodiscard]] std::int64_t operator[](int axis) const {
    return axis == 0 ? d : (axis == 1 ? h : w);
  }

  std::int64_t& operator[](int axis) { return axis == 0 ? d : (axis == 1 ? h : w); }

  bool operator==(const Extent&) const = default;
};

struct Shape {
  std::int64_t samples = 1;
  std::int64_t channels = 1;
  Extent size;

  [[nodiscard]] std::int64_t elements() const { return samples * channels * size.voxels(); }

  bool operator==(const Shape&) const = default;
};

[[nodiscard]] std::string toString(const Extent& extent);  // "192x320x256"

struct InputOp {
  std::int64_t channels = 1;
  bool operator==(const InputOp&) const = default;
};

// Weight (channels, in / groups, kernel), bias (channels); padding is with zeros.
struct ConvOp {
  std::int64_t channels = 1;
  Extent kernel{3, 3, 3};
  Extent stride{1, 1, 1};
  Extent padding{1, 1, 1};
  Extent dilation{1, 1, 1};
  std::int64_t groups = 1;
  bool bias = true;
  bool operator==(const ConvOp&) const = default;
};

// Weight (in, channels, kernel), bias (channels). `outputPadding` adds voxels at
// the far end, as PyTorch's output_padding.
struct TransposedConvOp {
  std::int64_t channels = 1;
  Extent kernel{2, 2, 2};
  Extent stride{2, 2, 2};
  Extent padding{0, 0, 0};
  Extent outputPadding{0, 0, 0};
  bool bias = true;
  bool operator==(const TransposedConvOp&) const = default;
};

// Mean and biased variance per sample and channel over all voxels.
struct InstanceNormOp {
  double epsilon = 1e-5;
  bool affine = true;
  bool operator==(const InstanceNormOp&) const = default;
};

// In inference by the running statistics; in training by those of the batch,
// which move the running ones by `momentum` (unbiased variance, as PyTorch).
struct BatchNormOp {
  double epsilon = 1e-5;
  double momentum = 0.1;
  bool operator==(const BatchNormOp&) const = default;
};

// Mean and biased variance per sample and group of neighbouring channels.
struct GroupNormOp {
  std::int64_t groups = 1;
  double epsilon = 1e-5;
  bool affine = true;
  bool operator==(const GroupNormOp&) const = default;
};

// x for x > 0, slope * x else: leaky ReLU, and ReLU with slope 0.
struct LeakyReluOp {
  double slope = 0.01;
  bool operator==(const LeakyReluOp&) const = default;
};

// Leaky ReLU with learned slopes: weight (slopes), one for all channels or one each.
struct PReluOp {
  std::int64_t slopes = 1;
  bool operator==(const PReluOp&) const = default;
};

// x * sigmoid(x).
struct SiluOp {
  bool operator==(const SiluOp&) const = default;
};

struct SigmoidOp {
  bool operator==(const SigmoidOp&) const = default;
};

// Drops values with probability `probability` in training; nothing in inference.
struct DropoutOp {
  double probability = 0.5;
  bool operator==(const DropoutOp&) const = default;
};

// Over windows; an average counts the padding (PyTorch's default).
struct PoolOp {
  enum class Kind { Max, Average };
  Kind kind = Kind::Max;
  Extent kernel{2, 2, 2};
  Extent stride{2, 2, 2};
  Extent padding{0, 0, 0};
  bool operator==(const PoolOp&) const = default;
};

// To `factor` times the size; trilinear with corners not aligned (PyTorch's
// align_corners=False), nearest by the voxel below.
struct UpsampleOp {
  enum class Kind { Nearest, Trilinear };
  Kind kind = Kind::Trilinear;
  Extent factor{2, 2, 2};
  bool operator==(const UpsampleOp&) const = default;
};

// The mean over all voxels: (channels, 1, 1, 1).
struct GlobalPoolOp {
  bool operator==(const GlobalPoolOp&) const = default;
};

// On (in, 1, 1, 1): weight (channels, in), bias (channels).
struct LinearOp {
  std::int64_t channels = 1;
  bool bias = true;
  bool operator==(const LinearOp&) const = default;
};

// Inputs x and gate, the gate (channels, 1, 1, 1): x * gate (squeeze-excitation).
struct ScaleOp {
  bool operator==(const ScaleOp&) const = default;
};

struct AddOp {
  bool operator==(const AddOp&) const = default;
};

// Along channels, in the order of the inputs.
struct ConcatOp {
  bool operator==(const ConcatOp&) const = default;
};

// Along channels.
struct SoftmaxOp {
  bool operator==(const SoftmaxOp&) const = default;
};

// The first channel of the highest value, as one channel.
struct ArgmaxOp {
  bool operator==(const ArgmaxOp&) const = default;
};

using Op = std::variant<InputOp,
                        ConvOp,
                        TransposedConvOp,
                        InstanceNormOp,
                        BatchNormOp,
                        LeakyReluOp,
                        AddOp,
                        ConcatOp,
                        GroupNormOp,
                        PReluOp,
                        SiluOp,
                        SigmoidOp,
                        DropoutOp,
                        PoolOp,
                        UpsampleOp,
                        GlobalPoolOp,
                        LinearOp,
                        ScaleOp,
                        SoftmaxOp,
                        ArgmaxOp>;

}  // namespace argand::engine
