// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/stacks.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace argand::dicom {

namespace {

using Frames = std::vector<Frame>;

// Slices nearer than this along the normal are at one position.
constexpr double kSamePositionMm = 0.01;

bool sameOrientation(const Frame& a, const Frame& b) {
  constexpr double kCosine = 0.9999;  // 0.8 degrees
  return dot(a.rowCosine, b.rowCosine) > kCosine && dot(a.columnCosine, b.columnCosine) > kCosine;
}

bool sameSpacing(const Frame& a, const Frame& b) {
  const auto near = [](double x, double y) { return std::abs(x - y) <= 1e-3 * std::max(x, y); };
  return near(a.rowSpacingMm, b.rowSpacingMm) && near(a.columnSpacingMm, b.columnSpacingMm);
}

struct Difference {
  const char* word;
  bool (*same)(const Frame&, const Frame&);
};

// What one volume must have in common.
constexpr std::array<Difference, 5> kDifferences{{
    {"localizer", [](const Frame& a, const Frame& b) { return a.localizer == b.localizer; }},
    {"orientation", &sameOrientation},
    {"matrix",
     [](const Frame& a, const Frame& b) {
       return a.pixels.rows == b.pixels.rows && a.pixels.columns == b.pixels.columns;
     }},
    {"pixel spacing", &sameSpacing},
    {"frame of reference",
     [](const Frame& a, const Frame& b) { return a.frameOfReferenceUid == b.frameOfReferenceUid; }},
}};

struct Group {
  Frames frames;
  std::set<std::string> splitBy;  // words
  Warnings warnings;
};

std::vector<Group> groupedByGrid(Frames frames) {
  std::vector<Group> groups;
  std::set<std::string> words;
  for (Frame& frame : frames) {
    const auto belongs = [&](const Group& group) {
      return std::all_of(
          kDifferences.begin(), kDifferences.end(), [&](const Difference& difference) {
            return difference.same(group.frames.front(), frame);
          });
    };
    const auto found = std::find_if(groups.begin(), groups.end(), belongs);
    if (found != groups.end()) {
      found->frames.push_back(std::move(frame));
      continue;
    }
    if (!groups.empty()) {
      for (const Difference& difference : kDifferences) {
        if (!difference.same(groups.front().frames.front(), frame)) {
          words.insert(difference.word);
        }
      }
    }
    groups.push_back({Frames{std::move(frame)}, {}, {}});
  }
  for (Group& group : groups) {
    group.splitBy = words;
  }
  return groups;
}

double heightOf(const Frame& frame, const Frame& reference) {
  return dot(frame.slice.positionMm,
             normalized(cross(reference.rowCosine, reference.columnCosine)));
}

// Frames in order of height, and how many there are at each position.
struct Positions {
  std::vector<std::size_t> order;
  std::vector<std::size_t> counts;

  [[nodiscard]] std::size_t mostRepeats() const {
    return *std::max_element(counts.begin(), counts.end());
  }

