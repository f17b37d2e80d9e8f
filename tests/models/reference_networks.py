#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the original networks compute, for networks_reference_test.

Each file in FOLDER holds the random weights of one network under Argand's layer
names, an input and the output in double precision; its metadata name the
network and where the original comes from. Needs torch, monai and
dynamic_network_architectures (exit status 77 where one is missing); Argand
itself needs none of them.

    reference_networks.py FOLDER [--seed N]
"""

import argparse
import json
import math
import pathlib
import re
import struct
import sys

try:
    import dynamic_network_architectures
    import monai
    import torch
    from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
    from monai.networks.nets import DynUNet, SegResNet, UNet
    from torch import nn
except ImportError as missing:
    print(missing)
    sys.exit(77)


class LampBlock(nn.Module):
    """Two convolutions of LAMP's U-Net; with `reduction` AnatomyNet's block around them."""

    def __init__(self, inputs, outputs, stride, reduction):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, 1)
        self.reduction = reduction
        if reduction:
            self.squeeze = nn.Linear(outputs, outputs // reduction)
            self.excite = nn.Linear(outputs // reduction, outputs)
            self.skip = nn.Conv3d(inputs, outputs, 1, stride, bias=False)
            self.skip_norm = nn.BatchNorm3d(outputs)

    def forward(self, x):
        act = nn.functional.leaky_relu
        y = self.conv2(act(self.norm(self.conv(x)), 0.01))
        if not self.reduction:
            return y
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(y.mean((2, 3, 4))))))
        return act(y * gate[:, :, None, None, None] + self.skip_norm(self.skip(x)), 0.01)


class LampUnet(nn.Module):
    """The U-Net of LAMP's published code, layer for layer."""

    def __init__(self, n, depth, classes, reduction=0):
        super().__init__()
        c = [min(n * 2**level, 1024) for level in range(depth + 1)]
        self.first = nn.Conv3d(1, c[0], 3, 2, 1, bias=False)
        self.first_norm = nn.BatchNorm3d(c[0])
        self.down = nn.ModuleList(
            LampBlock(c[i - 1], c[i], 2, reduction) for i in range(1, depth + 1))
        self.up = nn.ModuleList(nn.ConvTranspose3d(c[i], c[i - 1], 2, 2)
                                for i in range(1, depth + 1))
        self.mix = nn.ModuleList(nn.Conv3d(2 * c[i - 1], c[i], 1) for i in range(1, depth + 1))
        self.block = nn.ModuleList(
            LampBlock(c[i], c[i - 1], 1, reduction) for i in range(1, depth + 1))
        last = max(1, min(n // 2, 32))
        self.last_up = nn.ConvTranspose3d(c[0], last, 2, 2)
        self.last = nn.Conv3d(last, classes, 3, 1, 1)

    def forward(self, x):
        act = nn.functional.leaky_relu
        x = act(self.first_norm(self.first(x)), 0.01)
        skips = [x]
        for down in self.down:
            x = down(x)
            skips.append(x)
        for i in reversed(range(len(self.down))):
            x = self.block[i](self.mix[i](torch.cat([self.up[i](x), skips[i]], 1)))
        return self.last(act(self.last_up(x), 0.01))


class MeshNet(nn.Sequential):
    """MeshNet as brainchop has it."""

    def __init__(self, channels, classes, dilations):
        layers = []
        inputs = 1
        for dilation in dilations:
            layers += [nn.Conv3d(inputs, channels, 3, 1, dilation, dilation),
                       nn.BatchNorm3d(channels), nn.ReLU()]
            inputs = channels
        super().__init__(*layers, nn.Conv3d(channels, classes, 1))


# A rule is a pattern for a key of the original's state and our name for it, or
# None for what is a second name of the same tensor or not part of the network.
# Numbers in our name are computed from the matched ones.

LAMP_BLOCK = [(rf"{their}\.(\d+)\.({layer})\.", rf"{ours}{{0+1}}{name}.")
              for their, ours in (("down", "down"), ("block", "up"))
              for layer, name in (("conv", ".conv"), ("norm", ".norm"), ("conv2", ".conv2"),
                                  ("squeeze", ".se.squeeze"), ("excite", ".se.excite"),
                                  ("skip", ".skip"), ("skip_norm", ".skip_norm"))]
LAMP = LAMP_BLOCK + [
    (r"first\.", "in.conv."), (r"first_norm\.", "in.norm."), (r"up\.(\d+)\.", "up{0+1}.up."),
    (r"mix\.(\d+)\.", "up{0+1}.mix."), (r"last_up\.", "out.up."), (r"last\.", "out.conv.")]


def nnunet(stages):
    return [
        (r"decoder\.encoder\.", None), (r".*\.all_modules\.", None),
        (r"encoder\.stages\.(\d+)\.0\.convs\.(\d+)\.(conv|norm)\.", "encoder{0}.block{1+1}.{2}."),
        (r"encoder\.stem\.convs\.(\d+)\.(conv|norm)\.", "stem.block{0+1}.{1}."),
        (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.conv(\d)\.(conv|norm)\.",
         "encoder{0}.block{1+1}.{3}{2}."),
        (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.skip\.\d\.(conv|norm)\.",
         "encoder{0}.block{1+1}.skip_{2}."),
        (r"decoder\.stages\.(\d+)\.convs\.(\d+)\.(conv|norm)\.",
         f"decoder{{{stages - 2}-0}}.block{{1+1}}.{{2}}."),
        (r"decoder\.transpconvs\.(\d+)\.", f"decoder{{{stages - 2}-0}}.up."),
        (rf"decoder\.seg_layers\.{stages - 2}\.", "head."), (r"decoder\.seg_layers\.", None)]


def monai_unet(levels, units):
    rules = []
    parts = {"conv": "conv", r"adn\.N": "norm", r"adn\.A": "act"}
    for level in range(levels - 1):
        top = "model" + r"\.1\.submodule" * level
        places = [(top + r"\.0", f"down{level}")]
        if level == levels - 2:
            places.append((top + r"\.1\.submodule", "bottom"))
        for theirs, ours in places:
            for part, name in parts.items():
                if units:
                    rules.append((theirs + rf"\.conv\.unit(\d+)\.{part}\.",
                                  f"{ours}.unit{{0+1}}.{name}."))
                else:
                    rules.append((theirs + rf"\.{part}\.", f"{ours}.{name}."))
            rules.append((theirs + r"\.residual\.", f"{ours}.skip."))
        up = top + (r"\.2\.0" if units else r"\.2")
        for part, name in {**parts, "conv": "up"}.items():
            rules.append((up + rf"\.{part}\.", f"up{level}.{name}."))
        for part, name in parts.items():
            rules.append((top + rf"\.2\.1\.conv\.unit(\d+)\.{part}\.",
                          f"up{level}.unit.unit{{0+1}}.{name}."))
    return rules


def dynunet(levels):
    rules = [(r"skip_layers\.", None), (r"output_block\.conv\.conv\.", "head."),
             (r"upsamples\.(\d+)\.transp_conv\.conv\.", f"up{{{levels - 2}-0}}.up.")]
    for theirs, ours in ((r"input_block\.", "down0."), (r"downsamples\.(\d+)\.", "down{0+1}."),
                         (r"bottleneck\.", f"down{levels - 1}."),
                         (r"upsamples\.(\d+)\.conv_block\.", f"up{{{levels - 2}-0}}.")):
        for n in (1, 2, 3):
            rules += [(theirs + rf"conv{n}\.conv\.", f"{ours}conv{n}."),
                      (theirs + rf"norm{n}\.", f"{ours}norm{n}.")]
    return rules


def segresnet(levels):
    rules = [(r"convInit\.conv\.", "in.conv."), (r"conv_final\.0\.", "out.norm."),
             (r"conv_final\.2\.conv\.", "out.conv."),
             (r"down_layers\.(\d+)\.0\.conv\.", "down{0}.conv."),
             (r"up_samples\.(\d+)\.0\.conv\.", f"up{{{levels - 2}-0}}.conv.")]
    for theirs, ours in ((r"down_layers\.(\d+)\.(\d+)\.", "down{0}.block{1}."),
                         (r"up_layers\.(\d+)\.(\d+)\.", f"up{{{levels - 2}-0}}.block{{1+1}}.")):
        for n in (1, 2):
            rules += [(theirs + rf"norm{n}\.", f"{ours}norm{n}."),
                      (theirs + rf"conv{n}\.conv\.", f"{ours}conv{n}.")]
    return rules


def meshnet(layers):
    rules = [(rf"{3 * layers}\.", "head.")]
    for n in range(layers):
        rules += [(rf"{3 * n}\.", f"layer{n + 1}.conv."), (rf"{3 * n + 1}\.", f"layer{n + 1}.norm.")]
    return rules


def our_name(key, rules):
    found = []
    for pattern, ours in rules:
        match = re.match(pattern, key)
        if match:
            found.append((ours, match))
    if not found:
        raise SystemExit(f"no rule for {key}")
    ours, match = found[0]
    if ours is None:
        return None

    def number(term):
        expression = term.group(1)
        groups = match.groups()
        if plus := re.fullmatch(r"(\d+)\+1", expression):
            return str(int(groups[int(plus.group(1))]) + 1)
        if minus := re.fullmatch(r"(\d+)-(\d+)", expression):
            return str(int(minus.group(1)) - int(groups[int(minus.group(2))]))
        return groups[int(expression)]

    return re.sub(r"\{([^}]*)\}", number, ours) + key[match.end():]


NNUNET = dict(conv_op=nn.Conv3d, num_classes=3, conv_bias=True, norm_op=nn.InstanceNorm3d,
              norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=nn.LeakyReLU,
              nonlin_kwargs={"inplace": True}, n_stages=3, features_per_stage=[3, 4, 6])
LAMP_SOURCE = "torch, by the published layers"
DNA = "dynamic_network_architectures"

# File, network in our words, original, rules, input (channels, depth, height, width).
CASES = [
    ("lamp_unet", "lamp-unet:n=2,depth=2,classes=3", LAMP_SOURCE,
     lambda: LampUnet(2, 2, 3), LAMP, (1, 16, 8, 8)),
    ("lamp_se_unet", "lamp-se-unet:n=2,depth=2,classes=3,reduction=2", LAMP_SOURCE,
     lambda: LampUnet(2, 2, 3, 2), LAMP, (1, 16, 8, 8)),
    ("nnunet_plain",
     "nnunet-plain:channels=3-4-6,classes=3,kernels=1x3x3-3-3,strides=1-1x2x2-2,convs=2-1-3,"
     "decoder=1-2,in=2", DNA,
     lambda: PlainConvUNet(input_channels=2, kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
                           strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]], n_conv_per_stage=[2, 1, 3],
                           n_conv_per_stage_decoder=[1, 2], **NNUNET),
     nnunet(3), (2, 14, 8, 8)),
    ("nnunet_resenc",
     "nnunet-resenc:channels=3-4-6,blocks=1-2-2,classes=3,strides=1-1x2x2-2,kernels=1x3x3-3-3", DNA,
     lambda: ResidualEncoderUNet(input_channels=1, kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
                                 strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]],
                                 n_blocks_per_stage=[1, 2, 2], n_conv_per_stage_decoder=[1, 1],
                                 **NNUNET),
     nnunet(3), (1, 14, 8, 8)),
    ("monai_unet", "monai-unet:channels=3-4-6,strides=2-2,units=2,classes=3", "monai",
     lambda: UNet(3, 1, 3, [3, 4, 6], [2, 2], num_res_units=2), monai_unet(3, 2), (1, 16, 8, 8)),
    ("monai_unet_batch",
     "monai-unet:channels=2-3-4-5,strides=2-1-2,units=0,norm=batch,act=relu,classes=2,in=2,"
     "dropout=0.1", "monai",
     lambda: UNet(3, 2, 2, [2, 3, 4, 5], [2, 1, 2], num_res_units=0, norm="batch", act="relu",
                  dropout=0.1), monai_unet(4, 0), (2, 20, 8, 8)),
    ("dynunet", "dynunet:channels=3-4-5,kernels=3-1x3x3-3,strides=1-1x2x2-2,classes=3", "monai",
     lambda: DynUNet(3, 1, 3, [[3, 3, 3], [1, 3, 3], [3, 3, 3]],
                     [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [[1, 2, 2], [2, 2, 2]], filters=[3, 4, 5]),
     dynunet(3), (1, 14, 8, 8)),
    ("dynunet_residual",
     "dynunet:channels=3-4-5,residual=yes,transposed_bias=yes,classes=3,strides=2-2-1", "monai",
     lambda: DynUNet(3, 1, 3, [3, 3, 3], [2, 2, 1], [2, 1], filters=[3, 4, 5], res_block=True,
                     trans_bias=True, deep_supervision=False),
     dynunet(3), (1, 24, 8, 8)),
    ("segresnet", "segresnet:n=2,groups=2,down=1-2-1,up=1-1,classes=3,dropout=0.2", "monai",
     lambda: SegResNet(3, 2, 1, 3, 0.2, norm=("GROUP", {"num_groups": 2}), blocks_down=(1, 2, 1),
                       blocks_up=(1, 1)), segresnet(3), (1, 12, 8, 8)),
    ("meshnet", "meshnet:channels=4,classes=3,dilations=1-2-4-8-1", "torch, as brainchop's",
     lambda: MeshNet(4, 3, (1, 2, 4, 8, 1)), meshnet(5), (1, 15, 9, 8)),
]


