"""DPM-Solver++ (Lu et al. 2022): exponential integrators in λ = −log σ, on the denoised picture."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.samplers.ancestral import Ancestral
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import FULL, Sde

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
    return Ancestral(_through_middle, sde)(denoise, x, sigmas, seed=seed, on_step=on_step)


def _through_middle(denoise: Denoise, x: Tensor, denoised: Tensor, stride: tuple[Tensor, Tensor]) -> Tensor:
    sigma, sigma_next = stride
    if sigma_next == 0:
        return denoised
    middle = _middle(denoise.sampling, sigma, sigma_next)
    halfway = _toward(denoised, x, middle / sigma)
    return _toward(denoise_at(denoise, halfway, middle), x, sigma_next / sigma)


def _middle(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    if sampling.is_flow and sigma >= 1:
        return sigma.new_tensor(NEARLY_ONE)
    here, there = sampling.log_snr(sigma), sampling.log_snr(sigma_next)
    return sampling.sigma_of_log_snr(here + 0.5 * (there - here))


def _toward(target: Tensor, x: Tensor, share: Tensor) -> Tensor:
    """x, all but its share replaced by `target`: the exact step for a constant denoised picture."""
    return share * x + (1 - share) * target
