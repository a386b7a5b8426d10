"""Euler's method, plain and ancestral."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope
from studio_engine.sampling.samplers.sde import FULL, Sde, renewal


def euler(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """First order, one call per step (Karras et al. 2022, algorithm 2 without churn)."""
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        x = x + slope(x, sigmas[i], denoised) * (sigmas[i + 1] - sigmas[i])
    return x


def ddim(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Song et al. 2020: the same walk as `euler`. Latents that a mask keeps get other noise here: see `sample`."""
    return euler(denoise, x, sigmas, seed=seed, on_step=on_step)


def euler_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """Euler with fresh noise at every step; `eta` 0 is plain Euler. DDPM is the same walk."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        step = renewal(denoise.sampling, sigmas[i], sigmas[i + 1], sde.eta)
        if step.down == 0:
            x = denoised
            continue
        x = step.keep * (x + slope(x, sigmas[i], denoised) * (step.down - sigmas[i]))
        x = x + noise() * sde.s_noise * step.up
    return x
