// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/cli/verb.h"
#include "core/mesh/mesh_file.h"

namespace argand::app {

// Label maps and structure sets as surfaces, one file per structure.
struct SurfaceExport {
  std::filesystem::path labels;
  std::filesystem::path reference;  // empty: on the grid of the label map itself
  std::string series;
  std::filesystem::path names;
  std::filesystem::path out;  // a file ending in the format's name for one structure, else a folder
  std::vector<std::string> only;  // names of structures; empty: all
  bool tg263 = false;             // TG-263's names in files and comments
  mesh::Frame frame = mesh::Frame::Lps;
};

// "stl", "obj", "ply"; nothing for anything else.
[[nodiscard]] std::optional<mesh::MeshFormat> surfaceFormat(const std::string& as);

// Fails with Usage where the file asked for would hold several structures, where a name of
// `only` is none of them, or where a file would replace what is read.
[[nodiscard]] Result<Outcome> exportSurfaces(const SurfaceExport& options,
                                             mesh::MeshFormat format,
                                             const Context& context);

}  // namespace argand::app
