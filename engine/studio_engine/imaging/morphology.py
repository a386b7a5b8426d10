"""Morphology with a square over `[batch, channels, h, w]` (Serra, Image Analysis and Mathematical Morphology, 1982)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from torch import Tensor
from torch.nn.functional import max_pool2d, pad


def dilate(samples: Tensor, side: int) -> Tensor:
    """The brightest value in a square of `side` pixels; an even square reaches one further to the left and top."""
    before, after = side // 2, side - side // 2 - 1
    across = max_pool2d(pad(samples, (before, after, 0, 0), value=float("-inf")), (1, side), stride=1)
    return max_pool2d(pad(across, (0, 0, before, after), value=float("-inf")), (side, 1), stride=1)


def erode(samples: Tensor, side: int) -> Tensor:
    """The darkest value in a square of `side` pixels."""
    return -dilate(-samples, side)


def opening(samples: Tensor, side: int) -> Tensor:
    """Removes bright spots smaller than the square."""
    return dilate(erode(samples, side), side)


def closing(samples: Tensor, side: int) -> Tensor:
    """Fills dark holes smaller than the square."""
    return erode(dilate(samples, side), side)


MORPHOLOGY: Final[Mapping[str, Callable[[Tensor, int], Tensor]]] = {
    "erode": erode,
    "dilate": dilate,
    "open": opening,
    "close": closing,
    "gradient": lambda samples, side: dilate(samples, side) - erode(samples, side),
    "bottom_hat": lambda samples, side: closing(samples, side) - samples,
    "top_hat": lambda samples, side: samples - opening(samples, side),
}
"""By ComfyUI's names."""
