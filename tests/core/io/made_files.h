// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/warning.h"
#include "core/volume/volume.h"

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

// Image files made byte by byte, for tests of their readers.
namespace argand::io::test {

// The bytes of `values` in this machine's order.
template <typename T>
std::string bytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Writes `bytes` and returns `path`.
inline std::filesystem::path made(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

// The voxels where they are of type T, else nothing.
template <typename T>
std::vector<T> voxelsOf(const Volume& volume) {
  const auto* voxels = std::get_if<std::shared_ptr<const std::vector<T>>>(&volume.buffer());
  return voxels == nullptr ? std::vector<T>{} : **voxels;
}

}  // namespace argand::io::test
