// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/training_groups.h"

#include <cstdint>
#include <vector>

namespace argand::engine {

// What the operations from one on come to, by one layout for all of them or any for each:
// where the search may keep only some of its labels, those go on that this promises most.
// An estimate, since it takes what a group reads to lie as the group does.
class TrainingGuide {
 public:
  // What is there of one device when an operation begins.
  struct Base {
    std::int64_t fixed = 0;  // weights, and what others in flight hold
    std::int64_t held = 0;
    std::int64_t peak = 0;
  };

  // `others`: micro-batches in flight beside one.
  TrainingGuide(TrainingGroups& groups,
                const TrainingSpace& space,
                const std::vector<DevicePlan>& devices,
                int first,
                int end,
                std::int64_t others);

  // The least seconds with which it fits; infinite where it does not.
  [[nodiscard]] double seconds(int op, const std::vector<Base>& bases) const;

  // The least share of its budget that the tightest device needs.
  [[nodiscard]] double share(int op, const std::vector<Base>& bases) const;

 private:
  struct Point {
    double seconds = 0.0;
    double share = 0.0;
    std::vector<std::int64_t> fixed;  // by device
    std::vector<std::int64_t> peak;   // beside that
  };

  using Front = std::vector<Point>;  // the fastest first, each smaller than those before it

  void add(TrainingGroups& groups,
           const TrainingSpace& space,
           const std::vector<int>& layouts,
           int end);
  [[nodiscard]] double shareOf(const Point& point, const std::vector<Base>& bases) const;
  static Front thinned(Front all);

  const std::vector<DevicePlan>& m_devices;
  const int m_first;
  const std::int64_t m_others;
  std::vector<std::vector<Front>> m_fronts;  // by what layouts, by operation
};

}  // namespace argand::engine
