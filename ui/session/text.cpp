// SPDX-License-Identifier: Apache-2.0
#include "ui/session/text.h"

#include "core/base/text.h"

#include <QUrl>

namespace argand::ui {
namespace {

constexpr ushort kFirstCarried = 0xdc80;  // of byte 0x80
constexpr ushort kLastCarried = 0xdcff;

// The bytes of the UTF-8 sequence that `bytes` begins with; 0 where it begins with none.
std::size_t sequenceLength(std::string_view bytes) {
  constexpr std::size_t kLongest = 4;
  for (std::size_t length = 1; length <= std::min(kLongest, bytes.size()); ++length) {
    if (isUtf8(bytes.substr(0, length))) {
      return length;
    }
  }
  return 0;
}

}  // namespace

QString textOf(std::string_view bytes) {
  return QString::fromStdString(utf8Text(bytes));
}

QString shownPath(const std::filesystem::path& path) {
  return QString::fromStdString(displayed(path));
}

QString carriedPath(const std::filesystem::path& path) {
  QString carried;
  for (std::string_view rest = path.native(); !rest.empty();) {
    const std::size_t length = sequenceLength(rest);
    if (length == 0) {
      constexpr unsigned char kFirstByte = 0x80;
      const auto byte = static_cast<unsigned char>(rest.front());
      carried += QChar(static_cast<ushort>(kFirstCarried + (byte - kFirstByte)));
      rest.remove_prefix(1);
    } else {
      carried += QString::fromUtf8(rest.data(), static_cast<qsizetype>(length));
      rest.remove_prefix(length);
    }
  }
  return carried;
}

std::filesystem::path pathFrom(const QString& carried) {
  std::string bytes;
  QString text;  // not yet in `bytes`
  const auto flush = [&] {
    bytes += text.toStdString();
    text.clear();
  };
  for (qsizetype n = 0; n < carried.size(); ++n) {
    const QChar unit = carried[n];
    const bool low = unit.unicode() >= kFirstCarried && unit.unicode() <= kLastCarried;
    if (low && (n == 0 || !carried[n - 1].isHighSurrogate())) {
      flush();
      bytes += static_cast<char>(unit.unicode() - kFirstCarried + 0x80);
    } else {
      text += unit;
    }
  }
  flush();
  return {bytes};
}

std::filesystem::path pathFrom(const QUrl& url) {
  if (!url.isLocalFile()) {
    return {};
  }
  return {QByteArray::fromPercentEncoding(url.path(QUrl::FullyEncoded).toLatin1()).toStdString()};
}

QUrl urlFrom(const std::filesystem::path& path) {
  const QByteArray bytes = QByteArray::fromStdString(path.native());
  return QUrl::fromEncoded("file://" + bytes.toPercentEncoding("/"));
}

QString fileNamePart(const QString& text, qsizetype most) {
  QString part;
  for (const QChar unit : text.normalized(QString::NormalizationForm_C)) {
    if (unit.isLetterOrNumber()) {
      part += unit;
    } else if (!part.isEmpty() && !part.endsWith(u'-')) {
      part += u'-';
    }
  }
  part.truncate(most);
  while (part.endsWith(u'-')) {
    part.chop(1);
  }
  return part;
}

}  // namespace argand::ui
