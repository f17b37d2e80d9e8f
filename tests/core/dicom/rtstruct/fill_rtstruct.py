# SPDX-License-Identifier: Apache-2.0
"""Fills the contours of an RTSTRUCT with pydicom and scikit-image.

fill_rtstruct.py RTSTRUCT IMAGE_FOLDER OUT_FOLDER: writes each ROI as
OUT_FOLDER/<ROI number>.raw, one byte per voxel, slices by position along the
normal; contours of one ROI and slice are combined by exclusive or.
"""
import pathlib
import sys

import numpy as np
import pydicom
from skimage.draw import polygon2mask

structs = pydicom.dcmread(sys.argv[1], force=True)
images = [pydicom.dcmread(p, stop_before_pixels=True) for p in pathlib.Path(sys.argv[2]).iterdir()]
orientation = np.array(images[0].ImageOrientationPatient, float)
row, column = orientation[:3], orientation[3:]
images.sort(key=lambda image: np.dot(np.cross(row, column), np.array(image.ImagePositionPatient, float)))
slice_of = {image.SOPInstanceUID: k for k, image in enumerate(images)}
row_spacing, column_spacing = (float(v) for v in images[0].PixelSpacing)
shape = (len(images), images[0].Rows, images[0].Columns)
for roi in structs.ROIContourSequence:
    mask = np.zeros(shape, bool)
    for contour in getattr(roi, "ContourSequence", []):
        k = slice_of[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        away = points - np.array(images[k].ImagePositionPatient, float)
        assert np.abs(away @ np.cross(row, column)).max() < 1e-3  # in the plane of the image
        y, x = away @ column / row_spacing, away @ row / column_spacing
        first = np.maximum(np.floor([y.min(), x.min()]).astype(int), 0)
        last = np.minimum(np.ceil([y.max(), x.max()]).astype(int) + 1, shape[1:])
        inside = polygon2mask(tuple(last - first), np.stack([y - first[0], x - first[1]], 1))
        mask[k, first[0]:last[0], first[1]:last[1]] ^= inside
    (pathlib.Path(sys.argv[3]) / f"{roi.ReferencedROINumber}.raw").write_bytes(mask.astype(np.uint8).tobytes())
