"""The sizes of a Stable Diffusion 1 model, read from the shapes of its tensors.

What no shape tells (normalisation groups, head counts, latent scale) comes from the file's `studio.*` metadata, with
the published values of Stable Diffusion 1.5 as defaults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.families.sd1 import prefixes

Shape = Callable[[str], tuple[int, ...]]


@dataclass(frozen=True)
class UnetConfig:
    in_channels: int
    out_channels: int
    widths: tuple[int, ...]
    layers_per_block: int
    has_attention: tuple[bool, ...]
    depth: int
    context_width: int
    uses_linear_projection: bool
    heads: int
    norm_groups: int


@dataclass(frozen=True)
class VaeConfig:
    in_channels: int
    out_channels: int
    latent_channels: int
    widths: tuple[int, ...]
    layers_per_block: int
    norm_groups: int
    # Multiplies a raw latent before it enters the UNet.
    latent_scale: float

    @property
    def downscale(self) -> int:
        """Pixels per latent cell and side."""
        return int(2 ** (len(self.widths) - 1))


@dataclass(frozen=True)
class TextConfig:
    vocabulary: int
    positions: int
    width: int
    inner_width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class Sd1Config:
    unet: UnetConfig
    vae: VaeConfig
    text: TextConfig


def read_config(header: SafetensorsHeader) -> Sd1Config:
    """Raises `model.untrained` when tensors that the sizes depend on are missing."""

    def shape(name: str) -> tuple[int, ...]:
        found = header.shape(name)
        if found is None:
            raise EngineError("model.untrained", f"{header.path.name} lacks the weights {name}; download it again.")
        return found

    metadata = header.metadata
    return Sd1Config(
        unet=_unet(header, shape, metadata),
        vae=_vae(header, shape, metadata),
        text=_text(header, shape, metadata),
    )


def _count(header: SafetensorsHeader, pattern: str) -> int:
    """One more than the highest number that `pattern`'s group takes among the file's keys; 0 without any."""
    regex = re.compile(pattern)
    return 1 + max((int(m[1]) for key in header.tensors if (m := regex.match(key))), default=-1)


def _unet(header: SafetensorsHeader, shape: Shape, metadata: Mapping[str, str]) -> UnetConfig:
    base = prefixes.UNET
    widths: list[int] = []
    attention: list[bool] = []
    layers = 0
    level_start = True
    for index in range(1, _count(header, re.escape(base) + r"input_blocks\.(\d+)\.")):
        block = f"{base}input_blocks.{index}."
        if header.shape(block + "0.op.weight") is not None:
            level_start = True
            continue
        if level_start:
            widths.append(shape(block + "0.in_layers.2.weight")[0])
            attention.append(header.shape(block + "1.proj_in.weight") is not None)
            level_start = False
        layers += len(widths) == 1
    if not any(attention):
        raise EngineError("model.family_unknown", f"{header.path.name} has a UNet without text attention.")
    first = f"{base}input_blocks.{1 + attention.index(True) * (layers + 1)}.1."
    depth = _count(header, re.escape(first) + r"transformer_blocks\.(\d+)\.")
    return UnetConfig(
        in_channels=shape(base + "input_blocks.0.0.weight")[1],
        out_channels=shape(base + "out.2.weight")[0],
        widths=tuple(widths),
        layers_per_block=layers,
        has_attention=tuple(attention),
        depth=depth,
        context_width=shape(first + "transformer_blocks.0.attn2.to_k.weight")[1],
        uses_linear_projection=len(shape(first + "proj_in.weight")) == 2,
        heads=_number(header.path, metadata, "studio.unet_heads", 8),
        norm_groups=_number(header.path, metadata, "studio.unet_norm_groups", 32),
    )


def _vae(header: SafetensorsHeader, shape: Shape, metadata: Mapping[str, str]) -> VaeConfig:
    base = prefixes.VAE
    levels = _count(header, re.escape(base) + r"encoder\.down\.(\d+)\.")
    return VaeConfig(
        in_channels=shape(base + "encoder.conv_in.weight")[1],
        out_channels=shape(base + "decoder.conv_out.weight")[0],
        latent_channels=shape(base + "decoder.conv_in.weight")[1],
        widths=tuple(shape(f"{base}encoder.down.{level}.block.0.conv1.weight")[0] for level in range(levels)),
        layers_per_block=_count(header, re.escape(base) + r"encoder\.down\.0\.block\.(\d+)\."),
        norm_groups=_number(header.path, metadata, "studio.vae_norm_groups", 32),
        latent_scale=_real(header.path, metadata, "studio.latent_scale", 0.18215),
    )


def _text(header: SafetensorsHeader, shape: Shape, metadata: Mapping[str, str]) -> TextConfig:
    base = prefixes.TEXT
    vocabulary, width = shape(base + "embeddings.token_embedding.weight")
    return TextConfig(
        vocabulary=vocabulary,
        positions=shape(base + "embeddings.position_embedding.weight")[0],
        width=width,
        inner_width=shape(base + "encoder.layers.0.mlp.fc1.weight")[0],
        layers=_count(header, re.escape(base) + r"encoder\.layers\.(\d+)\."),
        heads=_number(header.path, metadata, "studio.text_heads", max(1, width // 64)),
    )


def _number(path: Path, metadata: Mapping[str, str], key: str, default: int) -> int:
    text = metadata.get(key, str(default))
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise EngineError("model.file_corrupt", f"{path.name} cannot be used: its metadata {key} is not a number.")
    return int(text)


def _real(path: Path, metadata: Mapping[str, str], key: str, default: float) -> float:
    text = metadata.get(key, str(default))
    if not re.fullmatch(r"\d{1,6}(\.\d{1,20})?(e-?\d{1,2})?", text) or float(text) <= 0:
        raise EngineError("model.file_corrupt", f"{path.name} cannot be used: its metadata {key} is not a number.")
    return float(text)
