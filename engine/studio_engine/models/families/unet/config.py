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
    """None = there is no middle block; 0 = it is a single resnet."""
    context_width: int
    uses_linear_projection: bool
    heads: tuple[int, ...]
    """Per level."""
    norm_groups: int
    vector_width: int | None = None
    """Of the class vector (pooled text and sizes); None = the network reads none."""


def find_unet_config(keys: PartKeys) -> UnetConfig | None:
    """None where the names are no UNet's, or not all of one's that reads text. Raises `model.file_corrupt`."""
    try:
        return read_unet_config(keys) if is_unet(keys) else None
    except EngineError as error:
        if error.code == "model.file_corrupt":
            raise
        return None


def is_unet(keys: PartKeys) -> bool:
    return "input_blocks.0.0.weight" in keys or is_diffusers(keys)


def is_diffusers(keys: PartKeys) -> bool:
    """Whether the names are diffusers' own instead of latent diffusion's."""
    return "down_blocks.0.resnets.0.conv1.weight" in keys and "conv_in.weight" in keys and "conv_out.weight" in keys


def read_unet_config(keys: PartKeys) -> UnetConfig:
    """Raises `model.untrained` and `model.family_unknown`."""
    layout = _diffusers_layout(keys) if is_diffusers(keys) else _ldm_layout(keys)
    down_depths = tuple(tuple(depth_at(keys, at) for at in level) for level in layout.down)
    attentions = [at for level in layout.down for at in level if depth_at(keys, at)]
    if not attentions:
        raise EngineError("model.family_unknown", f"{keys.header.path.name} has a UNet without text attention.")
    is_linear = len(keys.shape(f"{attentions[0]}.proj_in.weight")) == 2
    widths = tuple(keys.sizes(name, 4)[0] for name in layout.widths)
    return UnetConfig(
        in_channels=keys.sizes(layout.first, 4)[1],
        out_channels=keys.sizes(layout.last, 4)[0],
        widths=widths,
        layers_per_block=len(layout.down[0]),
        down_depths=down_depths,
        up_depths=tuple(tuple(depth_at(keys, at) for at in level) for level in layout.up),
        middle_depth=None if layout.middle is None else depth_at(keys, layout.middle),
        context_width=keys.sizes(f"{attentions[0]}.transformer_blocks.0.attn2.to_k.weight", 2)[1],
        uses_linear_projection=is_linear,
        heads=head_counts(keys, widths, is_linear=is_linear),
        norm_groups=keys.number("studio.unet_norm_groups", 32),
        vector_width=keys.sizes(layout.vector, 2)[1] if layout.vector in keys else None,
    )


@dataclass(frozen=True)
class _Layout:
    """Where a file's names say what sizes the UNet has."""

    first: str
    last: str
    vector: str
    widths: tuple[str, ...]
    down: tuple[tuple[str, ...], ...]
    """Places of transformers behind each resnet, per level; there need not be one."""
    up: tuple[tuple[str, ...], ...]
    middle: str | None


def ldm_levels(keys: PartKeys) -> list[list[int]]:
    """Which `input_blocks` hold the resnets of each level, in latent diffusion's names. Raises `model.untrained`."""
    levels: list[list[int]] = [[]]
    for block in range(1, keys.count(r"input_blocks\.(\d+)\.")):
        if f"input_blocks.{block}.0.op.weight" in keys:
            levels.append([])
        else:
            levels[-1].append(block)
    if not all(levels):
        raise EngineError("model.untrained", f"{keys.header.path.name} lacks blocks of its network; download it again.")
    return levels


def _ldm_layout(keys: PartKeys) -> _Layout:
    levels = ldm_levels(keys)
    up = len(levels[0]) + 1
    return _Layout(
        first="input_blocks.0.0.weight",
        last="out.2.weight",
        vector="label_emb.0.0.weight",
        widths=tuple(f"input_blocks.{level[0]}.0.in_layers.2.weight" for level in levels),
        down=tuple(tuple(f"input_blocks.{block}.1" for block in level) for level in levels),
        up=tuple(tuple(f"output_blocks.{level * up + index}.1" for index in range(up)) for level in range(len(levels))),
        middle="middle_block.1" if "middle_block.0.in_layers.0.weight" in keys else None,
    )


def _diffusers_layout(keys: PartKeys) -> _Layout:
    levels = keys.count(r"down_blocks\.(\d+)\.")
    layers = keys.count(r"down_blocks\.0\.resnets\.(\d+)\.")
    return _Layout(
        first="conv_in.weight",
        last="conv_out.weight",
        vector="add_embedding.linear_1.weight",
        widths=tuple(f"down_blocks.{level}.resnets.0.conv1.weight" for level in range(levels)),
        down=tuple(tuple(f"down_blocks.{level}.attentions.{i}" for i in range(layers)) for level in range(levels)),
        up=tuple(tuple(f"up_blocks.{level}.attentions.{i}" for i in range(layers + 1)) for level in range(levels)),
        middle="mid_block.attentions.0" if "mid_block.resnets.0.conv1.weight" in keys else None,
    )


def depth_at(keys: PartKeys, attention: str) -> int:
    """How many transformer layers stand there."""
    depth = 0
    while f"{attention}.transformer_blocks.{depth}.norm1.weight" in keys:
        depth += 1
    return depth


def head_counts(keys: PartKeys, widths: tuple[int, ...], *, is_linear: bool) -> tuple[int, ...]:
    """Stable Diffusion 1 projects with convolutions and has 8 heads; its successors have heads of 64 channels."""
    if "studio.unet_heads" in keys.header.metadata or not is_linear:
        return (keys.number("studio.unet_heads", 8),) * len(widths)
    return tuple(max(1, width // HEAD_WIDTH) for width in widths)
