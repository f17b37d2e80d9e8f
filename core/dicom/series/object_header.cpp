// SPDX-License-Identifier: Apache-2.0
#include "core/dicom/series/object_header.h"

#include "core/base/text.h"
#include "core/dicom/series/directory.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <system_error>

namespace argand::dicom {

namespace fs = std::filesystem;

namespace {

// Whether the file can be opened, and whether there is anything in it.
HeaderKind firstLook(const fs::path& path, std::string& reason) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    reason = fmt::format("It cannot be opened: {}.", std::generic_category().message(errno));
    return HeaderKind::Unreadable;
  }
  char byte = 0;
  const ssize_t got = ::read(file, &byte, 1);
  const int error = errno;
  ::close(file);
  if (got < 0) {
    reason = fmt::format("It cannot be read: {}.", std::generic_category().message(error));
    return HeaderKind::Unreadable;
  }
  if (got == 0) {
    reason = "The file is empty.";
    return HeaderKind::Empty;
  }
  if (!looksLikeDicom(path)) {
    reason = "It is not a DICOM file.";
    return HeaderKind::NotDicom;
  }
  return HeaderKind::Image;
}

// Upper case, without the blanks and carets at the end that writers add or leave out.
std::string normalizedName(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  name.erase(name.find_last_not_of(" ^=") + 1);
  return name;
}

std::string patientOf(DcmDataset& dataset) {
  return textOf(dataset, DCM_PatientID) + '\n' + textOf(dataset, DCM_IssuerOfPatientID) + '\n' +
         normalizedName(textOf(dataset, DCM_PatientName)) + '\n' +
         textOf(dataset, DCM_PatientBirthDate);
}

SeriesEntry describe(DcmDataset& dataset, const ObjectInfo& info) {
  SeriesEntry entry;
  entry.kind = info.kind;
  entry.studyUid = info.studyUid;
  entry.seriesUid = info.seriesUid;
  entry.modality = info.modality;
  entry.primary = info.primary;
  entry.seriesDescription = screenTextOf(dataset, DCM_SeriesDescription);
  entry.studyDescription = screenTextOf(dataset, DCM_StudyDescription);
  entry.studyDate = screenTextOf(dataset, DCM_StudyDate);
  entry.patientLabel = screenTextOf(dataset, DCM_PatientName);
  const auto number = numbersOf(dataset, DCM_SeriesNumber);
  constexpr double kLargest = 2147483647.0;  // PS3.5 6.2, IS
  entry.seriesNumber =
      number.empty() || std::abs(number.front()) > kLargest ? 0 : static_cast<int>(number.front());
  return entry;
}

Result<void> readObject(ObjectHeader& header) {
  ARGAND_ASSIGN(const auto file, loadObject(header.path, LoadPart::HeaderOnly));
  DcmDataset& dataset = *file->getDataset();
  if (textOf(*file->getMetaInfo(), DCM_MediaStorageSOPClassUID) ==
      UID_MediaStorageDirectoryStorage) {
    header.kind = HeaderKind::Directory;
    return {};
  }
  const ObjectInfo info = infoOf(dataset);
  header.entry = describe(dataset, info);
  header.patient = patientOf(dataset);
  if (info.kind != ObjectKind::Image) {
    header.kind = HeaderKind::Object;
    header.entry.files = {header.path};
    return {};
  }
  std::string sopClass = textOf(dataset, DCM_SOPClassUID);
  if (sopClass.empty()) {
    sopClass = textOf(*file->getMetaInfo(), DCM_MediaStorageSOPClassUID);
  }
  const bool hasImage = dataset.tagExists(DCM_Rows);
  if (!hasImage && (sopClass.empty() || dcmIsImageStorageSOPClassUID(sopClass.c_str()))) {
    return fail(ErrorCode::InputRefused,
                "Its header ends before the image is described: the file is cut off or damaged.");
  }
  header.ofImage = hasImage;
  ARGAND_ASSIGN(header.frames, framesOf(*file, header.path));
  header.kind = HeaderKind::Image;
  return {};
}

}  // namespace

ObjectHeader readHeader(const fs::path& path) {
  ObjectHeader header;
  header.path = path;
  header.kind = firstLook(path, header.reason);
  if (header.kind != HeaderKind::Image) {
    return header;
  }
  const Result<void> read = guarded(ErrorCode::InputRefused,
                                    fmt::format("reading {}", displayed(path)),
                                    [&] { return readObject(header); });
  if (!read) {
    header.kind = HeaderKind::Refused;
    header.reason = read.error().message;
  }
  return header;
}

}  // namespace argand::dicom
