"""Heun's method."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Second order, two calls per step but for the last (Karras et al. 2022, algorithm 1)."""
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        here, stride = slope(x, sigmas[i], denoised), sigmas[i + 1] - sigmas[i]
        if sigmas[i + 1] == 0:
            x = x + here * stride
            continue
        ahead = x + here * stride
        there = slope(ahead, sigmas[i + 1], denoise_at(denoise, ahead, sigmas[i + 1]))
        x = x + (here + there) / 2 * stride
    return x
