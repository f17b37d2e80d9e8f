// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

class QApplication;
class QLabel;
class QWidget;

// The look of the program: dark grey, no pure white (a reading room is dark).
namespace argand::ui {

void applyStyle(QApplication& application);

// An icon of resources/icons by its name without the ending.
[[nodiscard]] QIcon icon(const QString& name);

// A label that the style sheet knows by its role: "heading", "section", "quiet",
// "error", "warning", "good".
[[nodiscard]] QLabel* roleLabel(const QString& text, const char* role, QWidget* parent = nullptr);
// Shows `text` in a label under another role; hides it where the text is empty.
void setRoleText(QLabel& label, const QString& text, const char* role);

namespace colours {
inline const QColor kBackground{0x1a, 0x1d, 0x21};
inline const QColor kText{0xd3, 0xd7, 0xde};
inline const QColor kQuiet{0x97, 0xa0, 0xad};
inline const QColor kLine{0x3a, 0x41, 0x4b};
inline const QColor kAccent{0x5b, 0x8f, 0xd0};
inline const QColor kWarning{0xe0, 0xb8, 0x4e};
inline const QColor kGood{0x6f, 0xc0, 0x86};
inline const QColor kBad{0xe0, 0x6c, 0x62};
}  // namespace colours

}  // namespace argand::ui
