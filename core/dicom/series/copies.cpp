// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/copies.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcxfer.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace argand::dicom {

namespace {

// Combines the hashes of chunks of bytes.
class Hash {
 public:
  void add(const void* bytes, std::size_t count) {
    m_bytes += count;
    m_hash = (m_hash ^ std::hash<std::string_view>{}({static_cast<const char*>(bytes), count})) *
             0x100000001b3ULL;
  }

  [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }

  [[nodiscard]] std::uint64_t value() const { return m_hash; }

 private:
  std::uint64_t m_bytes = 0;
  std::uint64_t m_hash = 0xcbf29ce484222325ULL;
};

bool addEncapsulated(DcmPixelSequence& sequence, Hash& hash) {
  for (unsigned long n = 0; n < sequence.card(); ++n) {
    DcmPixelItem* item = nullptr;
    Uint8* data = nullptr;
    if (sequence.getItem(item, n).bad()) {
      return false;
    }
    if (item->getLength() > 0) {
      if (item->getUint8Array(data).bad() || data == nullptr) {
        return false;
      }
      hash.add(data, item->getLength());
    }
  }
  return true;
}

bool addPixels(DcmDataset& dataset, Hash& hash) {
  DcmElement* element = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  if (pixels == nullptr) {
    return false;
  }
  const E_TransferSyntax syntax = dataset.getOriginalXfer();
  if (DcmXfer(syntax).isEncapsulated()) {
    DcmPixelSequence* sequence = nullptr;
    return pixels->getEncapsulatedRepresentation(syntax, nullptr, sequence).good() &&
           sequence != nullptr && addEncapsulated(*sequence, hash);
  }
  Uint16* words = nullptr;
  Uint8* data = nullptr;
  if (pixels->getUint16Array(words).good() && words != nullptr) {
    hash.add(words, pixels->getLength());
    return true;
  }
  if (pixels->getUint8Array(data).good() && data != nullptr) {
    hash.add(data, pixels->getLength());
    return true;
  }
  return false;
}

bool samePlace(const Frame& a, const Frame& b) {
  constexpr double kMm = 1e-3;
  constexpr double kCosine = 1e-6;
  return length(a.slice.positionMm - b.slice.positionMm) < kMm &&
         length(a.rowCosine - b.rowCosine) < kCosine &&
         length(a.columnCosine - b.columnCosine) < kCosine;
}

}  // namespace

const PixelComparer::Digest& PixelComparer::digestOf(const std::filesystem::path& file) {
  const auto [known, fresh] = m_digests.try_emplace(file);
  if (fresh) {
    if (const auto object = loadObject(file, LoadPart::All)) {
      Hash hash;
      known->second.read = addPixels(*(*object)->getDataset(), hash);
      known->second.bytes = hash.bytes();
      known->second.hash = hash.value();
    }
  }
  return known->second;
}

bool PixelComparer::same(const Frame& a, const Frame& b) {
  const Digest& first = digestOf(a.file);
  const Digest& second = digestOf(b.file);
  return first.read && second.read && first.bytes == second.bytes && first.hash == second.hash;
}

std::vector<Frame> takeCopies(std::vector<Frame>& frames,
                              PixelComparer& comparer,
                              std::size_t& sharedUids) {
  using Key = std::pair<std::string, int>;
  std::map<Key, std::vector<std::size_t>> kept;  // by instance and frame
  std::vector<Frame> copies;
  std::vector<Frame> rest;
  std::set<std::size_t> shared;
  for (Frame& frame : frames) {
    std::vector<std::size_t> none;
    std::vector<std::size_t>& others =
        frame.slice.sopInstanceUid.empty()
            ? none
            : kept[Key(frame.slice.sopInstanceUid, frame.slice.frame)];
    const bool copy = std::any_of(others.begin(), others.end(), [&](std::size_t n) {
      return samePlace(rest[n], frame) && comparer.same(rest[n], frame);
    });
    if (copy) {
      copies.push_back(std::move(frame));
      continue;
    }
    if (!others.empty()) {
      shared.insert(others.begin(), others.end());
      shared.insert(rest.size());
    }
    others.push_back(rest.size());
    rest.push_back(std::move(frame));
  }
  frames = std::move(rest);
  sharedUids = shared.size();
  return copies;
}

}  // namespace argand::dicom