def randomise(module, generator):
    """Every parameter and statistic, so that each has an effect; exact in fp32."""
    def normal(tensor):
        return torch.randn(tensor.shape, generator=generator)

    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            if key.endswith("running_var"):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.dim() > 1:
                fan_in = math.prod(tensor.shape[1:])
                tensor.copy_(normal(tensor) * math.sqrt(2.0 / fan_in))
            elif key.endswith(".weight") and tensor.numel() == 1:
                tensor.copy_(0.25 + 0.1 * normal(tensor))  # a PReLU's slope
            elif key.endswith(".weight"):
                tensor.copy_(1.0 + 0.2 * normal(tensor))
            else:
                tensor.copy_(0.2 * normal(tensor))


def write_safetensors(path, tensors, metadata):
    header = {"__metadata__": metadata}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        kind = {torch.float32: "F32", torch.float64: "F64"}[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    versions = {"monai": monai.__version__,
                DNA: getattr(dynamic_network_architectures, "__version__", "")}
    for name, network, source, make, rules, shape in CASES:
        generator = torch.Generator().manual_seed(arguments.seed)
        torch.manual_seed(arguments.seed)
        module = make()
        randomise(module, generator)
        tensors = {}
        for key, tensor in module.state_dict().items():
            ours = None if key.endswith("num_batches_tracked") else our_name(key, rules)
            if ours is not None:
                if ours in tensors:
                    raise SystemExit(f"{network}: two tensors are called {ours}")
                tensors[ours] = tensor.clone()
        value = torch.randn((1, *shape), generator=generator)
        module = module.double().eval()
        with torch.no_grad():
            output = module(value.double())
        tensors["reference.input"] = value
        tensors["reference.output"] = output
        metadata = {"network": network, "source": f"{source} {versions.get(source, '')}".strip(),
                    "seed": str(arguments.seed)}
        write_safetensors(arguments.folder / f"{name}.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
