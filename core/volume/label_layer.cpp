// SPDX-License-Identifier: Apache-2.0
#include "core/volume/label_layer.h"

#include <algorithm>
#include <bit>
#include <memory>

namespace argand {

namespace {

constexpr auto kSide = static_cast<std::size_t>(LabelLayer::kBlock);

// Which of the 32 voxels of a row of a block hold `value`, as bits.
std::uint32_t bitsOf(const LabelValue* row, LabelValue value) {
  bool any = false;
  for (std::size_t i = 0; i < kSide; ++i) {
    any |= row[i] == value;
  }
  std::uint32_t bits = 0;
  for (std::size_t i = 0; any && i < kSide; ++i) {
    bits |= static_cast<std::uint32_t>(row[i] == value) << i;
  }
  return bits;
}

// Grows `box` by the voxels of a row at (0, j, k) whose bits are set.
void include(Box& box, std::uint32_t bits, const Index3& row) {
  const int low = std::countr_zero(bits);
  const int high = 32 - std::countl_zero(bits);
  box = united(box, {{row.i + low, row.j, row.k}, {row.i + high, row.j + 1, row.k + 1}});
}

}  // namespace

LabelLayer::LabelLayer(const Size3& size)
    : m_size(size),
      m_blocks{(size.i + kBlock - 1) / kBlock,
               (size.j + kBlock - 1) / kBlock,
               (size.k + kBlock - 1) / kBlock},
      m_table(static_cast<std::size_t>(m_blocks.voxels())) {}

// Calls visitor(block number, part of `box` within the block) for each block it touches.
template <typename Visitor>
void LabelLayer::forEachBlock(const Box& box, Visitor&& visitor) const {
  ARGAND_ASSERT(intersection(box, this->box()) == box);
  if (box.empty()) {
    return;
  }
  for (std::int64_t k = box.begin.k / kBlock; k * kBlock < box.end.k; ++k) {
    for (std::int64_t j = box.begin.j / kBlock; j * kBlock < box.end.j; ++j) {
      for (std::int64_t i = box.begin.i / kBlock; i * kBlock < box.end.i; ++i) {
        const Index3 begin{i * kBlock, j * kBlock, k * kBlock};
        const Box whole{begin, {begin.i + kBlock, begin.j + kBlock, begin.k + kBlock}};
        visitor(blockOf(begin), intersection(box, whole));
      }
    }
  }
}

LabelValue* LabelLayer::writable(std::size_t block) {
  BlockRef& ref = m_table[block];
  if (ref.get() == nullptr) {
    ref = BlockRef(new Block{});
  } else if (!ref.alone()) {
    auto copy = std::make_unique<Block>();
    copy->voxels = ref.get()->voxels;
    ref = BlockRef(copy.release());
  }
  return ref.get()->voxels.data();
}

void LabelLayer::dropIfEmpty(std::size_t block) {
  const auto& voxels = m_table[block].get()->voxels;
  if (std::all_of(voxels.begin(), voxels.end(), [](LabelValue value) { return value == 0; })) {
    m_table[block] = BlockRef();
  }
}

void LabelLayer::set(const Index3& index, LabelValue value) {
  if (at(index) != value) {
    writable(blockOf(index))[voxelOf(index)] = value;
  }
}

void LabelLayer::read(const Box& box, std::span<LabelValue> voxels) const {
  const Size3 extent = box.size();
  ARGAND_ASSERT(static_cast<std::int64_t>(voxels.size()) == extent.voxels());
  forEachBlock(box, [&](std::size_t block, const Box& part) {
    const Block* from = m_table[block].get();
    for (std::int64_t k = part.begin.k; k < part.end.k; ++k) {
      for (std::int64_t j = part.begin.j; j < part.end.j; ++j) {
        LabelValue* to = voxels.data() +
                         ((k - box.begin.k) * extent.j + j - box.begin.j) * extent.i +
                         part.begin.i - box.begin.i;
        const std::int64_t width = part.end.i - part.begin.i;
        if (from == nullptr) {
          std::fill_n(to, width, LabelValue{0});
        } else {
          std::copy_n(from->voxels.data() + voxelOf({part.begin.i, j, k}), width, to);
        }
      }
    }
  });
}

std::vector<LabelValue> LabelLayer::read(const Box& box) const {
  std::vector<LabelValue> voxels(static_cast<std::size_t>(box.size().voxels()));
  read(box, voxels);
  return voxels;
}

void LabelLayer::write(const Box& box, std::span<const LabelValue> voxels) {
  const Size3 extent = box.size();
  ARGAND_ASSERT(static_cast<std::int64_t>(voxels.size()) == extent.voxels());
  forEachBlock(box, [&](std::size_t block, const Box& part) {
    const std::int64_t width = part.end.i - part.begin.i;
    const auto source = [&](std::int64_t j, std::int64_t k) {
      return voxels.data() + ((k - box.begin.k) * extent.j + j - box.begin.j) * extent.i +
             part.begin.i - box.begin.i;
    };
    // Rows that stay as they are must not copy a shared block.
    LabelValue* to = nullptr;
    bool background = true;
    for (std::int64_t k = part.begin.k; k < part.end.k; ++k) {
      for (std::int64_t j = part.begin.j; j < part.end.j; ++j) {
        const LabelValue* from = source(j, k);
        const bool zero =
            std::all_of(from, from + width, [](LabelValue value) { return value == 0; });
        background = background && zero;
        const Block* held = m_table[block].get();
        const std::size_t offset = voxelOf({part.begin.i, j, k});
        const bool same =
            held == nullptr ? zero : std::equal(from, from + width, held->voxels.data() + offset);
        if (!same) {
          to = to != nullptr ? to : writable(block);
          std::copy_n(from, width, to + offset);
        }
      }
    }
    if (to != nullptr && background) {
      dropIfEmpty(block);
    }
  });
}

void LabelLayer::erase(LabelValue value) {
  ARGAND_ASSERT(value != 0);
  for (std::size_t block = 0; block < m_table.size(); ++block) {
    const Block* held = m_table[block].get();
    if (held == nullptr ||
        std::find(held->voxels.begin(), held->voxels.end(), value) == held->voxels.end()) {
      continue;
    }
    LabelValue* voxels = writable(block);
    std::replace(voxels, voxels + kBlockVoxels, value, LabelValue{0});
    dropIfEmpty(block);
  }
}

Box LabelLayer::boundsOf(LabelValue value) const {
  Box bounds;
  forEachBlock(box(), [&](std::size_t block, const Box& part) {
    const Block* held = m_table[block].get();
    if (held == nullptr) {
      bounds = value == 0 ? united(bounds, part) : bounds;
      return;
    }
    const std::uint32_t inside =
        ~std::uint32_t{0} >> static_cast<unsigned>(kBlock - (part.end.i - part.begin.i));
    for (std::int64_t k = part.begin.k; k < part.end.k; ++k) {
      for (std::int64_t j = part.begin.j; j < part.end.j; ++j) {
        const Index3 row{part.begin.i, j, k};
        const std::uint32_t bits = bitsOf(held->voxels.data() + voxelOf(row), value) & inside;
        if (bits != 0) {
          include(bounds, bits, row);
        }
      }
    }
  });
  return bounds;
}

std::int64_t LabelLayer::count(LabelValue value) const {
  // Background also lies beyond the grid in the last blocks: it is what remains.
  std::int64_t counted = 0;
  for (const BlockRef& ref : m_table) {
    const Block* held = ref.get();
    if (held == nullptr) {
      continue;
    }
    const auto found = std::count(held->voxels.begin(), held->voxels.end(), value);
    counted += value == 0 ? kBlockVoxels - found : found;
  }
  return value == 0 ? m_size.voxels() - counted : counted;
}

std::vector<std::int64_t> LabelLayer::histogram() const {
  std::vector<std::int64_t> counts(std::size_t{1} << 16U, 0);
  for (const BlockRef& ref : m_table) {
    if (const Block* held = ref.get()) {
      // A run of one value, the common case, costs one addition.
      auto from = held->voxels.begin();
      while (from != held->voxels.end()) {
        const auto to = std::find_if(
            from, held->voxels.end(), [value = *from](LabelValue other) { return other != value; });
        counts[*from] += to - from;
        from = to;
      }
    }
  }
  counts[0] = m_size.voxels();
  std::size_t used = 1;
  for (std::size_t value = 1; value < counts.size(); ++value) {
    counts[0] -= counts[value];
    used = counts[value] > 0 ? value + 1 : used;
  }
  counts.resize(used);
  return counts;
}

bool LabelLayer::empty() const {
  return count(0) == m_size.voxels();
}

Box LabelLayer::differingBox(const LabelLayer& other, std::size_t block) const {
  static const std::array<LabelValue, kBlockVoxels> kBackground{};
  const auto voxelsOf = [&](const LabelLayer& layer) {
    const Block* held = layer.m_table[block].get();
    return held == nullptr ? kBackground.data() : held->voxels.data();
  };
  const LabelValue* a = voxelsOf(*this);
  const LabelValue* b = voxelsOf(other);
  Box box;
  for (std::int64_t row = 0; row < kBlock * kBlock; ++row, a += kBlock, b += kBlock) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kSide; ++i) {
      bits |= static_cast<std::uint32_t>(a[i] != b[i]) << i;
    }
    if (bits != 0) {
      include(box, bits, {0, row % kBlock, row / kBlock});
    }
  }
  return box;
}

std::vector<Box> LabelLayer::differingBoxes(const LabelLayer& other) const {
  ARGAND_ASSERT(m_size == other.m_size);
  std::vector<Box> boxes;
  for (std::int64_t first = 0; first < m_size.k; first += kBlock) {
    Box box;
    const Box slab{{0, 0, first}, {m_size.i, m_size.j, std::min(first + kBlock, m_size.k)}};
    forEachBlock(slab, [&](std::size_t block, const Box& part) {
      if (m_table[block].get() == other.m_table[block].get()) {
        return;
      }
      Box differing = differingBox(other, block);
      for (int axis = 0; axis < 3 && !differing.empty(); ++axis) {
        differing.begin[axis] += part.begin[axis];
        differing.end[axis] += part.begin[axis];
      }
      box = united(box, differing);
    });
    if (!box.empty()) {
      boxes.push_back(box);
    }
  }
  return boxes;
}

}  // namespace argand
