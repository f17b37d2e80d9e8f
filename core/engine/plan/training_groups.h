// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/engine/plan/training_memory.h"
#include "core/engine/plan/training_replay.h"
#include "core/engine/plan/training_space.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

// What each group of operations does to the memory of a training step, by the replay of
// that group alone: exactly what the replay of the whole plan comes to.
namespace argand::engine {

// A value that lives where one group ends and the next begins, on one device. Numbers name
// tensors; two values of one number share it.
struct Hold {
  static constexpr std::int8_t kNone = -1;

  std::int8_t value = kNone;
  // The same of its gradient when backward comes back here. Below kNone where it is one that
  // the stages behind have sent, which the graph holds to the end of backward.
  std::int8_t gradient = kNone;
  bool saved = false;  // for the backward of what is before

  static std::int8_t number(std::size_t n) { return static_cast<std::int8_t>(n); }

  static std::int8_t root(std::size_t n) { return static_cast<std::int8_t>(-2 - number(n)); }
};

// How everything lies that lives there. Gradients are a guess about what comes behind, to
// be borne out by it.
struct Boundary {
  std::vector<const std::vector<std::int64_t>*> bounds;  // by live value
  std::vector<Hold> holds;                               // by device and live value
};

// What a group adds to a device, or needs there beside what the groups before it hold.
struct GroupNeed {
  std::int64_t weights = 0;
  std::int64_t roots = 0;  // gradients from behind, held through all of backward
  std::int64_t held = 0;   // from its forward to its backward
  std::int64_t forwardPeak = 0;
  std::int64_t backwardPeak = 0;
  bool used = false;
};

struct GroupResult {
  Boundary after;
  std::vector<GroupNeed> needs;  // by device
};

class TrainingGroups {
 public:
  // Operations `first` to before `end` are one stage. All given outlives it.
  TrainingGroups(const TrainingFacts& facts,
                 const TrainingSpace& space,
                 const std::vector<DevicePlan>& devices,
                 int first,
                 int end);

  // Where nothing has been computed yet and what comes from outside is on this device.
  [[nodiscard]] std::vector<Boundary> starts(int firstDevice) const;

  // A group from operation `first` on: one result for every guess about gradients behind
  // it that bears out the guess of `before`.
  [[nodiscard]] std::vector<GroupResult> run(int first,
                                             const TrainingChoice& choice,
                                             const Boundary& before,
                                             int firstDevice);

  // Groups replayed on a device, which is what a search takes most of its time for.
  [[nodiscard]] std::int64_t replays() const;

  // Where everything lies by one layout and what was read before is saved.
  [[nodiscard]] Boundary assumed(int op, int layout, int firstDevice) const;

  // Of a device at the end of the stage: values that nothing has saved, and the gradient
  // of the scores, which the loss makes.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> atTheEnd(const Boundary& end,
                                                               int device) const;

  // At its begin: the gradients that go to other stages, which made their values.
  [[nodiscard]] std::vector<StageBytes::Sent> sent(const Boundary& start,
                                                   int device,
                                                   const std::vector<int>& stageOf) const;

 private:
  // Values that live where operation `first` + n begins, and what is known of them.
  struct Layer {
    std::vector<NodeId> live;
    std::vector<bool> readBefore;  // in the stage
    // Ways in which their gradients may share tensors: by live value, as Hold has it.
    std::vector<std::vector<std::int8_t>> gradients;
  };

  struct DeviceResult {
    GroupNeed need;                                     // but for what is not touched
    std::vector<std::pair<int, Hold>> after;            // live values behind the group
    std::vector<std::pair<int, std::int8_t>> gradient;  // of live values before it
  };

  struct Group {
    int first = 0;
    TrainingChoice choice;
    const TrainingSegment* segment = nullptr;
    std::vector<int> touched;  // live values before it
    std::vector<int> touchedAfter;
    bool free = true;  // no two values share a tensor on either side
  };

  [[nodiscard]] NodeId nodeAt(int op) const;
  // Made in the stage and read by a later one.
  [[nodiscard]] bool leaves(NodeId id) const;
  [[nodiscard]] std::int64_t bytesOf(NodeId id, int device) const;
  [[nodiscard]] const Layer& layer(int op) const;
  void addLayer(int op);
  [[nodiscard]] Group groupOf(int first, const TrainingChoice& choice, const Boundary& before);
  void place(const Group& group, const Boundary& before, int firstDevice);
  [[nodiscard]] std::vector<std::vector<std::int8_t>> gradientsOn(
      const Layer& layer,
      const std::vector<const std::vector<std::int64_t>*>& bounds,
      int device) const;
  [[nodiscard]] DeviceResult replay(const Group& group,
                                    const Boundary& before,
                                    const std::vector<std::int8_t>& gradients,
                                    int device) const;
  const DeviceResult& known(const Group& group,
                            const Boundary& before,
                            const std::vector<std::int8_t>& gradients,
                            int device,
                            int firstDevice);
  void addParameters(const Group& group, int device, GroupNeed& need) const;
  // Of what the group does not touch, what stands beside it.
  void addUntouched(const Group& group,
                    const Boundary& before,
                    const std::vector<std::int8_t>& gradients,
                    int device,
                    GroupNeed& need) const;

  const TrainingFacts& m_facts;
  const TrainingSpace& m_space;
  const std::vector<DevicePlan>& m_devices;
  const int m_first;
  const int m_end;
  std::vector<Layer> m_layers;
  // What comes from outside, by the device that has it and the node.
  std::vector<std::vector<std::vector<std::int64_t>>> m_outside;
  std::map<std::pair<int, int>, TrainingSegment> m_segments;
  Placement m_placement;
  std::vector<std::map<std::vector<std::int64_t>, DeviceResult>> m_known;  // by device
};

}  // namespace argand::engine
