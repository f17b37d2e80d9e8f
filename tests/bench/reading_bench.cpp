// SPDX-License-Identifier: Apache-2.0
// What opening a DICOM series takes: finding it, the first slice, all slices. A plain
// program, as engine_bench; tests/bench/reading_peers.py sets it beside other readers.
//
//   reading_bench FOLDER [ROUNDS]
//
// Prints one line of JSON: the best of the rounds, in seconds.
#include "core/dicom/series/series.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Times {
  double scan = std::numeric_limits<double>::infinity();
  double firstSlice = std::numeric_limits<double>::infinity();
  double read = std::numeric_limits<double>::infinity();
  double whole = std::numeric_limits<double>::infinity();
  std::int64_t voxels = 0;
};

argand::Result<void> measure(const std::filesystem::path& folder, Times& best) {
  const auto start = Clock::now();
  ARGAND_ASSIGN(const argand::dicom::ScanResult found, argand::dicom::scan(folder));
  const double scan = secondsSince(start);
  if (found.entries.size() != 1) {
    return argand::fail(argand::ErrorCode::Usage,
                        fmt::format("The folder holds {} volumes.", found.entries.size()));
  }
  const argand::dicom::SeriesEntry& entry = found.entries.front();
  const auto sliceStart = Clock::now();
  ARGAND_TRY(argand::dicom::readSlice(entry, entry.geometry.size.k / 2));
  best.firstSlice = std::min(best.firstSlice, secondsSince(sliceStart));
  const auto readStart = Clock::now();
  ARGAND_ASSIGN(const argand::dicom::LoadedSeries loaded, argand::dicom::readSeries(entry));
  const double read = secondsSince(readStart);
  best.scan = std::min(best.scan, scan);
  best.read = std::min(best.read, read);
  best.whole = std::min(best.whole, scan + read);
  best.voxels = loaded.volume.geometry().size.voxels();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("reading_bench FOLDER [ROUNDS]\n", stderr);
    return 2;
  }
  Times best;
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 1;
  for (int n = 0; n < rounds; ++n) {
    if (const auto done = measure(argv[1], best); !done) {
      std::fprintf(stderr, "%s\n", done.error().message.c_str());
      return 1;
    }
  }
  std::printf(
      "{\"voxels\": %lld, \"scan\": %.4f, \"first_slice\": %.4f, \"read\": %.4f, \"whole\": "
      "%.4f}\n",
      static_cast<long long>(best.voxels),
      best.scan,
      best.firstSlice,
      best.read,
      best.whole);
  return 0;
}
