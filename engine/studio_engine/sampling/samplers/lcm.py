"""Sampling of latent consistency models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from studio_engine.imaging.resize import resize
from studio_engine.sampling.noise import MAX_SEED, step_noise
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


@dataclass(frozen=True)
class LcmUpscale:
    """The same on latents that grow after each of the first steps, evenly up to `scale` of each side."""

    scale: float
    method: str = "bislerp"
    """One of `imaging.resize.LATENT_METHODS`."""
    growing_steps: int | None = None
    """None = half of the run's levels, rounded down."""

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        steps = len(sigmas) - 1
        wanted = max(len(sigmas) // 2, 1) if self.growing_steps is None else min(self.growing_steps, len(sigmas))
        scales = np.linspace(1.0, self.scale, wanted + 1)[1:].tolist()
        height, width = x.shape[-2:]
        for i in range(steps):
            x = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, x)
            if i < len(scales):
                x = resize(x, round(width * scales[i]), round(height * scales[i]), method=self.method)
            if sigmas[i + 1] > 0:
                # The latents' size changes, so every step draws from a generator of its own.
                x = x + sigmas[i + 1] * step_noise(x, (seed + i) % (MAX_SEED + 1))()
        return x
