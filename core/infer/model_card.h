// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/json.h"
#include "core/volume/label_table.h"
#include "core/volume/volume.h"

#include <optional>
#include <string>
#include <vector>

namespace argand::infer {

enum class Normalization {
  ZScore,        // (v - mean) / standard deviation of the input's own voxels
  ClipAndScale,  // clip to [lower, upper], then to [0, 1]: for CT
};

struct ModelInput {
  Modality modality = Modality::Mr;
  std::string name;  // "T1"
  Normalization normalization = Normalization::ZScore;
  double lower = 0.0;  // ClipAndScale only
  double upper = 1.0;
};

struct ModelStructure {
  LabelValue value = 0;
  std::string name;  // "Hippo_Ant"
  std::optional<Code> code;
  Color color;
  // One of a pair that the network does not tell apart: its side comes from
  // the region it was found in, and "_L" or "_R" is added to the name.
  bool sided = false;
};

// For a network that was trained on patches: it sees the volume in overlapping
// windows of that size.
struct ModelWindow {
  Size3 size;  // voxels, in the order of the card's axes
  double overlap = 0.25;
};

// What a model is, what it may be given, and where it came from (card.json
// beside its weights).
struct ModelCard {
  std::string id;  // "hippocampus-t1"
  std::string name;
  std::string version;
  std::string description;
  std::string intendedUse;
  std::string bodyRegion;
  std::string license;      // SPDX id of the weights' licence
  std::string attribution;  // of the training data
  std::string network;      // "nnunet-plain:channels=16-32-64-128,classes=3"
  std::vector<ModelInput> inputs;
  std::vector<ModelStructure> structures;
  std::string axisCodes = "RAS";      // orientation of what the network sees
  Vec3 spacingMm{1.0, 1.0, 1.0};      // in that order
  Vec3 trainedExtentMm;               // largest field seen in training, same order
  std::optional<ModelWindow> window;  // absent: trained on whole fields, run on whole fields
  bool mirrorSafe = false;            // left-right flips leave the labels right
  std::string weightsFile = "weights.safetensors";
  std::string weightsSha256;
  std::string parent;  // id and hash of the model it was fine-tuned from
  Json training;       // data, case lists, recipe, epochs: as recorded
  Json metrics;        // validation Dice per structure, and on what

  [[nodiscard]] int classes() const { return static_cast<int>(structures.size()) + 1; }

  [[nodiscard]] LabelTable labelTable() const;

  // Refuses, naming the key, what is missing or makes no sense.
  [[nodiscard]] static Result<ModelCard> fromJson(const Json& json, std::string_view what);
  [[nodiscard]] Json toJson() const;
};

}  // namespace argand::infer
