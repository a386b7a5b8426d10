"""The sampler of Ho et al. 2020."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope
from studio_engine.sampling.samplers.sde import ancestral_split


def ddpm(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """One call per step. The step of `euler_ancestral` at `eta` 1, for flows too, whose faint signal it ignores."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], eta=1.0)
        x = denoised + slope(x, sigmas[i], denoised) * down
        if sigmas[i + 1] > 0:
            x = x + noise() * up
    return x
