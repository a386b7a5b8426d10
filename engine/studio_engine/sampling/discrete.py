"""Noise levels of models trained on a discrete table of steps (SD 1.x, SD 2.x, SDXL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import INFINITE_SIGMA, ModelSampling, Prediction

TRAIN_STEPS: Final = 1000
BETA_START: Final = 0.00085
BETA_END: Final = 0.012
DISTILLED_STEPS: Final = 50
LCM_DEVIATION: Final = 0.5
LCM_TIME_SCALE: Final = 10.0
ZERO_SNR_ALPHA: Final = 4.8973451890853435e-08
"""ᾱ of the last step of a zero-SNR table; exactly zero would make its sigma infinite."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DiscreteSampling(ModelSampling):
    """Timesteps are indexes of the table."""

    log_sigmas: Tensor
    """Rounded to fp32 after the logarithm: taken of the rounded table it would differ in the last bit."""

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
        if percent <= 0.0:
            return INFINITE_SIGMA
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor((1.0 - percent) * (TRAIN_STEPS - 1))))


def discrete_sampling(prediction: Prediction = "eps", *, is_zero_snr: bool = False) -> DiscreteSampling:
    """The scaled-linear table of Rombach et al. 2022: sigma 0.0292 … 14.61.

    With `is_zero_snr` it is stretched to end in pure noise (Lin et al. 2023, sigma max 4518.76).
    """
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1.0 - betas, dim=0)
    if is_zero_snr:
        alphas = _stretched_to_zero_snr(alphas)
    sigmas = ((1.0 - alphas) / alphas) ** 0.5
    return DiscreteSampling(sigmas.float(), prediction, log_sigmas=sigmas.log().float())


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class DistilledSampling(DiscreteSampling):
    """Latent consistency models (Luo et al. 2023): every 20th entry of the table they were distilled from."""

    stride: int

    def timestep(self, sigma: Tensor) -> Tensor:
        """Index in the original table; any shape, int64."""
        return super().timestep(sigma) * self.stride + self.stride - 1

    def sigma(self, timestep: Tensor) -> Tensor:
        return super().sigma((timestep.float() - (self.stride - 1)) / self.stride)

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        """Mixed with x near the end of the table, where the network was not trained to be exact."""
        time = self.timestep(sigma).to(x.device) * LCM_TIME_SCALE
        spread = time**2 + LCM_DEVIATION**2
        return time / spread**0.5 * super().denoised(x, sigma, output) + LCM_DEVIATION**2 / spread * x


def distilled_sampling(prediction: Prediction = "eps", *, is_zero_snr: bool = False) -> DistilledSampling:
    """The 50 entries of `discrete_sampling` that latent consistency models know."""
    original = discrete_sampling(prediction, is_zero_snr=is_zero_snr)
    stride = TRAIN_STEPS // DISTILLED_STEPS
    sigmas, log_sigmas = (table[stride - 1 :: stride] for table in (original.sigmas, original.log_sigmas))
    return DistilledSampling(sigmas, prediction, log_sigmas=log_sigmas, stride=stride)


def _stretched_to_zero_snr(alphas: Tensor) -> Tensor:
    roots = alphas.sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    stretched = ((roots - last) * first / (first - last)) ** 2
    stretched[-1] = ZERO_SNR_ALPHA
    return stretched
