// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/edit/edit.h"
#include "core/edit/tools.h"
#include "core/volume/segmentation.h"
#include "core/volume/volume.h"
#include "ui/session/tool_state.h"
#include "ui/session/unexported_work.h"

#include <QObject>
#include <QString>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace argand::ui {

// The state that the window shows: one volume, the structures on its grid, and
// how both are looked at. Widgets hold none of it; they call the setters here
// and repaint on the signals. Lives on the GUI thread.
class Session : public QObject {
  Q_OBJECT

 public:
  explicit Session(QObject* parent = nullptr);
  ~Session() override;

  // ---- The study that is shown -------------------------------------------------

  // Null until something was opened.
  [[nodiscard]] const std::shared_ptr<const Volume>& volume() const { return m_volume; }

  // Shows `volume`. What was done on the last one is kept under its key and comes
  // back with it, so `key` names the series for as long as the program runs. In
  // the same frame of reference the cursor stays where it is.
  void setVolume(std::shared_ptr<const Volume> volume, const QString& key);
  // The volume of a key that was shown before and has structures; else null.
  [[nodiscard]] std::shared_ptr<const Volume> kept(const QString& key) const;

  [[nodiscard]] const QString& key() const { return m_key; }

  // ---- Structures -----------------------------------------------------------------

  // On the volume's grid. A copy is a cheap snapshot for a job.
  [[nodiscard]] const Segmentation& segmentation() const { return m_segmentation; }

  // 0 where there is none.
  [[nodiscard]] StructureId activeStructure() const { return m_active; }

  [[nodiscard]] const Structure* activeStructureOrNull() const;
  void setActiveStructure(StructureId id);
  // Makes it active and brings it into view: the crosshair goes to its voxel nearest to
  // its centroid, so that every view has a slice with it.
  void chooseStructure(StructureId id);
  void chooseNext(int step);  // +1 or -1 through the list, round its end
  // The next organ in that direction whose review is not completed.
  void chooseNextUnreviewed(int step);

  // Each of these is one undo step; a change of what is only looked at (the eye)
  // is none.
  StructureId addStructure(const QString& name = {});
  void removeStructure(StructureId id);
  void updateStructure(const Structure& structure, const QString& title);
  void setStructureVisible(StructureId id, bool visible);
  // All others hidden; again: all shown.
  void showOnly(StructureId id);

  // Sets how far the review is, as one undo step. Completed is refused, with a notice
  // why, where the organ is empty or no slice with it was on the screen.
  void setReview(StructureId id, ReviewState state);

  // Asked before a tool takes voxels from organs (their names) whose review is
  // completed; false: they are left. Without it, they are taken. Either way a change of
  // its voxels ends an organ's review.
  using ReviewQuestion = std::function<bool(const QStringList& organs)>;

  void setReviewQuestion(ReviewQuestion question) { m_reviewQuestion = std::move(question); }

  // Where an edit comes from: what a file holds needs no export.
  enum class Source { Work, File };

  // Applies `edit` as one undo step. Fails where it does not fit the state.
  [[nodiscard]] Result<void> apply(edit::Edit edit, Source source = Source::Work);

  [[nodiscard]] const edit::History& history() const { return m_history; }

  void undo();
  void redo();

  // True where the series that is shown has work that was not exported.
  [[nodiscard]] bool modified() const { return !m_unexported.empty(); }

  // The organs with unexported work, by the key of their series, shown or put aside.
  [[nodiscard]] std::map<QString, QStringList> unexported() const;

  // What an export reads, for markExported() when it has succeeded: by then there may be
  // newer work, or another series on the screen.
  struct ExportMark {
    QString key;
    std::uint64_t revision = 0;
    std::vector<StructureId> structures;
  };

  [[nodiscard]] ExportMark exportMark(const std::vector<StructureId>& only) const;
  void markExported(const ExportMark& mark);
  // The person leaves the work of all series as it is.
  void leaveUnexported();

  // ---- Editing --------------------------------------------------------------------

  [[nodiscard]] Tool tool() const { return m_tool; }

  void setTool(Tool tool);
  void swapTools();  // the last two

  [[nodiscard]] const BrushState& brush() const { return m_brush; }

  void setBrush(const BrushState& brush);
  void scaleBrush(int steps);  // 20 % each

  // A stroke of the active structure with the brush. `opposite` erases while the
  // tool is Paint and paints while it is Erase. `sliceAxis` is the index axis that
  // the view looks along. False, and a notice, where it cannot start.
  bool beginStroke(const Vec3& lpsMm, int sliceAxis, bool opposite);
  void moveStroke(const Vec3& lpsMm);
  void endStroke();
  void cancelStroke();

