// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace argand {

// Kind of repair, loss or doubt that a warning is about; one word in JSON output.
enum class WarningCode {
  Tilt,                // slices advance obliquely to their planes
  UnevenSpacing,       // slices are not equally far apart
  Gap,                 // slices are missing
  Duplicate,           // several slices lie at one position
  Split,               // a series holds several volumes
  NoFrameOfReference,  // contours could not be exported
  NonOrthogonal,       // axes are not at right angles
  ValueRepaired,       // a value of a file was replaced or converted
  TextRepaired,        // a text was not in the character set that it declares
  FilesLeftOut,        // files that were looked at and not used
  Contour,             // a contour that was left out, moved or closed
  OutsideImage,        // a structure that lies wholly or partly outside the image
  OtherReference,      // an object that refers to other images than these
  Resampled,           // labels that were brought to another grid
  LeftOut,             // a structure that was not read or written
  Renamed,             // a structure that had to take another name
  Override,            // what a person forced, or a device that was not the first choice
};

// "tilt", "uneven-spacing", ...
[[nodiscard]] std::string_view toString(WarningCode code);

// A repair, loss or doubt that the person should know of, and that stops nothing.
struct Warning {
  WarningCode code = WarningCode::ValueRepaired;
  std::string text;  // a sentence with figures
  bool operator==(const Warning&) const = default;
};

using Warnings = std::vector<Warning>;

// The sentences, one after the other.
[[nodiscard]] std::string joined(const Warnings& warnings);

// Appends `more` to `warnings`.
void append(Warnings& warnings, const Warnings& more);

}  // namespace argand
