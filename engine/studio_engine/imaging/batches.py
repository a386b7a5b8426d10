"""Making two batches of pictures fit each other, by ComfyUI's rules."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from studio_engine.errors import EngineError

_OPAQUE: Final = 1.0


def repeat_to(tensor: Tensor, count: int) -> Tensor:
    """The first `count` members of a batch, which is repeated from its start where it has fewer."""
    if tensor.shape[0] >= count:
        return tensor[:count]
    times = math.ceil(count / tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:count]


def extend_to(tensor: Tensor, count: int) -> Tensor:
    """A batch whose last member is repeated until there are `count`."""
    missing = count - tensor.shape[0]
    return tensor if missing <= 0 else torch.cat([tensor, tensor[-1:].expand(missing, *tensor.shape[1:])])


def as_masks(mask: Tensor) -> Tensor:
    """A mask of any leading shape as `[batch, h, w]`."""
    return mask.reshape(-1, *mask.shape[-2:])


def resize_masks(mask: Tensor, width: int, height: int) -> Tensor:
    """`[batch, h, w]` to `[batch, height, width]`, bilinear."""
    return interpolate(as_masks(mask)[:, None], size=(height, width), mode="bilinear")[:, 0]


def match_alpha(destination: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """`[..., channels]` each: what the source has beyond the destination is dropped, a missing alpha is opaque."""
    if destination.shape[-1] < source.shape[-1]:
        return destination, source[..., : destination.shape[-1]]
    missing = destination.shape[-1] - source.shape[-1]
    return destination, pad(source, (0, missing), value=_OPAQUE)


def to_rgb(image: Tensor) -> Tensor:
    """`[..., channels]` to `[..., 3]`: alpha is dropped, grey is repeated.

    Raises `engine.node_failed` for two channels, which are no picture.
    """
    channels = image.shape[-1]
    if channels == 1:
        return image.expand(*image.shape[:-1], 3)
    if channels == 2:
        raise EngineError("engine.node_failed", "The picture has 2 channels; give one with 1, 3 or 4.")
    return image[..., :3]
