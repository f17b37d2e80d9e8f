// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/schedule.h"

#include "core/engine/plan/step_bytes.h"

#include <algorithm>
#include <tuple>

namespace argand::engine {

namespace {

RowRange hull(const RowRange& a, const RowRange& b) {
  if (a.count() <= 0) {
    return b;
  }
  if (b.count() <= 0) {
    return a;
  }
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

template <typename Visit>
void forEachSource(const Step& step, const Visit& visit) {
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      if (part.source >= 0) {
        visit(part.source);
      }
    }
  }
}

class Builder {
 public:
  Builder(const Plan& plan,
          const Graph& graph,
          const Program& program,
          const std::vector<Shape>& shapes)
      : m_plan(plan),
        m_graph(graph),
        m_program(program),
        m_shapes(shapes),
        m_devices(plan.devices.size()) {}

  Schedule run() {
    const auto steps = static_cast<StepId>(m_program.steps.size());
    m_schedule.pieces.resize(m_program.steps.size(), std::vector<std::vector<RowRange>>(m_devices));
    m_last.resize(m_program.steps.size());
    for (StepId id = 0; id < steps; ++id) {
      m_grid.push_back(chunkRows(m_program.step(id), m_graph, m_shapes));
      m_depth.push_back(outputShape(m_program.step(id), m_graph, m_shapes).size.d);
      m_readDepth.push_back(readShape(m_program.step(id), m_graph, m_shapes).size.d);
    }
    for (StepId first = 0; first < steps;) {
      StepId last = first;
      while (last + 1 < steps && m_plan.steps[index(last + 1)].joined) {
        ++last;
      }
      addGroup(first, last);
      first = last + 1;
    }
    for (std::size_t g = 0; g < m_schedule.groups.size(); ++g) {
      noteReads(static_cast<int>(g));
    }
    placeDrops();
    return std::move(m_schedule);
  }

 private:
  static std::size_t index(int n) { return static_cast<std::size_t>(n); }

  RowRange wholeChunk(StepId id, std::int64_t row) const {
    return chunkAt(row, m_grid[index(id)], m_depth[index(id)]);
  }

  // Rows that the computation of `rows` reads, chunks that are computed whole included.
  RowRange readsOf(StepId id, const RowRange& rows) const {
    const Step& step = m_program.step(id);
    RowRange computed = rows;
    if (roundsByChunk(step, m_graph, m_plan.dtype)) {
      computed = {wholeChunk(id, rows.begin).begin, wholeChunk(id, rows.end - 1).end};
    }
    return rowsRead(step, m_graph, computed, m_readDepth[index(id)]);
  }

  bool readAfter(StepId id, StepId last) const {
    return m_program.step(id).toConsumer || m_program.step(id).lastReader > last;
  }

  void addGroup(StepId first, StepId last) {
    StepGroup group;
    group.first = first;
    group.last = last;
    group.tasks.resize(m_devices);
    group.drops.resize(m_devices);
    for (std::size_t device = 0; device < m_devices; ++device) {
      cutPieces(first, last, device);
      m_next.assign(index(last - first + 1), 0);
      for (StepId id = last; id >= first; --id) {
        ensure(group, device, id, m_depth[index(id)]);
      }
    }
    m_schedule.groups.push_back(std::move(group));
  }

  // What the device needs of each step: its slab where others read it later, and
  // what its own part of the group's later steps reads.
  void cutPieces(StepId first, StepId last, std::size_t device) {
    std::vector<RowRange> needed(index(last - first + 1));
    for (StepId id = last; id >= first; --id) {
      RowRange& rows = needed[index(id - first)];
      const bool ends = readAfter(id, last) || m_program.step(id).lastReader == id;
      if (ends) {
        rows = hull(rows, m_plan.steps[index(id)].rows(static_cast<int>(device)));
      }
      if (rows.count() <= 0) {
        continue;
      }
      const RowRange read = readsOf(id, rows);
      forEachSource(m_program.step(id), [&](StepId source) {
        if (source >= first) {
          needed[index(source - first)] = hull(needed[index(source - first)], read);
        }
      });
      for (std::int64_t begin = rows.begin; begin < rows.end;) {
        const std::int64_t end = std::min(rows.end, wholeChunk(id, begin).end);
        m_schedule.pieces[index(id)][device].push_back({begin, end});
        begin = end;
      }
    }
  }

