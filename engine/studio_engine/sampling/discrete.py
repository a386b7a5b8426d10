"""Noise levels of models trained on a discrete table of steps (SD 1.x, SD 2.x, SDXL)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

Prediction: TypeAlias = Literal["eps", "v"]
"""What the network's output means: the noise, or the velocity of Salimans & Ho 2022."""

TRAIN_STEPS: Final = 1000
BETA_START: Final = 0.00085
BETA_END: Final = 0.012
INFINITE_SIGMA: Final = 999_999_999.9
"""What percent 0 means: above every sigma, so that a range from the start holds all steps."""
ZERO_SNR_ALPHA: Final = 4.8973451890853435e-08
"""ᾱ of the last step of a zero-SNR table; exactly zero would make its sigma infinite."""


@dataclass(frozen=True, eq=False)
class ModelSampling:
    """The table of sigmas, rising, fp32 on the CPU, and how the network's output is read."""

    sigmas: Tensor
    log_sigmas: Tensor
    prediction: Prediction

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    def timestep(self, sigma: Tensor) -> Tensor:
        """Index of the table entry nearest in log sigma; any shape, int64."""
        distances = sigma.log().to(self.log_sigmas.device) - self.log_sigmas.view(-1, *[1] * sigma.dim())
        return distances.abs().argmin(dim=0)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Sigma at a fractional table index: linear in log sigma, clamped to the table."""
        t = timestep.float().clamp(0, len(self.sigmas) - 1)
        weight = t.frac()
        below, above = self.log_sigmas[t.floor().long()], self.log_sigmas[t.ceil().long()]
        return ((1 - weight) * below + weight * above).exp()

    def percent_to_sigma(self, percent: float) -> float:
        """Sigma after this share (0…1) of the training steps, counted from pure noise."""
        if percent <= 0.0:
            return INFINITE_SIGMA
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor((1.0 - percent) * (TRAIN_STEPS - 1))))

    def input_scale(self, sigma: Tensor) -> Tensor:
        """The network sees x times this: unit variance at any sigma, for data of unit variance."""
        return (sigma**2 + 1.0).rsqrt()

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        """Clean latents from the network's output; `sigma` must broadcast against `x`."""
        if self.prediction == "eps":
            return x - output * sigma
        return x / (sigma**2 + 1.0) - output * sigma / (sigma**2 + 1.0).sqrt()

    def add_noise(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Latents at the first sigma. From the table's top on, the noise is scaled as if no data shone through."""
        is_pure_noise = sigma > self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)
        level = torch.tensor(sigma, dtype=noise.dtype)
        return noise * ((1.0 + level**2).sqrt() if is_pure_noise else level) + latent


def discrete_sampling(prediction: Prediction = "eps", *, is_zero_snr: bool = False) -> ModelSampling:
    """The scaled-linear table of Rombach et al. 2022: sigma 0.0292 … 14.61.

    With `is_zero_snr` it is stretched to end in pure noise (Lin et al. 2023, sigma max 4518.76).
    """
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1.0 - betas, dim=0)
    if is_zero_snr:
        alphas = _stretched_to_zero_snr(alphas)
    sigmas = ((1.0 - alphas) / alphas) ** 0.5
    return ModelSampling(sigmas.float(), sigmas.log().float(), prediction)


def _stretched_to_zero_snr(alphas: Tensor) -> Tensor:
    roots = alphas.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    stretched = ((roots - last) * first / (first - last)) ** 2
    stretched[-1] = ZERO_SNR_ALPHA
    return stretched
