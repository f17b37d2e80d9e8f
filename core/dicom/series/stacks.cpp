// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/stacks.h"

#include "core/base/text.h"
#include "core/dicom/series/copies.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
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

// The plane that the slices are nearest to, in the words of radiology.
std::string orientationOf(const Frame& frame) {
  constexpr double kNear = 0.9;
  const Vec3 normal = normalized(cross(frame.rowCosine, frame.columnCosine));
  constexpr std::array<const char*, 3> kPlanes{"sagittal", "coronal", "axial"};
  for (int axis = 0; axis < 3; ++axis) {
    if (std::abs(normal[axis]) > kNear) {
      return kPlanes[static_cast<std::size_t>(axis)];
    }
  }
  return "oblique";
}

struct Difference {
  const char* word;
  bool (*same)(const Frame&, const Frame&);
  // What a volume has, as it is named in a list; empty where that says nothing.
  std::string (*value)(const Frame&);
};

// What one volume must have in common.
const std::array<Difference, 5> kDifferences{{
    {"localizer",
     [](const Frame& a, const Frame& b) { return a.localizer == b.localizer; },
     [](const Frame& frame) { return std::string(frame.localizer ? "localizer" : ""); }},
    {"orientation", &sameOrientation, &orientationOf},
    {"matrix",
     [](const Frame& a, const Frame& b) {
       return a.pixels.rows == b.pixels.rows && a.pixels.columns == b.pixels.columns;
     },
     [](const Frame& frame) {
       return fmt::format("{} x {} pixels", frame.pixels.columns, frame.pixels.rows);
     }},
    {"pixel spacing",
     &sameSpacing,
     [](const Frame& frame) {
       return fmt::format("{:.4g} x {:.4g} mm", frame.columnSpacingMm, frame.rowSpacingMm);
     }},
    {"frame of reference",
     [](const Frame& a, const Frame& b) { return a.frameOfReferenceUid == b.frameOfReferenceUid; },
     [](const Frame&) { return std::string(); }},
}};

