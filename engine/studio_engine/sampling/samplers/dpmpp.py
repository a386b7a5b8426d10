"""DPM-Solver++ (Lu et al. 2022): exponential integrators in λ = −log σ, on the denoised picture."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from studio_engine.sampling.noise import brownian_noise
from studio_engine.sampling.samplers.ancestral import ancestral_split
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at

MIDPOINT: Final = 0.5
"""Where, between two steps in λ, the second call of `dpmpp_sde` lies."""


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Second order by the previous step's answer, one call per step."""
    steps = len(sigmas) - 1
    lambdas = -sigmas.log()
    # Through the logarithm and back, as ComfyUI does: it rounds, and equal pixels need equal rounding.
    levels = (-lambdas).exp()
    previous: Tensor | None = None
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        stride = lambdas[i + 1] - lambdas[i]
        target = denoised
        if previous is not None and sigmas[i + 1] > 0:
            ratio = (lambdas[i] - lambdas[i - 1]) / stride
            target = (1 + 1 / (2 * ratio)) * denoised - (1 / (2 * ratio)) * previous
        x = (levels[i + 1] / levels[i]) * x - (-stride).expm1() * target
        previous = denoised
    return x


def dpmpp_2m_sde(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, eta: float = 1.0
) -> Tensor:
    """`dpmpp_2m` of the reverse SDE, midpoint form; one call per step."""
    noise = brownian_noise(x, sigmas, seed)
    steps = len(sigmas) - 1
    lambdas = -sigmas.log()
    previous: Tensor | None = None
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        if sigmas[i + 1] == 0:
            return denoised
        stride = lambdas[i + 1] - lambdas[i]
        gain = (-stride * (eta + 1)).expm1().neg()
        x = sigmas[i + 1] / sigmas[i] * (-stride * eta).exp() * x + gain * denoised
        if previous is not None:
            ratio = (lambdas[i] - lambdas[i - 1]) / stride
            x = x + 0.5 * gain * (1 / ratio) * (denoised - previous)
        if eta > 0:
            x = x + noise(sigmas[i], sigmas[i + 1]) * sigmas[i + 1] * (-2 * stride * eta).expm1().neg().sqrt()
        previous = denoised
    return x


def dpmpp_sde(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, eta: float = 1.0) -> Tensor:
    """Second order by a call between the steps, ancestral noise at both; two calls per step but for the last."""
    noise = brownian_noise(x, sigmas, seed)
    steps = len(sigmas) - 1
    lambdas = -sigmas.log()
    levels = (-lambdas).exp()
    weight = 1 / (2 * MIDPOINT)
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        if sigmas[i + 1] == 0:
            return denoised
        between = (-(lambdas[i] + MIDPOINT * (lambdas[i + 1] - lambdas[i]))).exp()
        down, up = ancestral_split(levels[i], between, eta)
        halfway = _toward(denoised, x, lambdas[i] + down.log()) + noise(sigmas[i], between) * up
        target = (1 - weight) * denoised + weight * denoise_at(denoise, halfway, between)
        down, up = ancestral_split(levels[i], levels[i + 1], eta)
        x = _toward(target, x, lambdas[i] + down.log()) + noise(sigmas[i], sigmas[i + 1]) * up
    return x


def _toward(target: Tensor, x: Tensor, log_share: Tensor) -> Tensor:
    """x, all but its share replaced by `target`: the exact step for a constant denoised picture."""
    return log_share.exp() * x - log_share.expm1() * target
