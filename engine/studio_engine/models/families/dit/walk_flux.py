"""Flux's forward (Black Forest Labs 2024), block by block; places are `double` 0, 1, … and `single` 0, 1, …"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from studio_engine.models.families.dit.attention import (
    AttentionCall,
    Layer,
    Rotation,
    joint_attention,
    self_attention,
)
from studio_engine.models.families.dit.config import PATCH
from studio_engine.models.families.dit.stream import DitInput, added, modulated, padded
from studio_engine.models.families.unet.attention import HookedCall
from studio_engine.sampling.hooks import NetworkHooks, Place

_PERIOD: Final = 10_000.0


@dataclass(frozen=True)
class Grid:
    """A picture's tokens, and where they lie, in tokens."""

    rows: int
    columns: int
    index: int = 0
    top: int = 0
    left: int = 0

    def positions(self) -> Tensor:
        """`[tokens, 3]`: index, row and column."""
        cells = torch.cartesian_prod(torch.arange(self.rows) + self.top, torch.arange(self.columns) + self.left)
        return torch.cat([torch.full_like(cells[:, :1], self.index), cells], dim=-1).float()


@dataclass(frozen=True, eq=False)
class _Around:
    """What all blocks read besides the running tensors."""

    emb: Tensor
    rotation: Rotation
    hooked: HookedCall | None

    def call(self, place: Place) -> AttentionCall:
        return AttentionCall(place, self.hooked, self.rotation)


