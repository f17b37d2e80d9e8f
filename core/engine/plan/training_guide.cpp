// SPDX-License-Identifier: Apache-2.0
#include "core/engine/plan/training_guide.h"

#include <algorithm>
#include <limits>

namespace argand::engine {

namespace {

constexpr std::size_t kPoints = 48;
constexpr double kNever = std::numeric_limits<double>::infinity();

std::size_t at(int n) {
  return static_cast<std::size_t>(n);
}

}  // namespace

TrainingGuide::TrainingGuide(TrainingGroups& groups,
                             const TrainingSpace& space,
                             const std::vector<DevicePlan>& devices,
                             int first,
                             int end,
                             std::int64_t others)
    : m_devices(devices), m_first(first), m_others(others) {
  std::vector<int> all;
  for (int layout = 0; layout < static_cast<int>(space.layouts().size()); ++layout) {
    add(groups, space, {layout}, end);
    all.push_back(layout);
  }
  if (all.size() > 1) {
    add(groups, space, all, end);
  }
}

void TrainingGuide::add(TrainingGroups& groups,
                        const TrainingSpace& space,
                        const std::vector<int>& layouts,
                        int end) {
  const std::vector<Base> nothing(m_devices.size());
  std::vector<Front> fronts(at(end - m_first) + 1);
  Point done;
  done.fixed.assign(m_devices.size(), 0);
  done.peak = done.fixed;
  fronts.back().push_back(std::move(done));
  for (int op = end; op-- > m_first;) {
    Front all;
    for (const int layout : layouts) {
      const int firstDevice = space.layouts()[at(layout)].first();
      const Boundary before = groups.assumed(op, layout, firstDevice);
      for (const TrainingChoice& choice : space.choicesOf(op, end, layout)) {
        const auto results = groups.run(op, choice, before, firstDevice);
        if (results.empty()) {
          continue;
        }
        const double seconds = space.seconds(op, choice).both();
        for (const Point& behind : fronts[at(choice.last + 1 - m_first)]) {
          Point point = behind;
          point.seconds += seconds;
          for (std::size_t d = 0; d < m_devices.size(); ++d) {
            const GroupNeed& need = results.front().needs[d];
            point.fixed[d] += need.weights + m_others * need.held;
            point.peak[d] =
                std::max({need.forwardPeak, need.backwardPeak, need.held + behind.peak[d]});
          }
          point.share = shareOf(point, nothing);
          all.push_back(std::move(point));
        }
      }
    }
    fronts[at(op - m_first)] = thinned(std::move(all));
  }
  m_fronts.push_back(std::move(fronts));
}

TrainingGuide::Front TrainingGuide::thinned(Front all) {
  std::stable_sort(
      all.begin(), all.end(), [](const Point& a, const Point& b) { return a.seconds < b.seconds; });
  Front front;
  for (Point& point : all) {
    if (front.empty() || point.share < front.back().share) {
      front.push_back(std::move(point));
    }
  }
  if (front.size() <= kPoints) {
    return front;
  }
  Front few;
  for (std::size_t n = 0; n < kPoints; ++n) {
    few.push_back(std::move(front[n * (front.size() - 1) / (kPoints - 1)]));
  }
  return few;
}

double TrainingGuide::shareOf(const Point& point, const std::vector<Base>& bases) const {
  double worst = 0.0;
  for (std::size_t d = 0; d < bases.size(); ++d) {
    const Base& base = bases[d];
    const std::int64_t bytes =
        base.fixed + point.fixed[d] + std::max(base.peak, base.held + point.peak[d]);
    worst = std::max(worst,
                     static_cast<double>(bytes) / static_cast<double>(std::max<std::int64_t>(
                                                      1, m_devices[d].device.budgetBytes)));
  }
  return worst;
}

double TrainingGuide::seconds(int op, const std::vector<Base>& bases) const {
  double least = kNever;
  for (const std::vector<Front>& fronts : m_fronts) {
    for (const Point& point : fronts[at(op - m_first)]) {
      if (point.seconds >= least) {
        break;
      }
      if (shareOf(point, bases) <= 1.0) {
        least = point.seconds;
      }
    }
  }
  return least;
}

double TrainingGuide::share(int op, const std::vector<Base>& bases) const {
  double least = kNever;
  for (const std::vector<Front>& fronts : m_fronts) {
    for (const Point& point : fronts[at(op - m_first)]) {
      least = std::min(least, shareOf(point, bases));
    }
  }
  return least;
}

}  // namespace argand::engine
