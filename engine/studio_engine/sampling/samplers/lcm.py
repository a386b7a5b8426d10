"""Sampling of latent consistency models."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at


def lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Jump to the clean picture, add noise for the next level (Luo et al. 2023). Meant for 2 to 8 steps."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        x = denoise.sampling.noised(denoised, noise(), sigmas[i + 1]) if sigmas[i + 1] > 0 else denoised
    return x
