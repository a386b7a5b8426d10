"""T2I-Adapters (Mou et al. 2023): small nets whose features are added to the input blocks, the same at each step.

Modules are named as in the adapters' own files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan

_XL_INPUTS = (256, 768)
"""Channels after 16×16 pixels became one cell: of grey and of coloured hints."""


@dataclass(frozen=True)
class T2IConfig:
    widths: tuple[int, ...]
    """Channels per level."""
    inputs: int
    """Channels of a cell of the hint."""
    blocks: int
    """Residual blocks per level."""
    is_light: bool = False
    kernel: int = 1
    """Side of each block's second convolution."""
    halves_by_convolution: bool = False
    in_diffusers_layout: bool = False

    @property
    def is_xl(self) -> bool:
        return not self.is_light and self.inputs in _XL_INPUTS

    @property
    def cell(self) -> int:
        """Pixels of the hint per cell and side."""
        return 16 if self.is_xl else 8

    @property
    def channels(self) -> int:
        """Of the hint."""
        return self.inputs // self.cell**2

    @property
    def halved_levels(self) -> tuple[int, ...]:
        return (2,) if self.is_xl else tuple(range(1, len(self.widths)))


def t2i_keys(header: SafetensorsHeader) -> PartKeys:
    return PartKeys(header, "adapter." if any(key.startswith("adapter.body.") for key in header.tensors) else "")


def is_t2i(header: SafetensorsHeader) -> bool:
    keys = t2i_keys(header)
    names = ("body.0.block1.weight", "body.0.resnets.0.block1.weight")
    return "body.0.in_conv.weight" in keys or ("conv_in.weight" in keys and any(name in keys for name in names))


def read_t2i_config(keys: PartKeys) -> T2IConfig:
    """Raises `model.untrained` when tensors that the sizes depend on are missing."""
    is_diffusers = bool(keys.count(r"body\.\d+\.resnets\.(\d+)\."))
    numbers = range(keys.count(r"body\.(\d+)\."))
    if "conv_in.weight" not in keys:
        blocks = keys.count(r"body\.0\.resnets\.(\d+)\." if is_diffusers else r"body\.0\.body\.(\d+)\.")
        widths = tuple(keys.shape(f"body.{level}.out_conv.weight")[0] for level in numbers)
        inputs = keys.shape("body.0.in_conv.weight")[1]
        return T2IConfig(widths, inputs, blocks, is_light=True, in_diffusers_layout=is_diffusers)
    blocks = keys.count(r"body\.0\.resnets\.(\d+)\.") if is_diffusers else 2
    levels = numbers if is_diffusers else range(0, len(numbers), blocks)
    first = [f"body.{level}.resnets.0" if is_diffusers else f"body.{level}" for level in levels]
    return T2IConfig(
        widths=tuple(keys.shape(f"{name}.block1.weight")[0] for name in first),
        inputs=keys.shape("conv_in.weight")[1],
        blocks=blocks,
        kernel=keys.shape(f"{first[0]}.block2.weight")[2],
        halves_by_convolution=any(name.endswith("down_opt.op.weight") for name in keys),
        in_diffusers_layout=is_diffusers,
    )


def t2i_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    keys = t2i_keys(headers[0])
    config = read_t2i_config(keys)

    def empty() -> nn.Module:
        with torch.device("meta"):
            module = LightAdapter(config) if config.is_light else FullAdapter(config)
        return module.train(False)

    return Blueprint(
        config=config,
        empty=empty,
        source=lambda name: WeightSource(keys.prefix + stored_name(name, config)),
        # Once per run, so full precision costs nothing that anyone notices.
        dtype=torch.float32,
    )


def stored_name(name: str, config: T2IConfig) -> str:
    """`body.3.block1.weight` -> `body.1.resnets.1.block1.weight` where the file is in diffusers' layout."""
    parts = name.split(".")
    if not config.in_diffusers_layout or parts[0] != "body":
        return name
    if config.is_light:
        return ".".join("resnets" if index == 2 and part == "body" else part for index, part in enumerate(parts))
    level, block = divmod(int(parts[1]), config.blocks)
    inner = parts[2:] if parts[2] == "in_conv" else ["resnets", str(block), *parts[2:]]
    return ".".join(["body", str(level), *inner])


class _Halving(nn.Module):
    def __init__(self, channels: int, *, by_convolution: bool) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if by_convolution else None

    def forward(self, x: Tensor) -> Tensor:
        if self.op is not None:
            halved: Tensor = self.op(x)
            return halved
        # Odd sides get a border of zeros, as in the networks that these features meet.
        return functional.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))


class _Block(nn.Module):
    def __init__(self, before: int, after: int, config: T2IConfig, *, halves: bool) -> None:
        super().__init__()
        kernel = config.kernel
        self.down_opt = _Halving(before, by_convolution=config.halves_by_convolution) if halves else None
        self.in_conv = nn.Conv2d(before, after, kernel, padding=kernel // 2) if before != after else None
        self.block1 = nn.Conv2d(after, after, 3, padding=1)
        self.block2 = nn.Conv2d(after, after, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.down_opt is None else self.down_opt(x)
        x = x if self.in_conv is None else self.in_conv(x)
        added: Tensor = self.block2(functional.relu(self.block1(x)))
        return added + x


class FullAdapter(nn.Module):
    def __init__(self, config: T2IConfig) -> None:
        super().__init__()
        self.cell, self.blocks = config.cell, config.blocks
        self.conv_in = nn.Conv2d(config.inputs, config.widths[0], 3, padding=1)
        self.body = nn.ModuleList()
        before = config.widths[0]
        for level, width in enumerate(config.widths):
            for index in range(config.blocks):
                halves = index == 0 and level in config.halved_levels
                self.body.append(_Block(before, width, config, halves=halves))
                before = width

    def forward(self, hint: Tensor) -> list[Tensor]:
        """One feature per level, `[rows, width, h, w]`, of a hint `[rows, channels, height, width]` in 0…1."""
        h = self.conv_in(functional.pixel_unshuffle(hint, self.cell))
        features: list[Tensor] = []
        for number, block in enumerate(self.body):
            h = block(h)
            if number % self.blocks == self.blocks - 1:
                features.append(h)
        return features


class _LightBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block1 = nn.Conv2d(width, width, 3, padding=1)
        self.block2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.block2(functional.relu(self.block1(x)))
        return added + x


class _LightLevel(nn.Module):
    def __init__(self, before: int, after: int, blocks: int, *, halves: bool) -> None:
        super().__init__()
        self.down_opt = _Halving(before, by_convolution=False) if halves else None
        self.in_conv = nn.Conv2d(before, after // 4, 1)
        self.body = nn.Sequential(*(_LightBlock(after // 4) for _ in range(blocks)))
        self.out_conv = nn.Conv2d(after // 4, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.down_opt is None else self.down_opt(x)
        feature: Tensor = self.out_conv(self.body(self.in_conv(x)))
        return feature


class LightAdapter(nn.Module):
    def __init__(self, config: T2IConfig) -> None:
        super().__init__()
        self.cell = config.cell
        before = (config.inputs, *config.widths)
        self.body = nn.ModuleList(
            _LightLevel(before[level], width, config.blocks, halves=level in config.halved_levels)
            for level, width in enumerate(config.widths)
        )

    def forward(self, hint: Tensor) -> list[Tensor]:
        """One feature per level, as from the full adapter."""
        h = functional.pixel_unshuffle(hint, self.cell)
        features: list[Tensor] = []
        for level in self.body:
            h = level(h)
            features.append(h)
        return features
