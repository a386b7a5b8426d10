"""Blur, sharpen and other filters over `[batch, channels, h, w]`."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

# Past four deviations a Gaussian holds less than 0.01 % of its weight.
_DEVIATIONS: Final = 4
# A narrower Gaussian gives the neighbouring pixels a weight of 0 in fp32.
_LEAST_SIGMA: Final = 0.05
# ComfyUI's sharpening strength 1 weighs the blurred picture ten times.
_SHARPEN_GAIN: Final = 10.0


def blur_kernel(radius: int, sigma: float) -> Tensor:
    """ComfyUI's Gaussian `[2r+1, 2r+1]`: `sigma` is measured in radii, not in pixels."""
    axis = torch.linspace(-1, 1, 2 * radius + 1)
    distance = torch.sqrt(axis[:, None] ** 2 + axis**2)
    weights = torch.exp(-(distance**2) / (2.0 * sigma * sigma))
    return weights / weights.sum()


def blur(samples: Tensor, radius: int, sigma: float) -> Tensor:
    """ComfyUI's ImageBlur; the border is mirrored."""
    return _convolve(samples, blur_kernel(radius, sigma))


def sharpen(samples: Tensor, *, radius: int, sigma: float, alpha: float) -> Tensor:
    """ComfyUI's ImageSharpen: adds what a blur takes away; the result is cut to 0…1."""
    kernel = blur_kernel(radius, sigma) * -(alpha * _SHARPEN_GAIN)
    kernel[radius, radius] += 1.0 - kernel.sum()
    return _convolve(samples, kernel).clamp(0, 1)


def gaussian_blur(samples: Tensor, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels, rows and columns apart; the border is mirrored."""
    if sigma < _LEAST_SIGMA:
        return samples
    return separable(samples, gaussian(sigma, math.ceil(_DEVIATIONS * sigma)))


def gaussian(sigma: float, radius: int) -> Tensor:
    """Weights `[2·radius+1]` that sum to 1; `sigma` in pixels."""
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-(axis**2) / (2 * sigma**2))
    return weights / weights.sum()


def separable(samples: Tensor, weights: Tensor) -> Tensor:
    """The same one-dimensional odd kernel along rows and columns."""
    return _convolve(_convolve(samples, weights[None, :]), weights[:, None])


def _convolve(samples: Tensor, kernel: Tensor) -> Tensor:
    """The same kernel `[rows, columns]` over each channel."""
    batch, channels, height, width = samples.shape
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    planes = mirror(samples.reshape(batch * channels, 1, height, width), columns, rows)
    weights = kernel.to(samples)[None, None]
    return conv2d(planes, weights).reshape(batch, channels, height, width)


def mirror(samples: Tensor, columns: int, rows: int) -> Tensor:
    """Extend `[n, c, h, w]` on all sides by reflection about the outermost pixels, however small the picture."""
    height, width = samples.shape[-2:]
    while columns > 0 or rows > 0:
        # A picture can be mirrored by one pixel less than its own side at a time; one of 1 pixel only repeats.
        across, down = min(columns, max(width - 1, 1)), min(rows, max(height - 1, 1))
        mode = "reflect" if across < width and down < height else "replicate"
        samples = pad(samples, (across, across, down, down), mode=mode)
        height, width = samples.shape[-2:]
        columns, rows = columns - across, rows - down
    return samples
