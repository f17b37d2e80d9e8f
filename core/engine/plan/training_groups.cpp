// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_groups.h"

#include "core/engine/plan/predict_training.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

namespace argand::engine {

namespace {

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

std::int64_t rowsOn(const std::vector<std::int64_t>& bounds, int device) {
  return bounds[at(device) + 1] - bounds[at(device)];
}

// Every way to let some of `classes[n]`, which begin as numbers of their own, share one:
// partitions of the members that `group` says may.
void forEachSharing(std::vector<std::int8_t>& classes,
                    const std::vector<int>& group,
                    const std::function<void()>& done,
                    std::size_t next = 0) {
  if (next == group.size()) {
    done();
    return;
  }
  const int own = group[next];
  for (std::size_t n = 0; n <= next; ++n) {
    // With the first of each set before it, or alone.
    if (n < next && classes[at(group[n])] != group[n]) {
      continue;
    }
    classes[at(own)] = static_cast<std::int8_t>(group[n]);
    forEachSharing(classes, group, done, next + 1);
  }
  classes[at(own)] = static_cast<std::int8_t>(own);
}

}  // namespace

TrainingGroups::TrainingGroups(const TrainingFacts& facts,
                               const TrainingSpace& space,
                               const std::vector<DevicePlan>& devices,
                               int first,
                               int end)
    : m_facts(facts),
      m_space(space),
      m_devices(devices),
      m_first(first),
      m_end(end),
      m_placement(at(facts.graph().size()), nullptr),
      m_known(devices.size()) {
  for (int device = 0; device < static_cast<int>(devices.size()); ++device) {
    std::vector<std::vector<std::int64_t>> outside;
    for (NodeId id = 0; id < nodeAt(first); ++id) {
      outside.push_back(boundsOn(device, devices.size(), facts.of(id).depth));
    }
    m_outside.push_back(std::move(outside));
  }
  for (int op = first; op <= end; ++op) {
    addLayer(op);
  }
}

NodeId TrainingGroups::nodeAt(int op) const {
  return op < static_cast<int>(m_space.ops().size()) ? m_space.ops()[at(op)].begin
                                                     : m_facts.graph().size();
}

std::int64_t TrainingGroups::bytesOf(NodeId id, int device) const {
  return rowsOn(*m_placement[at(id)], device) * m_facts.of(id).rowBytes;
}

bool TrainingGroups::leaves(NodeId id) const {
  const NodeId last = m_facts.of(id).lastReader;
  return id >= nodeAt(m_first) && last >= nodeAt(m_end) && last < m_facts.graph().size();
}

const TrainingGroups::Layer& TrainingGroups::layer(int op) const {
  return m_layers[at(op - m_first)];
}

void TrainingGroups::addLayer(int op) {
  const Graph& graph = m_facts.graph();
  const NodeId here = nodeAt(op);
  const NodeId end = nodeAt(m_end);
  std::vector<bool> readBefore(at(here), false);
  std::vector<bool> readHere(at(here), false);  // by the stage, from here on
  // Nodes whose gradients may be one tensor.
  std::vector<NodeId> shares(at(graph.size()));
  std::iota(shares.begin(), shares.end(), NodeId{0});
  const std::function<NodeId(NodeId)> rootOf = [&](NodeId id) {
    return shares[at(id)] == id ? id : rootOf(shares[at(id)]);
  };
  std::vector<bool> hasGradient(at(graph.size()), false);
  for (NodeId id = end; id-- > nodeAt(m_first);) {
    hasGradient[at(id)] = hasGradient[at(id)] || id == graph.output() || leaves(id);
    for (const NodeId input : graph.node(id).inputs) {
      if (input < here) {
        (id >= here ? readHere : readBefore)[at(input)] = true;
      }
      if (id < here) {
        continue;
      }
      const bool passes = m_facts.of(id).passes;
      hasGradient[at(input)] =
          hasGradient[at(input)] || !passes || hasGradient[at(id)] || leaves(input);
      if (passes) {
        shares[at(rootOf(input))] = rootOf(id);
      }
    }
  }
  // What passes on the gradient that came for it.
  std::set<NodeId> sent;
  for (NodeId id = here; id < end; ++id) {
    if (leaves(id)) {
      sent.insert(rootOf(id));
    }
  }
  Layer layer;
  std::vector<std::int8_t> own;
  std::map<NodeId, std::vector<int>> sharing;
  for (NodeId id = 1; id < here; ++id) {
    const bool made = id >= nodeAt(m_first);
    if (m_facts.of(id).lastReader < here || (!made && !readHere[at(id)] && !readBefore[at(id)])) {
      continue;
    }
    const std::size_t n = layer.live.size();
    layer.live.push_back(id);
    layer.readBefore.push_back(readBefore[at(id)]);
    const bool onlySent = leaves(id) && !readHere[at(id)];
    if (hasGradient[at(id)] && !onlySent) {
      own.push_back(Hold::number(n));
      sharing[rootOf(id)].push_back(static_cast<int>(n));
    } else {
      own.push_back(onlySent ? Hold::root(n) : Hold::kNone);
    }
  }
  layer.gradients = {own};
  for (const auto& [root, group] : sharing) {
    std::vector<std::vector<std::int8_t>> more;
    for (std::vector<std::int8_t>& classes : layer.gradients) {
      forEachSharing(classes, group, [&] {
        more.push_back(classes);
        // One of the tensors may be that which came.
        for (std::size_t n = 0; n < group.size() && sent.contains(root); ++n) {
          std::vector<std::int8_t> one = classes;
          std::replace(
              one.begin(), one.end(), static_cast<std::int8_t>(group[n]), Hold::root(at(group[n])));
          if (one != classes) {
            more.push_back(std::move(one));
          }
        }
      });
    }
    layer.gradients = std::move(more);
  }
  m_layers.push_back(std::move(layer));
}

// The same for a device that has none of some of the values.
std::vector<std::vector<std::int8_t>> TrainingGroups::gradientsOn(
    const Layer& layer,
    const std::vector<const std::vector<std::int64_t>*>& bounds,
    int device) const {
  std::vector<std::vector<std::int8_t>> all;
  for (std::vector<std::int8_t> classes : layer.gradients) {
    std::map<std::int8_t, std::int8_t> first;
    for (std::size_t n = 0; n < classes.size(); ++n) {
      const std::int8_t number = classes[n] < 0 ? Hold::root(n) : Hold::number(n);
      if (rowsOn(*bounds[n], device) == 0) {
        classes[n] = Hold::kNone;
      } else if (classes[n] != Hold::kNone) {
        classes[n] = first.emplace(classes[n], number).first->second;
      }
    }
    if (std::find(all.begin(), all.end(), classes) == all.end()) {
      all.push_back(std::move(classes));
    }
  }
  return all;
}

std::vector<Boundary> TrainingGroups::starts(int firstDevice) const {
  const Layer& here = layer(m_first);
  const std::size_t count = here.live.size();
  Boundary start;
  for (const NodeId id : here.live) {
    start.bounds.push_back(&m_outside[at(firstDevice)][at(id)]);
  }
  start.holds.resize(m_devices.size() * count);
  std::vector<Boundary> all;
  for (const auto& classes : gradientsOn(here, start.bounds, firstDevice)) {
    for (std::size_t n = 0; n < count; ++n) {
      start.holds[at(firstDevice) * count + n] = {static_cast<std::int8_t>(n), classes[n], false};
    }
    all.push_back(start);
  }
  return all;
}

Boundary TrainingGroups::assumed(int op, int layout, int firstDevice) const {
  const Layer& here = layer(op);
  Boundary boundary;
  for (NodeId id : here.live) {
    while (id >= nodeAt(m_first) && m_facts.of(id).step < 0) {
      id = m_facts.graph().node(id).inputs[0];
    }
    boundary.bounds.push_back(id < nodeAt(m_first)
                                  ? &m_outside[at(firstDevice)][at(id)]
                                  : &m_space.stepPlan(layout, m_facts.of(id).step)->bounds);
  }
  for (int device = 0; device < static_cast<int>(m_devices.size()); ++device) {
    const std::vector<std::int8_t> gradients = gradientsOn(here, boundary.bounds, device).front();
    for (std::size_t n = 0; n < here.live.size(); ++n) {
      const bool has = rowsOn(*boundary.bounds[n], device) > 0;
      boundary.holds.push_back({has ? static_cast<std::int8_t>(n) : Hold::kNone,
                                gradients[n],
                                has && here.readBefore[n]});
    }
  }
  return boundary;
}

TrainingGroups::Group TrainingGroups::groupOf(int first,
                                              const TrainingChoice& choice,
                                              const Boundary& before) {
  Group group;
  group.first = first;
  group.choice = choice;
  const auto [found, isNew] = m_segments.try_emplace({first, choice.recomputed ? choice.last : -1});
  if (isNew) {
    found->second = segmentOf(m_facts.graph(), nodeAt(first), nodeAt(choice.last + 1));
    found->second.recomputed = choice.recomputed;
  }
  group.segment = &found->second;
  const Layer& from = layer(first);
  const Layer& to = layer(choice.last + 1);
  group.free = from.gradients.size() == 1 && to.gradients.size() == 1;
  for (std::size_t n = 0; n < before.holds.size() && group.free; ++n) {
    const std::int8_t value = before.holds[n].value;
    group.free = value == Hold::kNone || at(value) == n % from.live.size();
  }
  // What is not read lies there unchanged.
  const auto& reads = group.segment->reads;
  const auto isTouched = [&](NodeId id) {
    return !group.free || id >= group.segment->begin ||
           std::binary_search(reads.begin(), reads.end(), id);
  };
  for (std::size_t n = 0; n < from.live.size(); ++n) {
    if (isTouched(from.live[n])) {
      group.touched.push_back(static_cast<int>(n));
    }
  }
  for (std::size_t n = 0; n < to.live.size(); ++n) {
    if (isTouched(to.live[n])) {
      group.touchedAfter.push_back(static_cast<int>(n));
    }
  }
  return group;
}

void TrainingGroups::place(const Group& group, const Boundary& before, int firstDevice) {
  m_placement[0] = &m_outside[at(firstDevice)][0];
  const Layer& from = layer(group.first);
  for (std::size_t n = 0; n < from.live.size(); ++n) {
    m_placement[at(from.live[n])] = before.bounds[n];
  }
  for (NodeId id = group.segment->begin; id < group.segment->end; ++id) {
    const StepId step = m_facts.of(id).step;
    m_placement[at(id)] = step >= 0 ? &m_space.stepPlan(group.choice.layout, step)->bounds
                                    : m_placement[at(m_facts.graph().node(id).inputs[0])];
  }
}

TrainingGroups::DeviceResult TrainingGroups::replay(const Group& group,
                                                    const Boundary& before,
                                                    const std::vector<std::int8_t>& gradients,
                                                    int device) const {
  using Id = TrainingReplay::Id;
  const Layer& from = layer(group.first);
  const Layer& to = layer(group.choice.last + 1);
  TrainingReplay replay(m_facts, m_placement, m_devices[at(device)].device, device);
  LiveBytes& bytes = replay.bytes;
  TrainingReplay::Tape tape;
  // What others count already: saved before, or a root.
  std::int64_t counted = 0;
  std::set<int> saved;
  std::vector<Id> tensors(from.live.size());
  for (const int n : group.touched) {
    const NodeId id = from.live[at(n)];
    const Hold& hold = before.holds[at(device) * from.live.size() + at(n)];
    if (hold.value == Hold::kNone) {
      continue;
    }
    Id& tensor = tensors[at(hold.value)];
    if (tensor.tensor >= 0) {
      tape.values[id] = bytes.hold(tensor);
      continue;
    }
    tensor = tape.values[id] = bytes.make(replay.valueBytes(id));
    if (hold.saved) {
      saved.insert(bytes.hold(tensor).tensor);
      counted += bytes.bytesOf(tensor);
    }
  }
  DeviceResult result;
  bytes.restart();
  replay.forward(tape, *group.segment);
  result.need.forwardPeak = bytes.peak() - counted;
  for (const auto& [node, ids] : tape.saved) {
    for (const Id id : ids) {
      if (id.tensor >= 0 && saved.insert(id.tensor).second) {
        result.need.held += bytes.bytesOf(id);
      }
    }
  }
  std::map<int, std::int8_t> numbers;
  for (const int n : group.touchedAfter) {
    const auto value = tape.values.find(to.live[at(n)]);
    Hold hold;
    if (value != tape.values.end() && value->second.tensor >= 0) {
      const int tensor = value->second.tensor;
      hold.value = numbers.emplace(tensor, static_cast<std::int8_t>(n)).first->second;
      hold.saved = saved.contains(tensor);
    }
    hold.gradient = gradients[at(n)];
    result.after.emplace_back(n, hold);
  }
  replay.clear(tape.values);
  std::map<std::int8_t, Id> made;
  std::set<int> roots;
  for (const int n : group.touchedAfter) {
    const NodeId id = to.live[at(n)];
    const std::int8_t number = gradients[at(n)];
    if (number == Hold::kNone) {
      continue;
    }
    Id& gradient = made[number];
    const bool isNew = gradient.tensor < 0;
    gradient = isNew ? bytes.make(replay.valueBytes(id)) : bytes.hold(gradient);
    tape.gradients[id] = gradient;
    if (isNew && number < 0) {
      roots.insert(bytes.hold(gradient).tensor);
      counted += replay.valueBytes(id);
    }
  }
  bytes.restart();
  replay.backward(tape, *group.segment);
  result.need.backwardPeak = bytes.peak() - counted;
  numbers.clear();
  for (const int n : group.touched) {
    const auto found = tape.gradients.find(from.live[at(n)]);
    std::int8_t number = Hold::kNone;
    if (found != tape.gradients.end() && found->second.tensor >= 0) {
      const int tensor = found->second.tensor;
      const std::int8_t own = roots.contains(tensor) ? Hold::root(at(n)) : Hold::number(at(n));
      number = numbers.emplace(tensor, own).first->second;
    }
    result.gradient.emplace_back(n, number);
  }
  return result;
}

const TrainingGroups::DeviceResult& TrainingGroups::known(const Group& group,
                                                          const Boundary& before,
                                                          const std::vector<std::int8_t>& gradients,
                                                          int device,
                                                          int firstDevice) {
  const std::size_t count = layer(group.first).live.size();
  std::vector<std::int64_t> key{
      group.first, group.choice.last, group.choice.layout, group.choice.recomputed, firstDevice};
  for (const int n : group.touched) {
    const Hold& hold = before.holds[at(device) * count + at(n)];
    key.push_back(reinterpret_cast<std::intptr_t>(before.bounds[at(n)]));
    key.push_back(hold.value * 2 + (hold.saved ? 1 : 0));
  }
  for (const int n : group.touchedAfter) {
    key.push_back(gradients[at(n)]);
  }
  const auto [found, isNew] = m_known[at(device)].try_emplace(std::move(key));
  if (isNew) {
    found->second = replay(group, before, gradients, device);
    addParameters(group, device, found->second.need);
  }
  return found->second;
}

void TrainingGroups::addParameters(const Group& group, int device, GroupNeed& need) const {
  for (const NodeId id : layer(group.choice.last + 1).live) {
    if (id >= group.segment->begin && leaves(id)) {
      need.roots += bytesOf(id, device);
    }
  }
  need.weights = parameterBytes(
      m_facts, m_placement, group.segment->begin, group.segment->end, device, kCopiesPerWeight);
  need.used = m_space.uses(group.first, group.choice, device);
}

void TrainingGroups::addUntouched(const Group& group,
                                  const Boundary& before,
                                  const std::vector<std::int8_t>& gradients,
                                  int device,
                                  GroupNeed& need) const {
  const Layer& from = layer(group.first);
  const Layer& to = layer(group.choice.last + 1);
  auto touched = group.touched.begin();
  for (std::size_t n = 0; n < from.live.size(); ++n) {
    const Hold& hold = before.holds[at(device) * from.live.size() + n];
    if (touched != group.touched.end() && at(*touched) == n) {
      ++touched;
    } else if (hold.value != Hold::kNone && !hold.saved) {
      need.forwardPeak += bytesOf(from.live[n], device);
    }
  }
  touched = group.touchedAfter.begin();
  for (std::size_t n = 0; n < to.live.size(); ++n) {
    if (touched != group.touchedAfter.end() && at(*touched) == n) {
      ++touched;
    } else if (gradients[n] >= 0) {
      need.backwardPeak += bytesOf(to.live[n], device);
    }
  }
}

std::vector<GroupResult> TrainingGroups::run(int first,
                                             const TrainingChoice& choice,
                                             const Boundary& before,
                                             int firstDevice) {
  const Group group = groupOf(first, choice, before);
  place(group, before, firstDevice);
  const Layer& from = layer(first);
  const Layer& to = layer(choice.last + 1);
  const std::size_t count = to.live.size();
  GroupResult start;
  for (const NodeId id : to.live) {
    start.after.bounds.push_back(m_placement[at(id)]);
  }
  start.after.holds.resize(m_devices.size() * count);
  start.needs.resize(m_devices.size());
  std::vector<GroupResult> results{std::move(start)};
  for (int device = 0; device < static_cast<int>(m_devices.size()); ++device) {
    std::vector<GroupResult> more;
    for (const auto& gradients : gradientsOn(to, results.front().after.bounds, device)) {
      const DeviceResult& one = known(group, before, gradients, device, firstDevice);
      const bool borneOut =
          std::all_of(one.gradient.begin(), one.gradient.end(), [&](const auto& found) {
            const auto& [n, number] = found;
            return before.holds[at(device) * from.live.size() + at(n)].gradient == number;
          });
      if (!borneOut) {
        continue;
      }
      for (GroupResult result : results) {
        for (std::size_t n = 0, m = 0; n < count; ++n) {
          Hold& hold = result.after.holds[at(device) * count + n];
          // Later nodes than those of the layer before come last.
          while (m < from.live.size() && from.live[m] < to.live[n]) {
            ++m;
          }
          if (m < from.live.size() && from.live[m] == to.live[n]) {
            hold = before.holds[at(device) * from.live.size() + m];
            hold.value = hold.value == Hold::kNone ? Hold::kNone : static_cast<std::int8_t>(n);
            hold.gradient = gradients[n];
          }
        }
        for (const auto& [n, hold] : one.after) {
          result.after.holds[at(device) * count + at(n)] = hold;
        }
        result.needs[at(device)] = one.need;
        addUntouched(group, before, gradients, device, result.needs[at(device)]);
        more.push_back(std::move(result));
      }
    }
    results = std::move(more);
    if (results.empty()) {
      break;
    }
  }
  return results;
}

std::int64_t TrainingGroups::replays() const {
  std::size_t count = 0;
  for (const auto& known : m_known) {
    count += known.size();
  }
  return static_cast<std::int64_t>(count);
}

std::pair<std::int64_t, std::int64_t> TrainingGroups::atTheEnd(const Boundary& end,
                                                               int device) const {
  const Layer& here = layer(m_end);
  std::int64_t values = 0;
  std::int64_t scores = 0;
  for (std::size_t n = 0; n < here.live.size(); ++n) {
    const Hold& hold = end.holds[at(device) * here.live.size() + n];
    const std::int64_t bytes = rowsOn(*end.bounds[n], device) * m_facts.of(here.live[n]).rowBytes;
    values += hold.value == static_cast<std::int8_t>(n) && !hold.saved ? bytes : 0;
    scores += here.live[n] == m_facts.graph().output() ? bytes : 0;
  }
  return {values, scores};
}

std::vector<StageBytes::Sent> TrainingGroups::sent(const Boundary& start,
                                                   int device,
                                                   const std::vector<int>& stageOf) const {
  const Layer& here = layer(m_first);
  std::map<std::int8_t, StageBytes::Sent> all;
  for (std::size_t n = 0; n < here.live.size(); ++n) {
    const Hold& hold = start.holds[at(device) * here.live.size() + n];
    if (hold.gradient != Hold::kNone) {
      StageBytes::Sent& one = all[hold.gradient];
      one.bytes = rowsOn(*start.bounds[n], device) * m_facts.of(here.live[n]).rowBytes;
      one.to.push_back(stageOf[at(here.live[n])]);
    }
  }
  std::vector<StageBytes::Sent> list;
  for (auto& [number, one] : all) {
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace argand::engine
