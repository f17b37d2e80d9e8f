// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/assert.h"
#include "core/volume/affine.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace argand {

using LabelValue = std::uint16_t;  // 0 is background

// Label values on a grid, in copy-on-write blocks of 32 x 32 x 32: a copy shares
// all blocks, and writing to it copies only the blocks that change. So a
// snapshot for a long job costs a table of pointers. Empty blocks take nothing.
// Copies may be read on other threads; one object is written by one thread.
class LabelLayer {
 public:
  static constexpr std::int64_t kBlock = 32;

  explicit LabelLayer(const Size3& size = {});

  [[nodiscard]] const Size3& size() const { return m_size; }

  [[nodiscard]] Box box() const { return {{0, 0, 0}, m_size}; }

  [[nodiscard]] LabelValue at(const Index3& index) const {
    ARGAND_ASSERT(box().contains(index));
    const Block* block = m_table[blockOf(index)].get();
    return block == nullptr ? LabelValue{0} : block->voxels[voxelOf(index)];
  }

  void set(const Index3& index, LabelValue value);

  // The voxels of `box`, i fastest; `box` must lie within the grid.
  void read(const Box& box, std::span<LabelValue> voxels) const;
  [[nodiscard]] std::vector<LabelValue> read(const Box& box) const;
  void write(const Box& box, std::span<const LabelValue> voxels);
  // Makes every voxel of `value` background.
  void erase(LabelValue value);

  // The smallest box with every voxel of `value` (empty box where there is none).
  [[nodiscard]] Box boundsOf(LabelValue value) const;
  [[nodiscard]] std::int64_t count(LabelValue value) const;
  // Voxels per value for all values at once; index is the value.
  [[nodiscard]] std::vector<std::int64_t> histogram() const;
  [[nodiscard]] bool empty() const;  // all background

  // Boxes that hold every voxel in which the two layers (of one size) differ, one
  // for each run of kBlock slices with a difference, none larger than it must be.
  // Blocks that the layers share are not looked at.
  [[nodiscard]] std::vector<Box> differingBoxes(const LabelLayer& other) const;

 private:
  static constexpr std::int64_t kBlockVoxels = kBlock * kBlock * kBlock;

  struct Block {
    std::atomic<std::uint32_t> owners{1};
    std::array<LabelValue, kBlockVoxels> voxels;  // i fastest; beyond the grid always 0
  };

  // Shares a block with a count that can be asked for "mine alone" safely
  // while other threads drop their copies: shared_ptr::use_count() cannot (it
  // does not synchronise with the last reads of a former owner).
  class BlockRef {
   public:
    BlockRef() = default;

    explicit BlockRef(Block* owned) : m_block(owned) {}

    BlockRef(const BlockRef& other) : m_block(other.m_block) {
      if (m_block != nullptr) {
        m_block->owners.fetch_add(1, std::memory_order_relaxed);
      }
    }

    BlockRef(BlockRef&& other) noexcept : m_block(std::exchange(other.m_block, nullptr)) {}

    BlockRef& operator=(BlockRef other) noexcept {
      std::swap(m_block, other.m_block);
      return *this;
    }

    ~BlockRef() {
      if (m_block != nullptr && m_block->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete m_block;
      }
    }

    [[nodiscard]] Block* get() const { return m_block; }

    [[nodiscard]] bool alone() const {
      return m_block->owners.load(std::memory_order_acquire) == 1;
    }

   private:
    Block* m_block = nullptr;
  };

  [[nodiscard]] std::size_t blockOf(const Index3& index) const {
    return static_cast<std::size_t>(
        ((index.k / kBlock) * m_blocks.j + index.j / kBlock) * m_blocks.i + index.i / kBlock);
  }

  [[nodiscard]] static std::size_t voxelOf(const Index3& index) {
    return static_cast<std::size_t>(((index.k % kBlock) * kBlock + index.j % kBlock) * kBlock +
                                    index.i % kBlock);
  }

  // The block to write to: made where there is none, copied where it is shared.
  LabelValue* writable(std::size_t block);
  void dropIfEmpty(std::size_t block);
  template <typename Visitor>
  void forEachBlock(const Box& box, Visitor&& visitor) const;
  [[nodiscard]] Box differingBox(const LabelLayer& other, std::size_t block) const;

  Size3 m_size;
  Size3 m_blocks;
  std::vector<BlockRef> m_table;  // null: all background
};

}  // namespace argand