def walk_flux(net: Layer, inputs: DitInput, hooks: NetworkHooks) -> Tensor:
    """The raw output `[rows, channels, h, w]`."""
    height, width = inputs.x.shape[-2:]
    pictures = [padded(inputs.x), *(padded(reference) for reference in inputs.references)]
    context = net.context_embedder(inputs.context)
    words = context.shape[1]
    turned = rotation(words, _grids(pictures, inputs), _axes(net), device=context.device)
    around = _Around(_embedded(net, inputs), turned, inputs.hooked(hooks))
    h = net.x_embedder(torch.cat([patches_of(picture) for picture in pictures], dim=1))
    for index, block in enumerate(net.transformer_blocks):
        place = Place("double", index)
        if place not in hooks.skipped:
            h, context = _double_block(block, h, context, (around.emb, around.call(place)))
        h = added(h, inputs.residuals.input, index)
    joined = torch.cat([context, h], dim=1)
    for index, block in enumerate(net.single_transformer_blocks):
        place = Place("single", index)
        if place not in hooks.skipped:
            joined = _single_block(block, joined, (around.emb, around.call(place)))
        if index < len(inputs.residuals.output):
            joined = torch.cat([joined[:, :words], added(joined[:, words:], inputs.residuals.output, index)], dim=1)
    rows, columns = -(-height // PATCH), -(-width // PATCH)
    h = net.proj_out(net.norm_out(joined[:, words : words + rows * columns], around.emb))
    patches = h.unflatten(1, (rows, columns)).unflatten(-1, (-1, PATCH, PATCH))
    picture = torch.einsum("nhwcpq->nchpwq", patches).flatten(4).flatten(2, 3)
    return picture[..., :height, :width]


def patches_of(x: Tensor) -> Tensor:
    """`[rows, channels, h, w]`, sides multiples of a patch, to tokens `[rows, h · w / 4, channels · 4]`."""
    rows, channels, height, width = x.shape
    cut = x.reshape(rows, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return torch.einsum("nchpwq->nhwcpq", cut).flatten(3).flatten(1, 2)


# The same for all steps of a run; 5 MB for a picture of 1024².
@lru_cache(maxsize=8)
def rotation(words: int, grids: tuple[Grid, ...], axes: tuple[int, ...], *, device: torch.device) -> Rotation:
    """Of the prompt's tokens, which all stand at 0, then of each picture's.

    Each axis (index, row, column) turns as many channels as `axes` says. Computed in fp64, as in ComfyUI.
    """
    positions = torch.cat([torch.zeros(words, 3), *(grid.positions() for grid in grids)]).double()
    angles = []
    for axis, channels in enumerate(axes):
        rates = _PERIOD ** -(torch.arange(0, channels, 2, dtype=torch.float64) / channels)
        angles.append((positions[:, axis, None] * rates).repeat_interleave(2, dim=-1))
    joined = torch.cat(angles, dim=-1)
    return Rotation(joined.cos().float().to(device), joined.sin().float().to(device))


def reference_places(inputs: DitInput) -> Iterator[tuple[int, int, int]]:
    """Where each reference picture lies beside the one that is drawn: (index, rows, columns), in latent cells.

    `offset` puts all in one layer, side by side so that the whole stays square; `index` gives each a layer;
    `uxo` goes on along the diagonal.
    """
    height, width = padded(inputs.x).shape[-2:] if inputs.reference_method == "uxo" else (0, 0)
    index = 0
    for reference in inputs.references:
        rows, columns = reference.shape[-2:]
        if inputs.reference_method == "index":
            index += 1
            yield index, 0, 0
        elif inputs.reference_method == "uxo":
            yield 0, height, width
            height, width = height + rows, width + columns
        else:
            is_wide = rows + height > columns + width
            top, left = (0, width) if is_wide else (height, 0)
            yield 1, top, left
            height, width = max(height, rows + top), max(width, columns + left)


def _grids(pictures: Sequence[Tensor], inputs: DitInput) -> tuple[Grid, ...]:
    places = [(0, 0, 0), *reference_places(inputs)]
    half = PATCH // 2
    return tuple(
        Grid(
            picture.shape[-2] // PATCH, picture.shape[-1] // PATCH, index, (top + half) // PATCH, (left + half) // PATCH
        )
        for picture, (index, top, left) in zip(pictures, places, strict=True)
    )


def _axes(net: Layer) -> tuple[int, ...]:
    return tuple(net.config.axes_dims_rope)


def _embedded(net: Layer, inputs: DitInput) -> Tensor:
    """`[rows, width]`: time, pooled prompt, and guidance where the model has it and the prompt does not forbid it."""
    embed = net.time_text_embed
    dtype = inputs.x.dtype
    time = embed.timestep_embedder(embed.time_proj(inputs.timestep).to(dtype))
    if inputs.guidance is not None and hasattr(embed, "guidance_embedder"):
        time = time + embed.guidance_embedder(embed.time_proj(inputs.guidance).to(dtype))
    emb: Tensor = time + embed.text_embedder(inputs.vector)
    return emb


def _double_block(
    block: Layer, h: Tensor, context: Tensor, around: tuple[Tensor, AttentionCall]
) -> tuple[Tensor, Tensor]:
    emb, call = around
    normed, gate, shift, scale, mlp_gate = block.norm1(h, emb=emb)
    told, told_gate, told_shift, told_scale, told_mlp_gate = block.norm1_context(context, emb=emb)
    seen, heard = joint_attention(block.attn, normed, told, call)
    h = h + gate[:, None] * seen
    h = h + mlp_gate[:, None] * block.ff(modulated(block.norm2(h), scale, shift))
    context = context + told_gate[:, None] * heard
    mlp = block.ff_context(modulated(block.norm2_context(context), told_scale, told_shift))
    context = context + told_mlp_gate[:, None] * mlp
    # fp16 ends at 65,504, which some prompts' tokens pass.
    return h, context.clip(-65504, 65504) if context.dtype == torch.float16 else context


def _single_block(block: Layer, joined: Tensor, around: tuple[Tensor, AttentionCall]) -> Tensor:
    emb, call = around
    normed, gate = block.norm(joined, emb=emb)
    mlp = block.act_mlp(block.proj_mlp(normed))
    out = block.proj_out(torch.cat([self_attention(block.attn, normed, call), mlp], dim=2))
    joined = joined + gate[:, None] * out
    return joined.clip(-65504, 65504) if joined.dtype == torch.float16 else joined