  [[nodiscard]] bool strokeActive() const { return m_stroke.has_value(); }

  // A box of voxels that threshold and segmentation are confined to; drawn by
  // dragging with the Threshold tool. Nothing: the whole volume.
  [[nodiscard]] const std::optional<Box>& region() const { return m_region; }

  void setRegion(const std::optional<Box>& region);
  // Puts the voxels of the brush's value range within the region into the active
  // structure (`replace`: makes it just these).
  void applyThreshold(bool replace);

  // ---- How it is looked at -----------------------------------------------------

  [[nodiscard]] const Vec3& cursorMm() const { return m_cursorMm; }

  void setCursor(const Vec3& lpsMm);
  // The voxel under the cursor, kept inside the volume.
  [[nodiscard]] Index3 cursorVoxel() const;
  void setCursorVoxel(const Index3& index);

  // Where the mouse is over a slice view; nothing where it is over none.
  [[nodiscard]] const std::optional<Vec3>& pointerMm() const { return m_pointerMm; }

  void setPointer(const std::optional<Vec3>& lpsMm);

  // A view has drawn slice `slice` across the index axis: the organs on it were seen.
  void noteDrawn(int sliceAxis, std::int64_t slice);

  [[nodiscard]] const WindowLevel& window() const { return m_window; }

  void setWindow(const WindowLevel& window);
  // 0: the source's own (again: the next one); 1 to 8: see window_presets.h; 9: the
  // person's own for this modality.
  void applyPreset(int number);

  [[nodiscard]] const std::map<Modality, WindowLevel>& ownPresets() const { return m_ownPresets; }

  void setOwnPreset(Modality modality, const WindowLevel& window);

  [[nodiscard]] const DisplayState& display() const { return m_display; }

  void setDisplay(const DisplayState& display);

  // Says something to the person: the status strip shows it for a while.
  void say(const QString& sentence) { emit notice(sentence); }

 signals:
  void volumeChanged();
  // Labels within `box` changed (of any structure). Sent while a stroke moves too.
  void segmentationChanged(const argand::Box& box);
  void strokeFinished();
  void structuresChanged();  // the list, or a structure's attributes
  void activeStructureChanged();
  void historyChanged();
  void toolChanged();
  void brushChanged();
  void regionChanged();
  void cursorChanged();
  void pointerChanged();
  void windowChanged();
  void displayChanged();
  void unexportedChanged();
  // Views return to their first pan and zoom.
  void viewResetRequested();
  void notice(const QString& sentence);

 private:
  // What is put aside while another series is shown.
  struct Document {
    std::shared_ptr<const Volume> volume;
    Segmentation segmentation;
    edit::History history;
    StructureId active = 0;
    std::set<StructureId> seen;
    UnexportedWork unexported;
    WindowLevel window;
    Vec3 cursorMm;
  };

  void putAside();
  void start(Document document);
  // What `body` does to a copy of the segmentation, as one undo step.
  template <typename Body>
  void change(const QString& title, Body&& body);
  // Tells of a change that `edit` made of `before`, in either direction.
  void changed(const edit::Edit& edit, const Segmentation& before, Source source);
  void keepActiveValid();
  // False where the person keeps the reviewed organs, but for the active one, that lose
  // voxels on the way to `after`.
  [[nodiscard]] bool mayTake(const Segmentation& before, const Segmentation& after) const;

  std::shared_ptr<const Volume> m_volume;
  QString m_key;
  Segmentation m_segmentation;
  edit::History m_history;
  StructureId m_active = 0;
  StructureId m_lostActive = 0;  // taken away by an undo or redo; comes back as active
  std::set<StructureId> m_seen;  // on a slice that was drawn, with the voxels it has now
  UnexportedWork m_unexported;
  std::map<QString, Document> m_documents;
  ReviewQuestion m_reviewQuestion;

  Tool m_tool = Tool::View;
  Tool m_lastTool = Tool::Paint;
  BrushState m_brush;
  std::optional<edit::Stroke> m_stroke;
  Segmentation m_beforeStroke;
  std::optional<Box> m_region;

  Vec3 m_cursorMm;
  std::optional<Vec3> m_pointerMm;
  WindowLevel m_window;
  std::map<Modality, WindowLevel> m_ownPresets;
  DisplayState m_display;
};

}  // namespace argand::ui
