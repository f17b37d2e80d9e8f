# SPDX-License-Identifier: Apache-2.0
"""Unpacks a BINARY segmentation with pydicom and numpy.

unpack_seg.py SEG IMAGE_FOLDER OUT_FOLDER: writes each segment as
OUT_FOLDER/<Segment Number>.raw, one byte per voxel, on the images' own pixels and
slices by position along the normal. A frame goes to the slice of the image that it
names, and must lie there.
"""
import pathlib
import sys

import numpy as np
import pydicom

seg = pydicom.dcmread(sys.argv[1])
assert seg.SegmentationType == "BINARY" and seg.BitsAllocated == 1
images = [pydicom.dcmread(p, stop_before_pixels=True) for p in pathlib.Path(sys.argv[2]).iterdir()]
orientation = np.array(images[0].ImageOrientationPatient, float)
normal = np.cross(orientation[:3], orientation[3:])
images.sort(key=lambda image: np.dot(normal, np.array(image.ImagePositionPatient, float)))
slice_of = {image.SOPInstanceUID: k for k, image in enumerate(images)}
shared = seg.SharedFunctionalGroupsSequence[0]
assert np.allclose(np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), orientation, atol=1e-6)
assert np.allclose(np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float),
                   np.array(images[0].PixelSpacing, float), rtol=1e-6)
bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
count = int(seg.NumberOfFrames)
frames = bits[: count * seg.Rows * seg.Columns].reshape(count, seg.Rows, seg.Columns)
assert not bits[count * seg.Rows * seg.Columns:].any() and len(seg.PixelData) % 2 == 0
masks = {int(s.SegmentNumber): np.zeros((len(images), seg.Rows, seg.Columns), np.uint8) for s in seg.SegmentSequence}
referenced = {i.ReferencedSOPInstanceUID for s in seg.ReferencedSeriesSequence for i in s.ReferencedInstanceSequence}
for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
    source = group.DerivationImageSequence[0].SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID in referenced
    k = slice_of[source.ReferencedSOPInstanceUID]
    position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
    assert np.allclose(position, np.array(images[k].ImagePositionPatient, float), atol=1e-6)
    mask = masks[int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)]
    assert frame.any() and not mask[k].any()
    mask[k] = frame
for number, mask in masks.items():
    (pathlib.Path(sys.argv[3]) / f"{number}.raw").write_bytes(mask.tobytes())
