#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opening a CT of 600 slices, by Argand and by SimpleITK, as ratios measured in turns in one run.

  reading_peers.py --bench build/dev/tests/bench/reading_bench CT.dcm [--slices 600] [--rounds 3] [--work FOLDER]

CT.dcm is any uncompressed CT slice; it is repeated at new positions with noise of its own in the lowest
bits, in four encodings. Both readers find the series and read it; voxels are compared. Needs pydicom and
SimpleITK, and dcmcjpls, gdcmconv and dcmcrle for the encodings; what is not installed is left out aloud.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def make_slices(source, folder, count):
    import numpy
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True)
    noise = numpy.random.default_rng(1)
    series = generate_uid()
    for k in range(count):
        data = pydicom.dcmread(source)
        pixels = data.pixel_array.copy()
        pixels ^= noise.integers(0, 4, pixels.shape).astype(pixels.dtype)
        data.PixelData = pixels.tobytes()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPInstanceUID = generate_uid()
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.SeriesInstanceUID = series
        data.InstanceNumber = k + 1
        position = [float(v) for v in data.ImagePositionPatient]
        data.ImagePositionPatient = [position[0], position[1], k * 1.25]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.save_as(folder / f"{k:04}.dcm")


def encoded(plain, folder, command):
    if shutil.which(command[0]) is None:
        print(f"{command[0]} is not installed: {folder.name} is left out.", file=sys.stderr)
        return None
    folder.mkdir()
    for path in sorted(plain.iterdir()):
        subprocess.run(command + [str(path), str(folder / path.name)], check=True, capture_output=True)
    return folder


def by_simpleitk(folder):
    import SimpleITK

    start = time.perf_counter()
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    return time.perf_counter() - start, image.GetNumberOfPixels()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slice", help="an uncompressed CT slice")
    parser.add_argument("--bench", required=True, help="the program reading_bench")
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", help="a folder that keeps the series; by default one that is removed")
    args = parser.parse_args()
    work = pathlib.Path(args.work or tempfile.mkdtemp())
    plain = work / "uncompressed"
    if not plain.exists():
        make_slices(args.slice, plain, args.slices)
    folders = [plain]
    for name, command in [("JPEG-LS", ["dcmcjpls"]), ("JPEG 2000", ["gdcmconv", "--j2k"]), ("RLE", ["dcmcrle"])]:
        folder = work / name
        folders.append(folder if folder.exists() else encoded(plain, folder, command))
    print(f"### Reading {args.slices} slices, best of {args.rounds}\n")
    print("| encoding | Argand: scan + read, s | first slice, s | SimpleITK, s | SimpleITK / Argand |")
    print("|---|---|---|---|---|")
    for folder in filter(None, folders):
        ours, first, theirs = [], [], []
        for _ in range(args.rounds):
            ran = subprocess.run([args.bench, str(folder)], check=True, capture_output=True, text=True)
            times = json.loads(ran.stdout)
            ours.append((times["whole"], times["scan"], times["read"]))
            first.append(times["first_slice"])
            seconds, voxels = by_simpleitk(folder)
            assert voxels == times["voxels"], (voxels, times["voxels"])
            theirs.append(seconds)
        whole, scan, read = min(ours)
        print(f"| {folder.name} | {whole:.2f} ({scan:.2f} + {read:.2f}) | {min(first):.3f} | {min(theirs):.2f} | "
              f"{min(theirs) / whole:.2f} |", flush=True)
    if not args.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
