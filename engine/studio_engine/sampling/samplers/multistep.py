"""Adams-Bashforth methods: the slope is extrapolated from earlier steps, at one call per step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from torch import Tensor

from studio_engine.sampling.samplers.interpolation import Floats, adams_weights
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope

Weights: TypeAlias = Callable[[Sequence[float]], list[float]]
"""From the levels of the slopes, newest first, and the level to step to (last): each slope's weight in dx."""

VP_SIGMAS: Final = (0.002, 80.0)
VP_TIMES: Final = (1e-3, 1.0)
"""DEIS interpolates in the time of a VP process that has these sigmas at these times (Karras et al. 2022)."""

EVEN_WEIGHTS: Final = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Adams-Bashforth for strides of equal length, orders 1 to 4."""


def _even(levels: Sequence[float]) -> list[float]:
    stride = levels[-1] - levels[0]
    return [stride * weight for weight in EVEN_WEIGHTS[len(levels) - 2]]


def _exact(levels: Sequence[float]) -> list[float]:
    *knots, end = levels
    return adams_weights(knots, knots[0], end, np.ones_like)


def _uneven(levels: Sequence[float]) -> list[float]:
    """Strides h, then h1, h2, h3 back in time, as published by Zhou et al. 2024 (diff-sampler's iPNDM_v).

    From order 3 on these are not the exact weights, which are those of `lms`: they make a method of third order at
    best, and where the strides' ratios change they need not even sum to h, which can ruin a picture
    (`linear_quadratic`). ComfyUI's pictures come from these weights, so ours do.
    """
    *knots, end = levels
    h = end - knots[0]
    h1, h2, h3 = [*(newer - older for newer, older in pairwise(knots)), 0.0, 0.0, 0.0][:3]
    weights = np.zeros(len(knots))
    weights[0] = 1.0
    if h1:
        weights[:2] += h / h1 / 2 * np.array([1.0, -1.0])
    if h2:
        share = h / (3 * (h + h1))
        bend = (1 - share * (h * (h + h1)) / (h1 * (h1 + h2))) / 2
        weights[:3] += bend * np.array([1.0, -(1 + h1 / h2), h1 / h2])
    if h3:
        q = h1 * (h1 + h2) / (h2 * (h2 + h3))
        reach = h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
        twist = ((1 - share) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))) * reach
        weights += twist * np.array([1.0, -(1 + h1 / h2 + q), h1 / h2 + q * (1 + h2 / h3), -q * h1 / h2])
    return [float(h * weight) for weight in weights]


def _in_vp_time(levels: Sequence[float]) -> list[float]:
    """The slope is a polynomial in the time of a VP process: log(σ² + 1) = rise · t² / 2 + start · t."""
    (low, high), (first, last) = VP_SIGMAS, VP_TIMES
    rise = 2 * (math.log1p(low**2) / first - math.log1p(high**2) / last) / (first - last)
    start = math.log1p(high**2) - rise / 2
    *knots, end = [(math.sqrt(start**2 + 2 * rise * math.log1p(level**2)) - start) / rise for level in levels]

    def density(time: Floats) -> Floats:
        variance = np.expm1(rise * time**2 / 2 + start * time)
        slopes: Floats = (rise * time + start) * (variance + 1) / (2 * np.sqrt(variance))
        return slopes

    return adams_weights(knots, knots[0], end, density)


@dataclass(frozen=True)
class Multistep:
    """A sampler of up to `max_order` slopes: of that order, but for the first steps, which have fewer."""

    weights: Weights
    max_order: int = 4

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        """One call per step. The last, to sigma 0, lands on the denoised picture."""
        steps = len(sigmas) - 1
        levels = sigmas.tolist()
        slopes: list[Tensor] = []
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            slopes = [slope(x, sigmas[i], denoised), *slopes][: self.max_order]
            knots = reversed(levels[i + 1 - len(slopes) : i + 1])
            for weight, each in zip(self.weights([*knots, levels[i + 1]]), slopes, strict=True):
                x = x + weight * each
        return x


def lms_of_order(order: int) -> Multistep:
    """Linear multistep with exact weights for any strides (k-diffusion's LMS)."""
    return Multistep(_exact, max_order=order)


lms: Final = lms_of_order(4)
ipndm: Final = Multistep(_even)
"""Improved PNDM (Zhang & Chen 2023): weights for even strides, whatever the strides are."""
ipndm_v: Final = Multistep(_uneven)
deis: Final = Multistep(_in_vp_time, max_order=3)
"""Diffusion exponential integrator (Zhang & Chen 2023), tAB: as `lms`, but interpolated in another time."""
