"""Applying a network to a large picture piece by piece, with soft seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor

Box: TypeAlias = tuple[int, int, int, int]
"""Top, left, height, width."""


def tile_boxes(height: int, width: int, *, tile: int, overlap: int) -> list[Box]:
    """Tiles of at most `tile` by `tile` that cover the picture and share `overlap` pixels, in ComfyUI's order."""
    rows, columns = spans(height, tile, overlap), spans(width, tile, overlap)
    return [(top, left, tall, wide) for (top, tall), (left, wide) in product(rows, columns)]


def spans(side: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and length."""
    starts = range(0, side - overlap, tile - overlap) if side > tile else range(1)
    for start in starts:
        yield start, min(tile, side - start)


@dataclass(frozen=True)
class Tiling:
    """Sides in pixels of what goes in."""

    tile: int
    overlap: int
    scale: int = 1
    """How many times larger the result is."""
    margin: int = 0
    """Pixels at a border between tiles that do not count: there a network misses its neighbours. 0 in ComfyUI."""

    def boxes(self, height: int, width: int) -> list[Box]:
        return tile_boxes(height, width, tile=self.tile, overlap=self.overlap)

    def weights(self, start: int, length: int, side: int) -> Tensor:
        """How much each pixel of a tile's result counts `[length · scale]`: less towards a neighbouring tile."""
        weights = torch.ones(length * self.scale)
        margin, feather = self.margin * self.scale, (self.overlap - 2 * self.margin) * self.scale
        if not 0 < feather < len(weights):
            return weights
        ramp = torch.cat([torch.zeros(margin), torch.arange(1, feather + 1) / feather])
        if start > 0:
            weights[: len(ramp)] *= ramp
        if start + length < side:
            weights[-len(ramp) :] *= ramp.flip(0)
        return weights


def apply_in_tiles(
    samples: Tensor, apply: Callable[[Tensor], Tensor], tiling: Tiling, *, on_tile: Callable[[], None] = lambda: None
) -> Tensor:
    """`apply` over `[batch, channels, h, w]`, tile by tile; the result is gathered on the CPU.

    Where tiles overlap, each fades out linearly towards its border; weights are divided by their sum.
    """
    return torch.cat([_blended(sample[None], apply, tiling, on_tile) for sample in samples])


def _blended(sample: Tensor, apply: Callable[[Tensor], Tensor], tiling: Tiling, on_tile: Callable[[], None]) -> Tensor:
    scale, total, weights = tiling.scale, torch.empty(0), torch.empty(0)
    height, width = sample.shape[-2] * scale, sample.shape[-1] * scale
    for top, left, tall, wide in tiling.boxes(*sample.shape[-2:]):
        part = apply(sample[..., top : top + tall, left : left + wide]).float().cpu()
        if not total.numel():
            total, weights = torch.zeros(1, part.shape[1], height, width), torch.zeros(1, 1, height, width)
        weight = tiling.weights(top, tall, sample.shape[-2])[:, None] * tiling.weights(left, wide, sample.shape[-1])
        rows = slice(top * scale, (top + tall) * scale)
        columns = slice(left * scale, (left + wide) * scale)
        total[..., rows, columns] += part * weight
        weights[..., rows, columns] += weight
        on_tile()
    return total / weights
