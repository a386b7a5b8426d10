"""SEEDS (Gonzalez et al. 2023): exponential Runge-Kutta methods of the reverse SDE.

The noise of a step's stages is one path: what came in by an earlier stage is still there, faded, at a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.noise import StepNoise, step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import FULL, Sde, exact_stride


@dataclass(frozen=True)
class Seeds2:
    """Two calls per step but for the last; the second at a share `r` of the stride in λ."""

    sde: Sde = FULL
    r: float = 1 / 2

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        draw, sampling = step_noise(x, seed), denoise.sampling
        steps = len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            middle, end = _stops(sampling, sigmas[i], sigmas[i + 1], (self.r,))
            paths = _paths(sampling, (sigmas[i], middle, end), draw, self.sde)
            halfway = exact_stride(sampling, sigmas[i], middle, self.sde.eta).walk(x, denoised) + paths[0]
            target = denoised.lerp(denoise_at(denoise, halfway, middle), 1 / (2 * self.r))
            x = exact_stride(sampling, sigmas[i], end, self.sde.eta).walk(x, target) + paths[1]
        return x


@dataclass(frozen=True)
class Seeds3:
    """Three calls per step but for the last, at the thirds of the stride in λ."""

    sde: Sde = FULL
    shares: tuple[float, float] = (1 / 3, 2 / 3)

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        draw, sampling, eta = step_noise(x, seed), denoise.sampling, self.sde.eta
        steps = len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        first, second = self.shares
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            stops = _stops(sampling, sigmas[i], sigmas[i + 1], self.shares)
            paths = _paths(sampling, (sigmas[i], *stops), draw, self.sde)
            strides = [exact_stride(sampling, sigmas[i], stop, eta) for stop in stops]
            bends = [
                sampling.signal(stop) * _bend(stride.length, eta) for stop, stride in zip(stops, strides, strict=True)
            ]
            there = denoise_at(denoise, strides[0].walk(x, denoised) + paths[0], stops[0])
            late = strides[1].walk(x, denoised) + bends[1] * (second / first) * (there - denoised) + paths[1]
            later = denoise_at(denoise, late, stops[1])
            x = strides[2].walk(x, denoised) + bends[2] / second * (later - denoised) + paths[2]
        return x


def _bend(length: Tensor, eta: float) -> Tensor:
    """Weight of the denoised picture's rise over a stride, relative to its own weight."""
    speed = length * (eta + 1)
    return (-speed).expm1() / speed + 1


def _stops(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor, shares: tuple[float, ...]) -> list[Tensor]:
    """Levels at these shares of the stride in λ, and its end."""
    here, there = sampling.log_snr(sigma), sampling.log_snr(sigma_next)
    return [*(sampling.sigma_of_log_snr(here.lerp(there, share)) for share in shares), sigma_next]


def _paths(sampling: ModelSampling, levels: tuple[Tensor, ...], draw: StepNoise, sde: Sde) -> list[Tensor | float]:
    """The fresh noise that is in x at every level but the first."""
    path: Tensor | float = 0.0
    paths: list[Tensor | float] = []
    for level, lower in pairwise(levels):
        if sde.eta > 0:
            stride = exact_stride(sampling, level, lower, sde.eta)
            path = stride.keep * path + stride.up * draw() * sde.s_noise
        paths.append(path)
    return paths


seeds_2: Final = Seeds2()
seeds_3: Final = Seeds3()
