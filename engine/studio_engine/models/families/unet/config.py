"""The sizes of a UNet (Rombach et al. 2022 and what grew from it), read from the shapes of its tensors.

What no shape tells (normalisation groups, head counts) comes from the family, or from the file's `studio.*` metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys

HEAD_WIDTH: Final = 64
"""Channels per head of all UNets but Stable Diffusion 1's, which have 8 heads at every level."""

Depths = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class UnetConfig:
    in_channels: int
    out_channels: int
    widths: tuple[int, ...]
    """Channels per level, the finest first."""
    layers_per_block: int
    down_depths: Depths
    """Transformer layers after each resnet, per level from fine to coarse; 0 = no attention there."""
    up_depths: Depths
    """The same for the way up, in the order of computation: from coarse to fine."""
    middle_depth: int | None
    """None = there is no middle block."""
    context_width: int
    uses_linear_projection: bool
    heads: tuple[int, ...]
    """Per level."""
    norm_groups: int
    vector_width: int | None = None
    """Of the class vector (pooled text and sizes); None = the network reads none."""


def read_unet_config(keys: PartKeys) -> UnetConfig:
    """From latent-diffusion names. Raises `model.untrained` and `model.family_unknown`."""
    down = _down_levels(keys)
    widths = tuple(keys.shape(f"input_blocks.{level[0]}.0.in_layers.2.weight")[0] for level in down)
    layers = len(down[0])
    down_depths = tuple(tuple(_depth(keys, f"input_blocks.{block}.1") for block in level) for level in down)
    up_count = layers + 1
    up_depths = tuple(
        tuple(_depth(keys, f"output_blocks.{level * up_count + index}.1") for index in range(up_count))
        for level in range(len(widths))
    )
    attention = _first_attention(keys, down, down_depths)
    return UnetConfig(
        in_channels=keys.shape("input_blocks.0.0.weight")[1],
        out_channels=keys.shape("out.2.weight")[0],
        widths=widths,
        layers_per_block=layers,
        down_depths=down_depths,
        up_depths=up_depths,
        middle_depth=_depth(keys, "middle_block.1") if "middle_block.0.in_layers.0.weight" in keys else None,
        context_width=keys.shape(f"{attention}.transformer_blocks.0.attn2.to_k.weight")[1],
        uses_linear_projection=len(keys.shape(f"{attention}.proj_in.weight")) == 2,
        heads=_heads(keys, widths, len(keys.shape(f"{attention}.proj_in.weight")) == 2),
        norm_groups=keys.number("studio.unet_norm_groups", 32),
        vector_width=(keys.find("label_emb.0.0.weight") or (0, None))[1],
    )


def _down_levels(keys: PartKeys) -> list[list[int]]:
    """Numbers of the input blocks with a resnet, per level; a downsampler ends each level but the last."""
    levels: list[list[int]] = [[]]
    for block in range(1, keys.count(r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in keys:
            levels.append([])
        else:
            levels[-1].append(block)
    if not all(levels):
        raise EngineError("model.untrained", f"{keys.header.path.name} lacks blocks of its network; download it again.")
    return levels


def _depth(keys: PartKeys, attention: str) -> int:
    return keys.count(attention.replace(".", r"\.") + r"\.transformer_blocks\.(\d+)\.")


def _first_attention(keys: PartKeys, down: list[list[int]], depths: Depths) -> str:
    for level, level_depths in zip(down, depths, strict=True):
        for block, depth in zip(level, level_depths, strict=True):
            if depth:
                return f"input_blocks.{block}.1"
    raise EngineError("model.family_unknown", f"{keys.header.path.name} has a UNet without text attention.")


def _heads(keys: PartKeys, widths: tuple[int, ...], is_linear: bool) -> tuple[int, ...]:
    """Stable Diffusion 1 projects with convolutions and has 8 heads; its successors have heads of 64 channels."""
    if "studio.unet_heads" in keys.header.metadata or not is_linear:
        return (keys.number("studio.unet_heads", 8),) * len(widths)
    return tuple(max(1, width // HEAD_WIDTH) for width in widths)
