// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/directory.h"

#include "core/dicom/dcmtk_tools.h"

#include <algorithm>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

std::string changed(std::string text, int (*letter)(int)) {
  std::transform(text.begin(), text.end(), text.begin(), [&](unsigned char c) {
    return static_cast<char>(letter(c));
  });
  return text;
}

// "IMAGES\\CT\\IM0001" beside the DICOMDIR.
fs::path resolved(const fs::path& folder, const std::string& fileId) {
  fs::path relative;
  std::size_t start = 0;
  while (start <= fileId.size()) {
    const std::size_t end = std::min(fileId.find('\\', start), fileId.size());
    relative /= fileId.substr(start, end - start);
    start = end + 1;
  }
  std::error_code ignored;
  const fs::path lower = folder / changed(relative.native(), &::tolower);
  return !fs::exists(folder / relative, ignored) && fs::exists(lower, ignored) ? lower
                                                                               : folder / relative;
}

}  // namespace

bool isDirectoryFile(const fs::path& path) {
  return changed(path.filename().native(), &::toupper) == "DICOMDIR";
}

Result<std::vector<fs::path>> listedFiles(const fs::path& path) {
  ARGAND_ASSIGN(const auto file, loadObject(path, LoadPart::All));
  std::vector<fs::path> listed;
  DcmSequenceOfItems* records = nullptr;
  if (file->getDataset()->findAndGetSequence(DCM_DirectoryRecordSequence, records).bad() ||
      records == nullptr) {
    return listed;
  }
  const fs::path folder = fs::absolute(path).parent_path();
  for (unsigned long n = 0; n < records->card(); ++n) {
    const std::string fileId = textOf(*records->getItem(n), DCM_ReferencedFileID);
    // A path out of the disc's folder is no file of the disc.
    if (!fileId.empty() && fileId.find("..") == std::string::npos && fileId.front() != '/') {
      listed.push_back(resolved(folder, fileId));
    }
  }
  return listed;
}

}  // namespace argand::dicom
