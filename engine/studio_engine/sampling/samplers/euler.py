"""Euler's method, plain and ancestral."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.samplers.ancestral import Ancestral
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope
from studio_engine.sampling.samplers.sde import FULL, Sde


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


def _to_level(denoise: Denoise, x: Tensor, denoised: Tensor, stride: tuple[Tensor, Tensor]) -> Tensor:
    sigma, sigma_next = stride
    if sigma_next == 0:
        return denoised
    return x + slope(x, sigma, denoised) * (sigma_next - sigma)


def euler_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """Euler with fresh noise at every step; `eta` 0 is plain Euler. DDPM is the same walk."""
    return Ancestral(_to_level, sde)(denoise, x, sigmas, seed=seed, on_step=on_step)