  [[nodiscard]] bool allRepeatEqually() const {
    return std::all_of(
        counts.begin(), counts.end(), [&](std::size_t count) { return count == counts.front(); });
  }
};

Positions positionsOf(const Frames& frames) {
  Positions positions;
  std::vector<double> heights;
  for (std::size_t n = 0; n < frames.size(); ++n) {
    heights.push_back(heightOf(frames[n], frames.front()));
    positions.order.push_back(n);
  }
  std::stable_sort(positions.order.begin(),
                   positions.order.end(),
                   [&](std::size_t a, std::size_t b) { return heights[a] < heights[b]; });
  for (std::size_t n = 0; n < positions.order.size(); ++n) {
    const bool repeats =
        n > 0 && heights[positions.order[n]] - heights[positions.order[n - 1]] < kSamePositionMm;
    if (repeats) {
      ++positions.counts.back();
    } else {
      positions.counts.push_back(1);
    }
  }
  return positions;
}

std::map<std::string, Frames> partitioned(const Frames& frames, const std::string& word) {
  std::map<std::string, Frames> parts;
  for (const Frame& frame : frames) {
    const auto found = frame.splitBy.find(word);
    parts[found == frame.splitBy.end() ? std::string() : found->second].push_back(frame);
  }
  return parts;
}

// The parts by the first attribute that leaves no position repeated, or else by
// the one that leaves the fewest; one part where none helps.
std::pair<std::string, std::vector<Frames>> bestSplit(const Frames& frames, std::size_t repeats) {
  std::string bestWord;
  std::vector<Frames> best;
  std::size_t bestRepeats = repeats;
  for (const std::string& word : splitWords()) {
    auto parts = partitioned(frames, word);
    // An attribute of its own in each slice (a time, say) is no volume's name.
    if (parts.size() < 2 || parts.size() > 2 * repeats) {
      continue;
    }
    std::size_t left = 1;
    std::vector<Frames> list;
    for (auto& [value, part] : parts) {
      left = std::max(left, positionsOf(part).mostRepeats());
      list.push_back(std::move(part));
    }
    if (left < bestRepeats) {
      bestRepeats = left;
      bestWord = word;
      best = std::move(list);
    }
    if (bestRepeats == 1) {
      break;
    }
  }
  return {bestWord, std::move(best)};
}

// The n-th frame at each position goes to the n-th part, in the order of
// instance numbers.
std::vector<Frames> splitByOccurrence(const Frames& frames, const Positions& positions) {
  std::vector<Frames> parts(positions.mostRepeats());
  std::size_t next = 0;
  for (const std::size_t count : positions.counts) {
    std::vector<std::size_t> here(
        positions.order.begin() + static_cast<std::ptrdiff_t>(next),
        positions.order.begin() + static_cast<std::ptrdiff_t>(next + count));
    std::stable_sort(here.begin(), here.end(), [&](std::size_t a, std::size_t b) {
      return frames[a].instanceNumber < frames[b].instanceNumber;
    });
    for (std::size_t n = 0; n < here.size(); ++n) {
      parts[n].push_back(frames[here[n]]);
    }
    next += count;
  }
  return parts;
}

void keepFirstOfRepeats(Group& group, const Positions& positions) {
  auto parts = splitByOccurrence(group.frames, positions);
  std::size_t dropped = 0;
  for (std::size_t n = 1; n < parts.size(); ++n) {
    dropped += parts[n].size();
  }
  const double height = heightOf(parts[1].front(), group.frames.front());
  group.frames = std::move(parts.front());
  group.warnings.push_back(
      {WarningCode::Duplicate,
       fmt::format("{} slices lie at a position that another slice has already (the first at "
                   "{:.1f} mm); of each, the one with the lowest instance number is used.",
                   dropped,
                   height)});
}

// Splits `group` until no position repeats, appending the parts to `done`.
void splitRepeats(Group group, std::vector<Group>& done) {
  const Positions positions = positionsOf(group.frames);
  if (positions.mostRepeats() == 1) {
    done.push_back(std::move(group));
    return;
  }
  auto [word, parts] = bestSplit(group.frames, positions.mostRepeats());
  const bool series = positions.counts.size() > 1 && positions.allRepeatEqually();
  if (parts.empty() && series) {
    word = "order of instance numbers";
    parts = splitByOccurrence(group.frames, positions);
  }
  if (parts.empty()) {
    keepFirstOfRepeats(group, positions);
    done.push_back(std::move(group));
    return;
  }
  for (Frames& part : parts) {
    Group child{std::move(part), group.splitBy, group.warnings};
    child.splitBy.insert(word);
    splitRepeats(std::move(child), done);
  }
}

// Copies of one instance under several file names.
std::size_t dropCopies(Frames& frames) {
  std::set<std::pair<std::string, int>> seen;
  const std::size_t before = frames.size();
  std::erase_if(frames, [&](const Frame& frame) {
    return !frame.slice.sopInstanceUid.empty() &&
           !seen.insert({frame.slice.sopInstanceUid, frame.slice.frame}).second;
  });
  return before - frames.size();
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

// Warnings of single frames, each text once.
void addFrameWarnings(const Frames& frames, Warnings& warnings) {
  std::set<std::string> seen;
  for (const Frame& frame : frames) {
    for (const Warning& warning : frame.warnings) {
      if (seen.insert(warning.text).second) {
        warnings.push_back(warning);
      }
    }
  }
}

}  // namespace

std::vector<Stack> stacksOf(Frames frames) {
  const std::size_t copies = dropCopies(frames);
  std::vector<Group> groups;
  for (Group& group : groupedByGrid(std::move(frames))) {
    splitRepeats(std::move(group), groups);
  }
  std::vector<Stack> stacks;
  for (std::size_t n = 0; n < groups.size(); ++n) {
    Group& group = groups[n];
    Stack stack;
    stack.warnings = std::move(group.warnings);
    if (groups.size() > 1) {
      stack.warnings.push_back(
          {WarningCode::Split,
           fmt::format(
               "The series was split into {} volumes by {}; this is number {}, of {} slices.",
               groups.size(),
               joined(group.splitBy),
               n + 1,
               group.frames.size())});
    }
    if (copies > 0) {
      stack.warnings.push_back(
          {WarningCode::Duplicate,
           fmt::format("{} files of the series are copies of others and are left out.", copies)});
    }
    if (group.frames.front().frameOfReferenceUid.empty()) {
      stack.warnings.push_back({WarningCode::NoFrameOfReference,
                                "The series has no Frame of Reference UID, so contours drawn on it "
                                "cannot be exported unless one is invented."});
    }
    addFrameWarnings(group.frames, stack.warnings);
    stack.geometry = gridOf(group.frames, stack.warnings);
    stack.frames = std::move(group.frames);
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

}  // namespace argand::dicom
