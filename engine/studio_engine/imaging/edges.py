"""Lines and edges in pictures `[batch, channels, h, w]`, as ControlNet's drawings show them: white on black."""

from __future__ import annotations

from typing import Final

import numpy
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import conv2d, pad

from studio_engine.errors import EngineError
from studio_engine.imaging.colours import luma
from studio_engine.imaging.filters import gaussian, gaussian_blur, separable

_CANNY_SIGMA, _CANNY_RADIUS = 1.0, 2
_EPSILON: Final = 1e-6
_SOBEL: Final = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
# Row and column of the neighbour at 0°, 45°, … of an angle that grows downwards.
_COMPASS: Final = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_EIGHT_NEIGHBOURS: Final = numpy.ones((3, 3))
# The wider of the two Gaussians whose difference shows lines (Winnemöller, Kyprianidis, Olsen: XDoG, 2012).
_WIDER: Final = 1.6
# Gain of that difference at detail 0, and how many times more at detail 1.
_LINE_GAIN, _DETAIL_GAIN = 10.0, 10.0
# Gradients below this are noise of 8-bit pictures; of the others a scribble starts at the strongest fifth and follows
# them through the stronger half.
_NOISE: Final = 0.02
_FOLLOWED, _STARTED = 0.5, 0.8


def grey(samples: Tensor) -> Tensor:
    """Brightness `[batch, 1, h, w]`."""
    return samples[:, :1] if samples.shape[1] < 3 else luma(samples.movedim(1, -1))[:, None]


def sobel(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `[batch, 1, h, w]` to the right and downwards; the border is repeated."""
    kernel = torch.tensor(_SOBEL).to(samples)
    padded = pad(samples, (1, 1, 1, 1), mode="replicate")
    return conv2d(padded, kernel[None, None]), conv2d(padded, kernel.T[None, None])


def canny(samples: Tensor, low: float, high: float) -> Tensor:
    """Edges `[batch, 1, h, w]`, 0 or 1 (Canny, 1986), with kornia's numbers, which ComfyUI uses.

    Raises `engine.node_failed` where low is above high.
    """
    if low > high:
        raise EngineError(
            "engine.node_failed", f"The low threshold {low} is above the high one, {high}; exchange them."
        )
    across, down = sobel(separable(grey(samples), gaussian(_CANNY_SIGMA, _CANNY_RADIUS)))
    strength = torch.sqrt(across * across + down * down + _EPSILON)
    strength = strength * _is_ridge(strength, torch.atan2(down, across))
    weak, strong = strength > low, strength > high
    linked = [_linked(*pair) for pair in zip(weak[:, 0].numpy(), strong[:, 0].numpy(), strict=True)]
    return torch.stack([torch.from_numpy(each) for each in linked])[:, None].to(samples.dtype)


def _is_ridge(strength: Tensor, angle: Tensor) -> Tensor:
    """Where an edge is stronger than both neighbours across it."""
    height, width = strength.shape[-2:]
    padded = pad(strength, (1, 1, 1, 1))
    neighbours = torch.stack([padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in _COMPASS], dim=0)
    eighth = torch.round(angle.rad2deg() / 45).long() % 8
    ahead = neighbours.gather(0, eighth[None])[0]
    behind = neighbours.gather(0, (eighth[None] + 4) % 8)[0]
    return (strength > ahead) & (strength > behind)


Plane = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.bool_]]


def _linked(weak: Plane, strong: Plane) -> Plane:
    """Weak edges that hang together with a strong one, over eight neighbours."""
    labels, count = ndimage.label(weak, structure=_EIGHT_NEIGHBOURS)
    is_kept = numpy.zeros(count + 1, dtype=numpy.bool_)
    is_kept[labels[strong]] = True
    is_kept[0] = False
    kept: Plane = is_kept[labels]
    return kept


def line_drawing(samples: Tensor, *, width: float, detail: float) -> Tensor:
    """Lines `[batch, 1, h, w]` in 0…1, soft at their sides: the extended difference of Gaussians.

    `width` is the deviation of the narrower Gaussian in pixels; `detail` 0…1 is how faint a line may be.
    """
    brightness = grey(samples)
    narrow = gaussian_blur(brightness, width)
    difference = narrow - gaussian_blur(brightness, _WIDER * width)
    # A line is darker than what is around it.
    return torch.tanh((-difference * _LINE_GAIN * _DETAIL_GAIN**detail).clamp(min=0))


def scribble(samples: Tensor, *, width: float, thickness: int) -> Tensor:
    """Few, thick lines `[batch, 1, h, w]`, 0 or 1, as a hand would draw them."""
    across, down = sobel(gaussian_blur(grey(samples), width))
    strength = torch.sqrt(across * across + down * down)
    ridges = (strength * _is_ridge(strength, torch.atan2(down, across)))[:, 0].numpy()
    lines = [_scribbled(each) for each in ridges]
    thick = [ndimage.binary_dilation(each, iterations=thickness) if thickness else each for each in lines]
    return torch.from_numpy(numpy.stack(thick))[:, None].to(samples.dtype)


def _scribbled(ridges: numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float32]]) -> Plane:
    values = ridges[ridges > _NOISE]
    if len(values) == 0:
        return numpy.zeros(ridges.shape, dtype=numpy.bool_)
    followed, started = numpy.quantile(values, (_FOLLOWED, _STARTED))
    return _linked(ridges >= followed, ridges >= started)
