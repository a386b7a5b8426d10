"""Heun's method, and one that looks two steps ahead."""

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


def heunpp2(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Heun++: up to three slopes, the farther ones weighted by their share of the run's first sigma.

    Three calls per step, two in the last but one, one in the last. The weights suit runs of few steps;
    they don't cancel error terms, so in the limit of many steps the method is of first order.
    """
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        slopes = [slope(x, sigmas[i], denoised)]
        looks = min(2, steps - 1 - i)
        ahead = x
        for j in range(i + 1, i + 1 + looks):
            ahead = ahead + slopes[-1] * (sigmas[j] - sigmas[j - 1])
            slopes.append(slope(ahead, sigmas[j], denoise_at(denoise, ahead, sigmas[j])))
        weights = [sigmas[i + 1 + k] / ((looks + 1) * sigmas[0]) for k in range(looks)]
        mixed = (1 - sum(weights)) * slopes[0]
        for weight, each in zip(weights, slopes[1:], strict=True):
            mixed = mixed + weight * each
        x = x + mixed * (sigmas[i + 1] - sigmas[i])
    return x
