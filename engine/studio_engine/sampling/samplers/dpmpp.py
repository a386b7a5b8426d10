"""DPM-Solver++ (Lu et al. 2022): exponential integrators in λ = −log σ, on the denoised picture."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import FULL, Sde, renewal

NEARLY_ONE: Final = 0.9999
"""Where a flow's first middle lies: from pure noise there is no middle in log SNR."""


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


def dpmpp_2s_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """Second order by a call at the middle in log SNR, with fresh noise; two calls per step but for the last."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        step = renewal(denoise.sampling, sigmas[i], sigmas[i + 1], sde.eta)
        if step.down == 0:
            x = denoised
            continue
        middle = _middle(denoise.sampling, sigmas[i], step.down)
        halfway = _toward(denoised, x, middle / sigmas[i])
        x = step.keep * _toward(denoise_at(denoise, halfway, middle), x, step.down / sigmas[i])
        x = x + noise() * sde.s_noise * step.up
    return x


def _middle(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    if sampling.is_flow and sigma >= 1:
        return sigma.new_tensor(NEARLY_ONE)
    here, there = sampling.log_snr(sigma), sampling.log_snr(sigma_next)
    return sampling.sigma_of_log_snr(here + 0.5 * (there - here))


def _toward(target: Tensor, x: Tensor, share: Tensor) -> Tensor:
    """x, all but its share replaced by `target`: the exact step for a constant denoised picture."""
    return share * x + (1 - share) * target