struct Group {
  Frames frames;
  std::set<std::string> splitBy;   // words
  std::vector<std::string> parts;  // what tells it from others: "echo time 4.92"
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
    groups.push_back({Frames{std::move(frame)}, {}, {}, {}});
  }
  for (Group& group : groups) {
    group.splitBy = words;
    for (const Difference& difference : kDifferences) {
      std::string value =
          words.contains(difference.word) ? difference.value(group.frames.front()) : "";
      if (!value.empty()) {
        group.parts.push_back(std::move(value));
      }
    }
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

// "echo time 4.92 ms": the units are those of PS3.3 for the attributes of each word.
std::string described(const std::string& word, const std::string& value) {
  static const std::map<std::string, std::string> kUnits{{"echo time", " ms"},
                                                         {"inversion time", " ms"},
                                                         {"trigger time", " ms"},
                                                         {"tube voltage", " kV"},
                                                         {"diffusion b-value", " s/mm2"}};
  if (value.empty()) {
    return word + " none";
  }
  const auto unit = kUnits.find(word);
  return fmt::format("{} {}{}", word, value, unit == kUnits.end() ? "" : unit->second);
}

// Frames that share a value of the attribute that divides them.
struct Part {
  std::string value;
  Frames frames;
};

// True where `a` comes first: by number where both are numbers, else by text.
bool valueLess(const Part& a, const Part& b) {
  const auto first = parseDecimal(a.value);
  const auto second = parseDecimal(b.value);
  if (first && second) {
    return *first < *second;
  }
  // Numbers come before texts: compared by their letters, the order would run in circles.
  return first.has_value() == second.has_value() ? a.value < b.value : first.has_value();
}

std::vector<Part> partitioned(const Frames& frames, const std::string& word) {
  std::vector<Part> parts;
  std::map<std::string, std::size_t> known;
  for (const Frame& frame : frames) {
    const auto value = frame.splitBy.find(word);
    const std::string text = value == frame.splitBy.end() ? std::string() : value->second;
    const auto [at, fresh] = known.emplace(text, parts.size());
    if (fresh) {
      parts.push_back({text, {}});
    }
    parts[at->second].frames.push_back(frame);
  }
  std::stable_sort(parts.begin(), parts.end(), &valueLess);
  return parts;
}

// The parts by the first attribute that leaves no position repeated, or else by
// the one that leaves the fewest; none where no attribute helps.
std::pair<std::string, std::vector<Part>> bestSplit(const Frames& frames, std::size_t repeats) {
  std::string bestWord;
  std::vector<Part> best;
  std::size_t bestRepeats = repeats;
  for (const std::string& word : splitWords()) {
    std::vector<Part> parts = partitioned(frames, word);
    // An attribute of its own in each slice (a time, say) is no volume's name.
    if (parts.size() < 2 || parts.size() > 2 * repeats) {
      continue;
    }
    std::size_t left = 1;
    for (const Part& part : parts) {
      left = std::max(left, positionsOf(part.frames).mostRepeats());
    }
    if (left < bestRepeats) {
      bestRepeats = left;
      bestWord = word;
      best = std::move(parts);
    }
    if (bestRepeats == 1) {
      break;
    }
  }
  return {bestWord, std::move(best)};
}

// Calls `visit` with the indices of the frames at each position, in the order of
// instance numbers, until it returns false.
template <typename Visit>
void forEachPosition(const Frames& frames, const Positions& positions, Visit&& visit) {
  std::size_t next = 0;
  for (const std::size_t count : positions.counts) {
    std::vector<std::size_t> here(
        positions.order.begin() + static_cast<std::ptrdiff_t>(next),
        positions.order.begin() + static_cast<std::ptrdiff_t>(next + count));
    std::stable_sort(here.begin(), here.end(), [&](std::size_t a, std::size_t b) {
      return frames[a].instanceNumber < frames[b].instanceNumber;
    });
    if (!visit(here)) {
      return;
    }
    next += count;
  }
}

// The n-th frame at each position goes to the n-th part.
std::vector<Part> splitByOccurrence(const Frames& frames, const Positions& positions) {
  std::vector<Part> parts(positions.mostRepeats());
  for (std::size_t n = 0; n < parts.size(); ++n) {
    parts[n].value = std::to_string(n + 1);
  }
  forEachPosition(frames, positions, [&](const std::vector<std::size_t>& here) {
    for (std::size_t n = 0; n < here.size(); ++n) {
      parts[n].frames.push_back(frames[here[n]]);
    }
    return true;
  });
  return parts;
}

// True where the frames at each position hold the same pixels, in files of their own.
bool onlyCopies(const Frames& frames, const Positions& positions, PixelComparer& comparer) {
  bool copies = true;
  forEachPosition(frames, positions, [&](const std::vector<std::size_t>& here) {
    for (std::size_t n = 1; n < here.size() && copies; ++n) {
      const Frame& first = frames[here.front()];
      const Frame& other = frames[here[n]];
      copies = first.file != other.file && comparer.same(first, other);
    }
    return copies;
  });
  return copies;
}

class Splitter {
 public:
  // Splits `group` until no position repeats.
  void split(Group group) {
    const Positions positions = positionsOf(group.frames);
    if (positions.mostRepeats() == 1) {
      m_done.push_back(std::move(group));
      return;
    }
    if (onlyCopies(group.frames, positions, m_comparer)) {
      const std::size_t copies =
          keepFirst(group, positions, "It is a copy of a slice that is used.");
      group.warnings.push_back(
          {WarningCode::Duplicate,
           fmt::format(
               "{} files hold the same pixels at the same place as others and are left out.",
               copies)});
      m_done.push_back(std::move(group));
      return;
    }
    auto [word, parts] = bestSplit(group.frames, positions.mostRepeats());
    const bool series = positions.counts.size() > 1 && positions.allRepeatEqually();
    if (parts.empty() && series) {
      word = "order of instance numbers";
      parts = splitByOccurrence(group.frames, positions);
    }
    if (parts.empty()) {
      leaveRepeats(std::move(group), positions);
      return;
    }
    for (Part& part : parts) {
      Group child{std::move(part.frames), group.splitBy, group.parts, group.warnings};
      child.splitBy.insert(word);
      child.parts.push_back(described(word, part.value));
      split(std::move(child));
    }
  }

  // Takes copies of one instance out of all frames.
  std::size_t dropCopies(Frames& frames, std::size_t& sharedUids) {
    std::vector<Frame> copies = takeCopies(frames, m_comparer, sharedUids);
    for (Frame& copy : copies) {
      m_left.push_back({std::move(copy), "It is a copy of a slice that is used."});
    }
    return copies.size();
  }

  std::vector<Group>& groups() { return m_done; }

  std::vector<LeftFrame>& left() { return m_left; }

 private:
  // Returns how many were left out.
  std::size_t keepFirst(Group& group, const Positions& positions, const std::string& reason) {
    auto parts = splitByOccurrence(group.frames, positions);
    std::size_t dropped = 0;
    for (std::size_t n = 1; n < parts.size(); ++n) {
      dropped += parts[n].frames.size();
      for (Frame& frame : parts[n].frames) {
        m_left.push_back({std::move(frame), reason});
      }
    }
    group.frames = std::move(parts.front().frames);
    return dropped;
  }

  // Keeps the first slice at each position where repeats are an exception, and
  // nothing where they are the rule: which slices belong together is then a guess.
  void leaveRepeats(Group group, const Positions& positions) {
    const std::size_t frames = group.frames.size();
    const std::size_t repeated = frames - positions.counts.size();
    if (2 * repeated >= frames) {
      for (Frame& frame : group.frames) {
        m_left.push_back(
            {std::move(frame),
             fmt::format("The series holds {} slices at {} position{}, and nothing in them tells "
                         "which belong to one volume.",
                         frames,
                         positions.counts.size(),
                         positions.counts.size() > 1 ? "s" : "")});
      }
      return;
    }
    double heightMm = 0.0;
    forEachPosition(group.frames, positions, [&](const std::vector<std::size_t>& here) {
      heightMm = heightOf(group.frames[here.front()], group.frames.front());
      return here.size() == 1;
    });
    const std::size_t dropped =
        keepFirst(group,
                  positions,
                  "Another slice with a lower instance number lies at its position and is used.");
    group.warnings.push_back(
        {WarningCode::Duplicate,
         fmt::format("{} slices lie at a position that another slice has already (the first at "
                     "{:.1f} mm); of each, the one with the lowest instance number is used.",
                     dropped,
                     heightMm)});
    m_done.push_back(std::move(group));
  }

  PixelComparer m_comparer;
  std::vector<Group> m_done;
  std::vector<LeftFrame> m_left;
};

template <typename Words>
std::string joined(const Words& words) {
  return fmt::format("{}", fmt::join(words, ", "));
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

Stacks stacksOf(Frames frames) {
  Splitter splitter;
  std::size_t sharedUids = 0;
  const std::size_t copies = splitter.dropCopies(frames, sharedUids);
  for (Group& group : groupedByGrid(std::move(frames))) {
    splitter.split(std::move(group));
  }
  Stacks result;
  result.left = std::move(splitter.left());
  std::vector<Group>& groups = splitter.groups();
  for (std::size_t n = 0; n < groups.size(); ++n) {
    Group& group = groups[n];
    Stack stack;
    stack.part = groups.size() > 1 ? joined(group.parts) : std::string();
    stack.warnings = std::move(group.warnings);
    if (groups.size() > 1) {
      stack.warnings.push_back(
          {WarningCode::Split,
           fmt::format(
               "The series was split into {} volumes by {}; this is number {}{}, of {} slices.",
               groups.size(),
               joined(group.splitBy),
               n + 1,
               stack.part.empty() ? "" : " (" + stack.part + ")",
               group.frames.size())});
    }
    if (copies > 0) {
      stack.warnings.push_back(
          {WarningCode::Duplicate,
           fmt::format("{} files of the series are copies of others and are left out.", copies)});
    }
    if (sharedUids > 0) {
      stack.warnings.push_back(
          {WarningCode::Duplicate,
           fmt::format("{} slices of the series share their SOP Instance UID with another slice; "
                       "they are told apart by place and pixels, but objects that refer to them by "
                       "UID are ambiguous.",
                       sharedUids)});
    }
    if (group.frames.front().frameOfReferenceUid.empty()) {
      stack.warnings.push_back({WarningCode::NoFrameOfReference,
                                "The series has no Frame of Reference UID, so contours drawn on it "
                                "cannot be exported unless one is invented."});
    }
    addFrameWarnings(group.frames, stack.warnings);
    stack.geometry = gridOf(group.frames, stack.warnings);
    stack.frames = std::move(group.frames);
    result.stacks.push_back(std::move(stack));
  }
  return result;
}

}  // namespace argand::dicom
