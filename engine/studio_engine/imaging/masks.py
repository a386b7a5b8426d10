"""Masks `[batch, h, w]`, fp32 in 0…1: what ComfyUI's mask nodes compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, pad

from studio_engine.errors import EngineError
from studio_engine.imaging.batches import as_masks, repeat_to
from studio_engine.imaging.filters import gaussian_blur

MaskOperation: TypeAlias = Literal["multiply", "add", "subtract", "and", "or", "xor"]
MASK_OPERATIONS: Final[tuple[MaskOperation, ...]] = get_args(MaskOperation)

Edges: TypeAlias = tuple[int, int, int, int]
"""Pixels at left, top, right and bottom."""

_LOGIC: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "and": torch.logical_and,
    "or": torch.logical_or,
    "xor": torch.logical_xor,
}
_BITS: Final = 8
_BYTE: Final = 0xFF


def grow(mask: Tensor, pixels: int, *, tapered_corners: bool) -> Tensor:
    """Spread each value over its neighbours `pixels` times; below 0 shrinks.

    Tapered corners reach four neighbours a time (a diamond), others eight (a square).
    """
    if pixels < 0:
        return -grow(-mask, -pixels, tapered_corners=tapered_corners)
    values = as_masks(mask)
    if not tapered_corners:
        reach = min(pixels, max(values.shape[-2:]))
        return _widest(_widest(values, reach, 0), 0, reach)
    for _ in range(pixels):
        spread = torch.maximum(_widest(values, 1, 0), _widest(values, 0, 1))
        # A uniform mask cannot change any more, whatever the number of steps asked for (up to 16,384).
        if torch.equal(spread, values):
            break
        values = spread
    return values


def _widest(values: Tensor, rows: int, columns: int) -> Tensor:
    """The greatest value up to so many rows and columns away; beyond the border there is nothing."""
    padded = pad(values[:, None], (columns, columns, rows, rows), value=float("-inf"))
    return max_pool2d(padded, (2 * rows + 1, 2 * columns + 1), stride=1)[:, 0]


def feather(mask: Tensor, edges: Edges) -> Tensor:
    """Fade towards the edges over so many pixels.

    The right and bottom ramps start at the opposite edge and lie one pixel further in, as in ComfyUI.
    """
    values = as_masks(mask)
    height, width = values.shape[-2:]
    left, top, right, bottom = edges
    across = _ramp(width, left, from_end=False) * _ramp(width, right, from_end=True)
    down = _ramp(height, top, from_end=False) * _ramp(height, bottom, from_end=True)
    return values * across * down[:, None]


def _ramp(side: int, count: int, *, from_end: bool) -> Tensor:
    """Factors `[side]`: `count` of them rise from 1/count to 1, the others are 1."""
    factors = torch.ones(side)
    count = min(count, side)
    if count > 0:
        steps = torch.arange(count)
        factors[-steps if from_end else steps] = (steps + 1) / count
    return factors


def threshold(mask: Tensor, value: float) -> Tensor:
    return (mask > value).float()


def invert(mask: Tensor) -> Tensor:
    return 1.0 - mask


def crop_mask(mask: Tensor, *, x: int, y: int, size: tuple[int, int]) -> Tensor:
    """The part of `size` (width, height) from x, y on, as far as the mask goes. Raises `engine.node_failed`."""
    width, height = size
    part = as_masks(mask)[:, y : y + height, x : x + width]
    if part.numel() == 0:
        raise EngineError(
            "engine.node_failed",
            f"Nothing is left of the mask of {mask.shape[-1]}×{mask.shape[-2]} pixels from {x}, {y} on; "
            "choose a corner inside it.",
        )
    return part


def combine(destination: Tensor, source: Tensor, *, x: int, y: int, operation: MaskOperation) -> Tensor:
    """Combine `source`, laid at x, y, with the part of `destination` below it."""
    values, other = as_masks(destination).clone(), as_masks(source)
    height = min(other.shape[-2], values.shape[-2] - y)
    width = min(other.shape[-1], values.shape[-1] - x)
    if height > 0 and width > 0:
        below = values[:, y : y + height, x : x + width]
        above = repeat_to(other, values.shape[0])[:, :height, :width]
        values[:, y : y + height, x : x + width] = _combined(below, above, operation)
    return values.clamp(0.0, 1.0)


def _combined(below: Tensor, above: Tensor, operation: MaskOperation) -> Tensor:
    if operation == "multiply":
        return below * above
    if operation == "add":
        return below + above
    if operation == "subtract":
        return below - above
    first, second = below.round().bool(), above.round().bool()
    return _LOGIC[operation](first, second).float()


def channel_mask(image: Tensor, channel: str) -> Tensor:
    """One of red, green, blue, alpha of `[batch, h, w, channels]`. Raises `engine.node_failed` where it has none."""
    index = ("red", "green", "blue", "alpha").index(channel)
    if index >= image.shape[-1]:
        raise EngineError(
            "engine.node_failed",
            f"The picture has {image.shape[-1]} channels and no {channel}; choose another channel.",
        )
    return image[..., index]


def colour_mask(image: Tensor, colour: int) -> Tensor:
    """1 where `[batch, h, w, 3]` is exactly the colour 0xRRGGBB in 8 bits, else 0."""
    is_same = (image[..., :3].clamp(0, 1) * _BYTE).round().int() == torch.tensor(_channels(colour))
    return is_same.all(dim=-1).float()


def _channels(colour: int) -> tuple[int, int, int]:
    return colour >> 2 * _BITS & _BYTE, colour >> _BITS & _BYTE, colour & _BYTE


def colour_range_mask(image: Tensor, colour: int, *, tolerance: float, softness: float) -> Tensor:
    """1 where a pixel is within `tolerance` of the colour 0xRRGGBB, fading to 0 over `softness` more.

    Distances are Euclidean in RGB, divided so that black to white is 1.
    """
    wanted = torch.tensor(_channels(colour)) / _BYTE
    distance: Tensor = (image[..., :3] - wanted).square().sum(dim=-1).div(3).sqrt()
    if softness == 0:
        return (distance <= tolerance).float()
    return (1 - (distance - tolerance) / softness).clamp(0, 1)


def blur_mask(mask: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur; `sigma` in pixels, 0 changes nothing."""
    return gaussian_blur(as_masks(mask)[:, None], sigma)[:, 0]


def bounds(mask: Tensor) -> tuple[int, int, int, int]:
    """Left, top, width, height of the smallest box around what is above 0 in any member of the batch.

    Raises `engine.node_failed` for an empty mask.
    """
    is_set = (as_masks(mask) > 0).any(dim=0)
    rows, columns = is_set.any(dim=1).nonzero()[:, 0], is_set.any(dim=0).nonzero()[:, 0]
    if len(rows) == 0:
        raise EngineError("engine.node_failed", "The mask is empty; paint the part that you mean.")
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
