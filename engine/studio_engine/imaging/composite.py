"""Laying one picture over another: pasting, blending, and the operators of Porter and Duff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from studio_engine.imaging.batches import as_masks, repeat_to

# Below this an alpha counts as none: dividing by it would only amplify rounding.
_LEAST_ALPHA: Final = 1e-5


def paste(destination: Tensor, source: Tensor, *, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    """Lay `source` at x, y over `destination`, both `[batch, channels, h, w]`; where the mask is 0 nothing changes.

    The mask `[batch, h, w]` is stretched to the source; both repeat to the destination's batch. x and y count cells
    of these tensors and may be negative. For latents, divide pixels by 8 first.
    """
    result = destination.clone()
    height, width = destination.shape[-2:]
    source = repeat_to(source.to(destination), destination.shape[0])
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + source.shape[-1], width), min(y + source.shape[-2], height)
    if left >= right or top >= bottom:
        return result
    rows, columns = slice(top - y, bottom - y), slice(left - x, right - x)
    part = source[..., rows, columns]
    if mask is not None:
        stretched = interpolate(as_masks(mask)[:, None].to(source), size=source.shape[-2:], mode="bilinear")
        weight = repeat_to(stretched, destination.shape[0])[..., rows, columns]
        part = weight * part + (1 - weight) * destination[..., top:bottom, left:right]
    result[..., top:bottom, left:right] = part
    return result


def _soft_light(base: Tensor, other: Tensor) -> Tensor:
    """The W3C's formula (Compositing and Blending Level 1)."""
    root = torch.where(base <= 0.25, ((16 * base - 12) * base + 4) * base, torch.sqrt(base))
    darker = base - (1 - 2 * other) * base * (1 - base)
    return torch.where(other <= 0.5, darker, base + (2 * other - 1) * (root - base))


def _overlay(base: Tensor, other: Tensor) -> Tensor:
    return torch.where(base <= 0.5, 2 * base * other, 1 - 2 * (1 - base) * (1 - other))


BLENDS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "normal": lambda base, other: other,
    "multiply": lambda base, other: base * other,
    "screen": lambda base, other: 1 - (1 - base) * (1 - other),
    "overlay": _overlay,
    "soft_light": _soft_light,
    "difference": lambda base, other: base - other,
}
"""By ComfyUI's names; `difference` is signed, as there."""


def blend(base: Tensor, other: Tensor, *, mode: str, amount: float) -> Tensor:
    """Mix `amount` of the blend of two pictures of one shape into the first; the result is cut to 0…1."""
    return (base * (1 - amount) + BLENDS[mode](base, other) * amount).clamp(0, 1)


Layer: TypeAlias = tuple[Tensor, Tensor]
"""Colour multiplied by alpha, and alpha."""


def _both(source: Layer, destination: Layer) -> Tensor:
    """Alpha of two layers, one over the other."""
    return source[1] + destination[1] - source[1] * destination[1]


def _outside(source: Layer, destination: Layer) -> Tensor:
    """Colour of each layer where the other is not."""
    return (1 - destination[1]) * source[0] + (1 - source[1]) * destination[0]


def _overlaid(s: Layer, d: Layer) -> Tensor:
    return torch.where(2 * d[0] < d[1], 2 * s[0] * d[0], s[1] * d[1] - 2 * (d[1] - s[0]) * (s[1] - d[0]))


PORTER_DUFF: Final[Mapping[str, Callable[[Layer, Layer], Layer]]] = {
    "ADD": lambda s, d: ((s[0] + d[0]).clamp(0, 1), (s[1] + d[1]).clamp(0, 1)),
    "CLEAR": lambda s, d: (torch.zeros_like(d[0]), torch.zeros_like(d[1])),
    "DARKEN": lambda s, d: (_outside(s, d) + torch.minimum(s[0], d[0]), _both(s, d)),
    "DST": lambda s, d: d,
    "DST_ATOP": lambda s, d: (s[1] * d[0] + (1 - d[1]) * s[0], s[1]),
    "DST_IN": lambda s, d: (d[0] * s[1], s[1] * d[1]),
    "DST_OUT": lambda s, d: ((1 - s[1]) * d[0], (1 - s[1]) * d[1]),
    "DST_OVER": lambda s, d: (d[0] + (1 - d[1]) * s[0], d[1] + (1 - d[1]) * s[1]),
    "LIGHTEN": lambda s, d: (_outside(s, d) + torch.maximum(s[0], d[0]), _both(s, d)),
    "MULTIPLY": lambda s, d: (s[0] * d[0], s[1] * d[1]),
    "OVERLAY": lambda s, d: (_overlaid(s, d), _both(s, d)),
    "SCREEN": lambda s, d: (s[0] + d[0] - s[0] * d[0], _both(s, d)),
    "SRC": lambda s, d: s,
    "SRC_ATOP": lambda s, d: (d[1] * s[0] + (1 - s[1]) * d[0], d[1]),
    "SRC_IN": lambda s, d: (s[0] * d[1], s[1] * d[1]),
    "SRC_OUT": lambda s, d: ((1 - d[1]) * s[0], (1 - d[1]) * s[1]),
    "SRC_OVER": lambda s, d: (s[0] + (1 - s[1]) * d[0], s[1] + (1 - s[1]) * d[1]),
    "XOR": lambda s, d: (_outside(s, d), (1 - d[1]) * s[1] + (1 - s[1]) * d[1]),
}
"""Compositing Digital Images (1984) and Android's further modes, on premultiplied layers, by ComfyUI's names."""


def porter_duff(source: Layer, destination: Layer, mode: str) -> Layer:
    """Colours `[..., 3]` and transparencies `[..., 1]` (1 is clear) in, the same out."""
    (source_colour, source_clear), (below, below_clear) = source, destination
    above = source_colour * (1 - source_clear), 1 - source_clear
    colour, alpha = PORTER_DUFF[mode](above, (below * (1 - below_clear), 1 - below_clear))
    colour = torch.where(alpha > _LEAST_ALPHA, colour / alpha, torch.zeros_like(colour))
    return colour.clamp(0, 1), 1 - alpha
