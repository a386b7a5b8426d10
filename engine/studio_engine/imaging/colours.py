"""Colours of pictures `[..., channels]` in 0…1; a fourth channel, alpha, passes unchanged."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from studio_engine.errors import EngineError

# Rec. 601, as in JPEG.
_LUMA: Final = (0.299, 0.587, 0.114)
# kornia's rounding of the JPEG conversion, which ComfyUI uses.
_CB_SCALE, _CR_SCALE = 0.564, 0.713
_CURVE_STEPS: Final = 4096
# How far full warmth moves red and blue.
_WARMTH: Final = 0.3

Point: TypeAlias = tuple[float, float]


def luma(image: Tensor) -> Tensor:
    """Brightness `[...]` of red, green and blue."""
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def rgb_to_yuv(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y, Cb and Cr, each `[..., 1]`; both colours are centred on 0.5."""
    y = luma(image)
    cb, cr = (image[..., 2] - y) * _CB_SCALE + 0.5, (image[..., 0] - y) * _CR_SCALE + 0.5
    return y[..., None], cb[..., None], cr[..., None]


def yuv_to_rgb(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    """The inverse of `rgb_to_yuv`, to three digits; each argument `[..., 1]`."""
    cb, cr = cb - 0.5, cr - 0.5
    return torch.cat([y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb], dim=-1)


def _keep_alpha(image: Tensor, changed: Tensor) -> Tensor:
    return torch.cat([changed.clamp(0, 1), image[..., 3:]], dim=-1)


def adjust_light(image: Tensor, *, brightness: float, contrast: float, gamma: float) -> Tensor:
    """Multiply by `brightness`, spread about mid-grey by `contrast`, then raise to 1/`gamma`; 1 changes nothing."""
    rgb = (image[..., :3] * brightness - 0.5) * contrast + 0.5
    return _keep_alpha(image, rgb.clamp(0, 1) ** (1 / gamma))


def adjust_colour(image: Tensor, *, saturation: float, hue_degrees: float, temperature: float) -> Tensor:
    """Saturation about the pixel's own brightness, a turn of the hue that keeps brightness, and warmth −1…1."""
    rgb = _turn_hue(image, math.radians(hue_degrees))
    grey = luma(rgb)[..., None]
    rgb = grey + (rgb - grey) * saturation
    return _keep_alpha(image, rgb * torch.tensor([1 + _WARMTH * temperature, 1.0, 1 - _WARMTH * temperature]))


def _turn_hue(image: Tensor, angle: float) -> Tensor:
    """Turn the chroma of JPEG's colour space by `angle` radians; brightness stays."""
    y = luma(image)
    cb, cr = (image[..., 2] - y) * _CB_SCALE, (image[..., 0] - y) * _CR_SCALE
    cos, sin = math.cos(angle), math.sin(angle)
    red = y + (cr * cos + cb * sin) / _CR_SCALE
    blue = y + (cb * cos - cr * sin) / _CB_SCALE
    green = (y - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return torch.stack([red, green, blue], dim=-1)


def levels(image: Tensor, *, black: float, white: float, gamma: float, darkest: float, lightest: float) -> Tensor:
    """Stretch black…white to 0…1, bend by `gamma`, then fit into darkest…lightest.

    Raises `engine.node_failed` where black is not below white.
    """
    if not black < white:
        raise EngineError(
            "engine.node_failed", f"The black point {black} must be below the white point {white}; move them apart."
        )
    stretched = ((image[..., :3] - black) / (white - black)).clamp(0, 1) ** (1 / gamma)
    return _keep_alpha(image, darkest + stretched * (lightest - darkest))


def parse_curve(text: str) -> tuple[Point, ...]:
    """Points `x,y` in 0…1, apart by spaces or semicolons. Raises `engine.node_failed`."""
    points = []
    for part in re.split(r"[;\s]+", text.strip()):
        match = re.fullmatch(r"([01]?\.?\d*),([01]?\.?\d*)", part)
        try:
            point = (float(match[1]), float(match[2])) if match else None
        except ValueError:
            point = None
        if point is None or max(point) > 1:
            raise EngineError("engine.node_failed", f"{part[:40]!r} is no point of a curve; write for example 0.5,0.6.")
        points.append(point)
    points.sort()
    inputs = [x for x, _ in points]
    if len(points) < 2 or len(set(inputs)) < len(inputs):
        raise EngineError("engine.node_failed", "A curve needs at least two points with different inputs.")
    return tuple(points)


def apply_curve(image: Tensor, points: Sequence[Point], channels: Sequence[int]) -> Tensor:
    """Send the given channels through a smooth curve that never overshoots its points (Fritsch and Carlson, 1980).

    Before the first point and after the last it is level.
    """
    xs, ys = numpy.array([x for x, _ in points]), numpy.array([y for _, y in points])
    grid = numpy.linspace(0, 1, _CURVE_STEPS + 1).clip(xs[0], xs[-1])
    table = torch.from_numpy(PchipInterpolator(xs, ys)(grid)).float()
    result = image[..., :3].clamp(0, 1).clone()
    for channel in channels:
        position = result[..., channel] * _CURVE_STEPS
        below = position.floor().long().clamp(max=_CURVE_STEPS - 1)
        result[..., channel] = torch.lerp(table[below], table[below + 1], position - below)
    return _keep_alpha(image, result)
