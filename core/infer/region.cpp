// SPDX-License-Identifier: Apache-2.0
#include "core/infer/segmenter.h"

#include <charconv>
#include <string_view>

namespace argand::infer {
namespace {

bool parseIndex(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool parseRange(std::string_view text, std::int64_t& begin, std::int64_t& end) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && parseIndex(text.substr(0, colon), begin) &&
         parseIndex(text.substr(colon + 1), end) && begin >= 0 && begin < end;
}

}  // namespace

Side Region::side() const {
  if (name.ends_with("_L")) {
    return Side::Left;
  }
  return name.ends_with("_R") ? Side::Right : Side::None;
}

Result<Region> Region::parse(const std::string& text) {
  Region region;
  std::string_view ranges = text;
  if (const std::size_t equals = ranges.find('='); equals != std::string_view::npos) {
    region.name = std::string(ranges.substr(0, equals));
    ranges.remove_prefix(equals + 1);
  }
  bool good = text.empty() || text.front() != '=';
  for (int axis = 0; axis < 3 && good; ++axis) {
    const std::size_t comma = ranges.find(',');
    good = (comma == std::string_view::npos) == (axis == 2) &&
           parseRange(ranges.substr(0, comma), region.box.begin[axis], region.box.end[axis]);
    ranges.remove_prefix(comma == std::string_view::npos ? ranges.size() : comma + 1);
  }
  if (!good) {
    return fail(ErrorCode::Usage,
                fmt::format("'{}' is not a region: write it as [NAME=]i0:i1,j0:j1,k0:k1, voxel "
                            "indices from 0, the end not included.",
                            text));
  }
  return region;
}

}  // namespace argand::infer
