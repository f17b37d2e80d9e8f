# SPDX-License-Identifier: Apache-2.0
"""monai_windows.py FOLDER: MONAI's sliding windows over a convolution, beside what FOLDER/scores.f32 holds.

FOLDER/case.json gives the size, the window, the overlap and the classes; input.f32, weight.f32 and
bias.f32 are plain floats. Prints the largest difference.
"""
import json
import pathlib
import sys

import numpy
import torch
from monai.inferers import sliding_window_inference

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "case.json").read_text(encoding="utf-8"))


def read(name, *shape):
    return torch.from_numpy(numpy.fromfile(folder / name, dtype=numpy.float32).reshape(shape))


classes = case["classes"]
weight = read("weight.f32", classes, 1, 3, 3, 3)
bias = read("bias.f32", classes)
expected = sliding_window_inference(
    read("input.f32", 1, 1, *case["size"]), case["window"], 1,
    lambda window: torch.nn.functional.conv3d(window, weight, bias, padding=1),
    overlap=case["overlap"], mode="gaussian")
ours = read("scores.f32", *case["size"], classes).permute(3, 0, 1, 2)
print(float((ours - expected[0]).abs().max()))