  // Appends what makes the rows of a step up to `end`, what that reads first.
  void ensure(StepGroup& group, std::size_t device, StepId id, std::int64_t end) {
    const std::vector<RowRange>& pieces = m_schedule.pieces[index(id)][device];
    std::size_t& next = m_next[index(id - group.first)];
    while (next < pieces.size() && pieces[next].begin < end) {
      Task task;
      task.step = id;
      task.piece = static_cast<int>(next);
      task.kept = pieces[next];
      task.whole = wholeChunk(id, task.kept.begin);
      const RowRange read = readsOf(id, task.kept);
      forEachSource(m_program.step(id), [&](StepId source) {
        if (source >= group.first) {
          ensure(group, device, source, read.end);
        }
      });
      ++next;
      group.tasks[device].push_back(std::move(task));
    }
  }

  // When each piece is read last: by its own device's tasks, and by other devices.
  struct LastRead {
    int group = -1;
    int task = -1;
    int remoteGroup = -1;
  };

  LastRead& lastOf(StepId step, std::size_t device, std::size_t piece) {
    auto& byDevice = m_last[index(step)];
    byDevice.resize(m_devices);
    byDevice[device].resize(m_schedule.pieces[index(step)][device].size());
    return byDevice[device][piece];
  }

  void noteReads(int g) {
    const StepGroup& group = m_schedule.groups[index(g)];
    for (std::size_t device = 0; device < m_devices; ++device) {
      for (std::size_t t = 0; t < group.tasks[device].size(); ++t) {
        const Task& task = group.tasks[device][t];
        const Step& step = m_program.step(task.step);
        const RowRange read = readsOf(task.step, task.kept);
        const auto note = [&](StepId source, const RowRange& rows) {
          for (std::size_t owner = 0; owner < m_devices; ++owner) {
            const bool inside = source >= group.first;
            if (inside && owner != device) {
              continue;
            }
            const RowRange there =
                inside
                    ? rows
                    : intersection(rows, m_plan.steps[index(source)].rows(static_cast<int>(owner)));
            noteRead(source, owner, there, device, g, static_cast<int>(t));
          }
        };
        for (const ReadList& reads : step.reads) {
          for (const Part& part : reads) {
            if (part.source >= 0) {
              note(part.source, read);
            }
            if (part.gate) {
              note(*part.gate, {0, 1});
            }
          }
        }
      }
    }
  }

  void noteRead(
      StepId source, std::size_t owner, const RowRange& rows, std::size_t device, int g, int t) {
    const std::vector<RowRange>& pieces = m_schedule.pieces[index(source)][owner];
    const auto first =
        std::partition_point(pieces.begin(), pieces.end(), [&](const RowRange& piece) {
          return piece.end <= rows.begin;
        });
    for (auto p = static_cast<std::size_t>(first - pieces.begin());
         p < pieces.size() && pieces[p].begin < rows.end;
         ++p) {
      LastRead& last = lastOf(source, owner, p);
      if (owner == device) {
        std::tie(last.group, last.task) = std::max(std::tie(last.group, last.task), std::tie(g, t));
      } else {
        last.remoteGroup = std::max(last.remoteGroup, g);
      }
    }
  }

  int groupOf(StepId id) const {
    const auto& groups = m_schedule.groups;
    const auto found = std::find_if(
        groups.begin(), groups.end(), [&](const StepGroup& group) { return group.last >= id; });
    return static_cast<int>(found - groups.begin());
  }

  void placeDrops() {
    for (int g = 0; g < static_cast<int>(m_schedule.groups.size()); ++g) {
      for (std::size_t device = 0; device < m_devices; ++device) {
        auto& tasks = m_schedule.groups[index(g)].tasks[device];
        for (std::size_t t = 0; t < tasks.size(); ++t) {
          const Step& step = m_program.step(tasks[t].step);
          if (!step.toConsumer) {
            placeDrop({tasks[t].step, tasks[t].piece}, device, g, static_cast<int>(t));
          }
        }
      }
    }
  }

