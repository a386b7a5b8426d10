"""Where in the latents a prompt counts, and how much: rectangles with soft edges, and masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.errors import EngineError
from studio_engine.sampling.conditioning import Area, Cond

FEATHER: Final = 8
"""Latent cells over which a rectangle's inner edges fade, at most a quarter of its side."""
MIN_BOUNDS: Final = 8
"""Cells of the smallest rectangle that is put around a mask."""


@dataclass(frozen=True)
class Box:
    """A rectangle in latent cells."""

    height: int
    width: int
    y: int
    x: int

    def of(self, tensor: Tensor) -> Tensor:
        """A view of this part of `[…, h, w]`."""
        return tensor[..., self.y : self.y + self.height, self.x : self.x + self.width]

    def is_inside(self, other: Box) -> bool:
        return (
            self.y >= other.y
            and self.x >= other.x
            and self.y + self.height <= other.y + other.height
            and self.x + self.width <= other.x + other.width
        )


def resolved(cond: Cond, shape: torch.Size, device: torch.device) -> tuple[Cond, Box | None]:
    """The prompt with its mask at the latents' size `[…, h, w]`, and the rectangle that it is computed in.

    Raises `engine.node_failed` for a rectangle outside of the picture, `engine.non_finite` for a strength of NaN.
    """
    height, width = shape[-2:]
    if not torch.isfinite(torch.tensor([cond.strength, cond.mask_strength])).all():
        raise EngineError("engine.non_finite", "A prompt's strength is not a finite number; set it anew.")
    box = None if cond.area is None else _in_cells(cond.area, height, width)
    if cond.mask is not None:
        mask = resized_mask(cond.mask.to(device), height, width)
        cond = replace(cond, mask=mask)
        if cond.is_area_of_mask:
            box = bounds(mask)
    return cond, None if box is None else _clipped(box, height, width)


def resized_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """`[rows, h, w]` at this size, bilinearly."""
    planes = mask.reshape(-1, *mask.shape[-2:]).float()
    if planes.shape[1:] == (height, width):
        return planes
    return functional.interpolate(planes[:, None], size=(height, width), mode="bilinear")[:, 0]


def bounds(mask: Tensor) -> Box:
    """The rectangle around everything above zero in any row of a mask `[rows, h, w]`."""
    drawn = (mask != 0).any(dim=0)
    rows, columns = drawn.any(dim=1).nonzero(), drawn.any(dim=0).nonzero()
    if not len(rows):
        # It counts nowhere: the smallest rectangle costs the least.
        return Box(MIN_BOUNDS, MIN_BOUNDS, 0, 0)
    top, bottom, left, right = (int(each) for each in (rows[0], rows[-1], columns[0], columns[-1]))
    return Box(max(MIN_BOUNDS, bottom - top + 1), max(MIN_BOUNDS, right - left + 1), top, left)


def weight_of(cond: Cond, box: Box | None, x: Tensor) -> Tensor:
    """How much the prompt counts at each place of its rectangle: broadcasts against that part of `x`.

    Rectangles without a mask fade towards the inside of the picture.
    """
    if cond.mask is not None:
        mask = cond.mask[: x.shape[0]] if box is None else box.of(cond.mask[: x.shape[0]])
        rows = -(-x.shape[0] // mask.shape[0])
        return (mask * cond.mask_strength).repeat(rows, 1, 1)[: x.shape[0], None] * cond.strength
    if box is None:
        return x.new_full((1, 1, 1, 1), cond.strength)
    down = _fade(box.height, box.y > 0, box.y + box.height < x.shape[-2])
    across = _fade(box.width, box.x > 0, box.x + box.width < x.shape[-1])
    # The mean is weighted: strength times one edge's fade, then times the other's, as ComfyUI rounds it.
    return (cond.strength * down[:, None] * across).to(x.device)[None, None]


def _fade(length: int, starts_inside: bool, ends_inside: bool) -> Tensor:
    fade = torch.ones(length)
    soft = min(FEATHER, length // 4)
    ramp = (torch.arange(soft) + 1) * (1.0 / max(soft, 1))
    if starts_inside:
        fade[:soft] *= ramp
    if ends_inside:
        fade[length - soft :] *= ramp.flip(0)
    return fade


def _in_cells(area: Area, height: int, width: int) -> Box:
    if area.is_share:
        sides = max(1, round(area.height * height)), max(1, round(area.width * width))
        return Box(*sides, round(area.y * height), round(area.x * width))
    return Box(int(area.height), int(area.width), int(area.y), int(area.x))


def _clipped(box: Box, height: int, width: int) -> Box:
    clipped = replace(box, height=min(height - box.y, box.height), width=min(width - box.x, box.width))
    if min(clipped.height, clipped.width) < 1 or min(box.y, box.x) < 0:
        raise EngineError(
            "engine.node_failed",
            f"A prompt's area begins at row {box.y}, column {box.x} of latents of {height} × {width}; "
            "move it into the picture.",
        )
    return clipped
