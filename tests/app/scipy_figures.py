# SPDX-License-Identifier: Apache-2.0
"""Figures of docs/metrics.md from SciPy: scipy_figures.py LABELS REFERENCE TOLERANCE_MM

Prints one line per label: value dice jaccard hd hd95 msd surface_dice. NIfTI files
on one evenly spaced grid with axes at right angles.
"""
import sys

import nibabel
import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

reference = nibabel.load(sys.argv[2])
b = np.asarray(reference.dataobj).astype(int)
a = np.asarray(nibabel.load(sys.argv[1]).dataobj).astype(int)
spacing = np.linalg.norm(reference.affine[:3, :3], axis=0)
for value in np.union1d(a, b)[1:]:
    masks = [volume == value for volume in (a, b)]
    where = np.argwhere(masks[0] | masks[1])
    box = tuple(slice(low, high + 3) for low, high in zip(where.min(0), where.max(0)))
    p, q = (np.pad(mask, 1)[box] for mask in masks)
    both, either = (p & q).sum(), (p | q).sum()
    row = [2 * both / (p.sum() + q.sum()), both / either]
    if p.any() and q.any():
        rims = [mask & ~binary_erosion(mask) for mask in (p, q)]
        there = distance_transform_edt(~rims[1], sampling=spacing)[rims[0]]
        back = distance_transform_edt(~rims[0], sampling=spacing)[rims[1]]
        pooled = np.concatenate([there, back])
        row += [pooled.max(), max(np.percentile(there, 95), np.percentile(back, 95)),
                pooled.mean(), (pooled <= float(sys.argv[3]) + 1e-6).mean()]
    print(value, *(f"{figure:.9f}" for figure in row))
