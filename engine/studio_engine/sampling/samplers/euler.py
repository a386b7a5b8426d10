"""Euler's method, plain and ancestral."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.ancestral import ancestral_split
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope


def euler(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """First order, one call per step (Karras et al. 2022, algorithm 2 without churn). DDIM is the same walk."""
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        x = x + slope(x, sigmas[i], denoised) * (sigmas[i + 1] - sigmas[i])
    return x


def euler_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, eta: float = 1.0
) -> Tensor:
    """Euler with fresh noise at every step; `eta` 0 is plain Euler."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], eta)
        if down == 0:
            x = denoised
            continue
        x = x + slope(x, sigmas[i], denoised) * (down - sigmas[i]) + noise() * up
    return x