  // `g`, `t`: the task that makes the piece.
  void placeDrop(const PieceRef& piece, std::size_t device, int g, int t) {
    const StepGroup& group = m_schedule.groups[index(g)];
    const LastRead last = lastOf(piece.step, device, index(piece.piece));
    const bool window = !readAfter(piece.step, group.last);
    if (!m_plan.steps[index(piece.step)].rolling && !window) {
      const int end = groupOf(m_program.step(piece.step).lastReader);
      m_schedule.groups[index(end)].drops[device].push_back(piece);
    } else if (last.remoteGroup >= 0 && last.remoteGroup >= last.group) {
      m_schedule.groups[index(last.remoteGroup)].drops[device].push_back(piece);
    } else {
      const bool unread = last.group < 0;
      auto& tasks = m_schedule.groups[index(unread ? g : last.group)].tasks[device];
      tasks[index(unread ? t : last.task)].drops.push_back(piece);
    }
  }

  const Plan& m_plan;
  const Graph& m_graph;
  const Program& m_program;
  const std::vector<Shape>& m_shapes;
  const std::size_t m_devices;
  std::vector<std::int64_t> m_grid;       // per step: rows of a chunk,
  std::vector<std::int64_t> m_depth;      // of its output,
  std::vector<std::int64_t> m_readDepth;  // of what it reads
  std::vector<std::size_t> m_next;        // per step of the group at hand: the piece to make next
  std::vector<std::vector<std::vector<LastRead>>> m_last;  // by step, device and piece
  Schedule m_schedule;
};

}  // namespace

int Schedule::pieceOf(StepId step, int device, std::int64_t row) const {
  const std::vector<RowRange>& all =
      pieces[static_cast<std::size_t>(step)][static_cast<std::size_t>(device)];
  const auto after =
      std::upper_bound(all.begin(), all.end(), row, [](std::int64_t r, const RowRange& rows) {
        return r < rows.begin;
      });
  if (after == all.begin() || !std::prev(after)->contains(row)) {
    return -1;
  }
  return static_cast<int>(std::prev(after) - all.begin());
}

bool mayJoin(const Program& program, const Graph& graph, StepId first, StepId id) {
  const Step& step = program.step(id);
  for (const ReadList& reads : step.reads) {
    for (const Part& part : reads) {
      const bool inside = part.source >= first;
      const bool counted =
          part.norm && !std::holds_alternative<BatchNormOp>(graph.node(*part.norm).op);
      if (inside && (counted || step.kind == Step::Kind::Mean)) {
        return false;
      }
      if (part.gate && *part.gate >= first) {
        return false;
      }
    }
  }
  return true;
}

StepId groupStart(const Plan& plan, StepId id) {
  while (id > 0 && plan.steps[static_cast<std::size_t>(id)].joined) {
    --id;
  }
  return id;
}

RowRange computedRows(const Task& task,
                      const Program& program,
                      const Graph& graph,
                      const std::vector<Shape>& shapes,
                      DType dtype,
                      const DeviceSpec& device) {
  const Step& step = program.step(task.step);
  const bool whole = roundsByChunk(step, graph, dtype) &&
                     convKernelOf(step, graph, shapes, dtype, device) == ConvKernel::Library;
  return whole ? task.whole : task.kept;
}

double workShare(const Schedule& schedule,
                 const Plan& plan,
                 const Graph& graph,
                 const Program& program,
                 const std::vector<Shape>& shapes) {
  std::vector<double> perRow;  // by step
  double needed = 0.0;
  for (const Step& step : program.steps) {
    const auto flops = static_cast<double>(costOf(graph, step.node, shapes, plan.dtype).flops);
    perRow.push_back(flops / static_cast<double>(outputShape(step, graph, shapes).size.d));
    needed += flops;
  }
  double done = 0.0;
  for (const StepGroup& group : schedule.groups) {
    for (std::size_t device = 0; device < group.tasks.size(); ++device) {
      for (const Task& task : group.tasks[device]) {
        const RowRange rows =
            computedRows(task, program, graph, shapes, plan.dtype, plan.devices[device].device);
        done += perRow[static_cast<std::size_t>(task.step)] * static_cast<double>(rows.count());
      }
    }
  }
  return done / needed;
}

Schedule scheduleOf(const Plan& plan,
                    const Graph& graph,
                    const Program& program,
                    const std::vector<Shape>& shapes) {
  return Builder(plan, graph, program, shapes).run();
}

}  // namespace argand::engine
