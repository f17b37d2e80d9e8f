#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Argand's engine beside PyTorch: the same network, size and threads, as ratios measured in one run.

  peers.py --engine build/dev/tests/bench/engine_bench [--size 128x128x128] [--rounds 3] [--threads 2]

Every contestant is a process of its own that has warmed up (torch.compile has compiled) before the
rounds begin; they then take turns, one forward each, and the best round counts. Peak memory is the
highest resident memory of a forward above what the process held before it; for PyTorch's first
forward in eager mode nothing is cached before it. Needs torch, dynamic_network_architectures and, for
the windows, monai; nothing of Argand needs them.
"""
import argparse
import ctypes
import json
import os
import subprocess
import sys
import time

MIB = 1024.0 * 1024.0


def status_bytes(key):
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    raise KeyError(key)


def network(channels, classes):
    import torch
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    torch.manual_seed(1)
    stages = len(channels)
    return PlainConvUNet(
        input_channels=1, n_stages=stages, features_per_stage=channels, conv_op=torch.nn.Conv3d,
        kernel_sizes=3, strides=[1] + [2] * (stages - 1), n_conv_per_stage=2, num_classes=classes,
        n_conv_per_stage_decoder=2, conv_bias=True, norm_op=torch.nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"negative_slope": 0.01, "inplace": True}, deep_supervision=False).eval()


def contestant(kind, args):
    """A function that runs one forward of PyTorch, and how often it is called before it counts."""
    import torch

    torch.set_num_threads(args.threads)
    module = network(args.channels, args.classes)
    voxels = torch.randn(1, 1, *args.size)
    words = kind.split()
    if "channels-last" in words:
        module = module.to(memory_format=torch.channels_last_3d)
        voxels = voxels.to(memory_format=torch.channels_last_3d)
    if "freezing" in words:
        import torch._inductor.config

        torch._inductor.config.freezing = True
    forward = module
    if "compiled" in words:
        forward = torch.compile(module)
    if "windows" in words:
        from monai.inferers import sliding_window_inference

        def forward(x):
            return sliding_window_inference(x, args.window, 1, module, overlap=0.25, mode="gaussian")

    def run():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled="bf16" in words):
            return forward(voxels)

    return run, 2 if "compiled" in words else 0


def serve(kind, args):
    run, warm_ups = contestant(kind, args)
    for _ in range(warm_ups):
        run()
    for _ in sys.stdin:
        ctypes.CDLL(None).malloc_trim(0)
        base = status_bytes("VmRSS")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as again:
            again.write("5")
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "peak_bytes": status_bytes("VmHWM") - base}), flush=True)
        del result


class Contestant:
    def __init__(self, name, command):
        self.name = name
        self.seconds = []
        self.peaks = []
        environment = dict(os.environ, TORCHINDUCTOR_COMPILE_THREADS="1")  # no pool of compilers stays beside it
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self._turn()  # until it is warm
        self.seconds.clear()

    def _turn(self):
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self._process.wait()}")
        answer = json.loads(line)
        self.seconds.append(answer["seconds"])
        self.peaks.append(answer["peak_bytes"])

    def turn(self):
        self._turn()

    def end(self):
        self._process.stdin.close()
        self._process.wait()


def extent(text):
    return [int(part) for part in text.split("x")]


def engine_command(case, args):
    spec = "nnunet-plain:channels={},classes={}".format("-".join(map(str, args.channels)), args.classes)
    return [args.engine, "--serve", case, "--network", spec, "--size", "x".join(map(str, args.size)),
            "--window", "x".join(map(str, args.window)), "--threads", str(args.threads)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="the program engine_bench")
    parser.add_argument("--size", type=extent, default=[128, 128, 128])
    parser.add_argument("--window", type=extent, default=[64, 64, 64])
    parser.add_argument("--channels", type=lambda text: [int(n) for n in text.split("-")],
                        default=[16, 32, 64, 128, 160])
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="kinds separated by commas, instead of all")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args)
        return
    kinds = ["eager", "compiled channels-last", "compiled freezing", "eager bf16", "compiled bf16",
             "compiled bf16 channels-last", "compiled bf16 freezing", "windows"]
    kinds = args.only.split(",") if args.only else kinds
    commands = {f"PyTorch {kind}": [sys.executable, __file__, "--serve", kind] + sys.argv[1:] for kind in kinds}
    if args.engine:
        for case in ["fp32", "bf16", "window"]:
            commands[f"Argand {case}"] = engine_command(case, args)
    contestants = [Contestant(name, command) for name, command in commands.items()]
    for _ in range(args.rounds):
        for one in contestants:
            one.turn()
    for one in contestants:
        one.end()
    best = {one.name: min(one.seconds) for one in contestants}
    peak = {one.name: max(one.peaks) for one in contestants}
    base = contestants[0].name
    compiled = [name for name in best if name.startswith("PyTorch compiled")]
    print(f"\n### Beside PyTorch: {'x'.join(map(str, args.size))}, {args.threads} threads, best of {args.rounds}\n")
    print(f"| | s | time, of {base} | of the best compiled in that type | peak MiB above the base | of {base} |")
    print("|---|---|---|---|---|---|")
    for name in best:
        peers = [peer for peer in compiled if ("bf16" in peer) == ("bf16" in name)]
        of_compiled = f"{best[name] / min(best[peer] for peer in peers):.3f}" if peers else ""
        print(f"| {name} | {best[name]:.3f} | {best[name] / best[base]:.3f} | {of_compiled} | "
              f"{peak[name] / MIB:.0f} | {peak[name] / peak[base]:.3f} |")


if __name__ == "__main__":
    main()
