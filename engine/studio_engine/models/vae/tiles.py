"""An autoencoder over a large picture piece by piece, as ComfyUI does it: three tilings, averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor

from studio_engine.imaging.tiles import spans

Apply: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Tiles:
    """In cells of what goes in: pixels for encoding, latent cells for decoding."""

    height: int
    width: int
    overlap: int
    scale: float
    """How many times larger the result is."""


def in_three_tilings(samples: Tensor, apply: Apply, tiles: Tiles) -> Tensor:
    """`apply` over `[batch, channels, h, w]`: tall, wide and square tiles see different neighbours, so that what is
    left of seams and of each tile's own brightness averages out. fp32 on the CPU.
    """
    tall = Tiles(tiles.height * 2, max(1, tiles.width // 2), tiles.overlap, tiles.scale)
    wide = Tiles(max(1, tiles.height // 2), tiles.width * 2, tiles.overlap, tiles.scale)
    return (tiled(samples, apply, tall) + tiled(samples, apply, wide) + tiled(samples, apply, tiles)) / 3.0


def tiled(samples: Tensor, apply: Apply, tiles: Tiles) -> Tensor:
    """Where tiles overlap, each fades out linearly towards its border."""
    return torch.cat([_one(sample[None], apply, tiles) for sample in samples])


def _one(sample: Tensor, apply: Apply, tiles: Tiles) -> Tensor:
    height, width = sample.shape[-2:]
    total = weights = torch.empty(0)
    columns = list(spans(width, tiles.width, tiles.overlap))
    for (top, tall), (left, wide) in product(spans(height, tiles.height, tiles.overlap), columns):
        part = apply(sample[..., top : top + tall, left : left + wide]).float().cpu()
        if not total.numel():
            total = torch.zeros(1, part.shape[1], round(height * tiles.scale), round(width * tiles.scale))
            weights = torch.zeros_like(total[:, :1])
        rows = _fade(part.shape[-2], tiles, is_first=top == 0, is_last=top + tall == height)
        weight = rows[:, None] * _fade(part.shape[-1], tiles, is_first=left == 0, is_last=left + wide == width)
        y, x = round(top * tiles.scale), round(left * tiles.scale)
        place = (..., slice(y, y + part.shape[-2]), slice(x, x + part.shape[-1]))
        total[place] += part * weight
        weights[place] += weight
    return total / weights


def _fade(length: int, tiles: Tiles, *, is_first: bool, is_last: bool) -> Tensor:
    """`[length]`: 1, falling towards borders with neighbours."""
    weights = torch.ones(length)
    feather = round(tiles.overlap * tiles.scale)
    if not 0 < feather < length:
        return weights
    ramp = torch.arange(1, feather + 1) / feather
    if not is_first:
        weights[:feather] *= ramp
    if not is_last:
        weights[-feather:] *= ramp.flip(0)
    return weights
