"""What a model's noise levels are, and what its network's output means at each of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

Prediction: TypeAlias = Literal["eps", "v", "edm", "x0", "img_to_img", "flow"]
"""What the network's output means: the noise, the velocity of Salimans & Ho 2022, the residual of Karras et al.
2022, the clean picture (from x scaled, or as it is), or noise minus picture (Lipman et al. 2023)."""

INFINITE_SIGMA: Final = 999_999_999.9
"""What percent 0 means: above every sigma, so that a range from the start holds all steps."""
NEARLY_TOP: Final = 1e-4
"""Share of the training steps by which a start in pure noise is lowered where its log SNR would be −∞."""


@dataclass(frozen=True, eq=False, repr=False)
class ModelSampling(ABC):
    """The table of sigmas, rising, fp32 on the CPU, and how the network's output is read.

    All predictions but `flow` are of x = clean + sigma · noise; `flow` is of x = (1 − sigma) · clean + sigma · noise.
    """

    sigmas: Tensor
    prediction: Prediction
    data_deviation: float = 1.0
    """Deviation of the data that input and output were scaled for in training (0.5 in Playground v2.5)."""

    @abstractmethod
    def timestep(self, sigma: Tensor) -> Tensor:
        """What the network is told of sigma; any shape."""

    @abstractmethod
    def sigma(self, timestep: Tensor) -> Tensor:
        """Sigma at a fractional timestep; any shape."""

    @abstractmethod
    def percent_to_sigma(self, percent: float) -> float:
        """Sigma after this share (0…1) of the training steps, counted from pure noise."""

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    @property
    def is_flow(self) -> bool:
        return self.prediction == "flow"

    def scaled_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """What the network sees of x: unit variance at any sigma. Divided, for the last bit to equal ComfyUI's."""
        if self.prediction in ("flow", "img_to_img"):
            return x
        return x / (sigma**2 + self.data_deviation**2) ** 0.5

    def denoised(self, x: Tensor, sigma: Tensor, output: Tensor) -> Tensor:
        """Clean latents from the network's output; `sigma` must broadcast against `x`."""
        if self.prediction in ("eps", "flow"):
            return x - output * sigma
        if self.prediction in ("x0", "img_to_img"):
            return output
        variance = sigma**2 + self.data_deviation**2
        kept = x * self.data_deviation**2 / variance
        change = output * sigma * self.data_deviation / variance**0.5
        return kept - change if self.prediction == "v" else kept + change

    def add_noise(self, latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
        """Latents at the first sigma. From the table's top on, the noise is scaled as if no data shone through."""
        level = torch.tensor(sigma, dtype=noise.dtype)
        if self.is_flow:
            return level * noise + (1.0 - level) * latent
        is_pure_noise = sigma > self.sigma_max or math.isclose(sigma, self.sigma_max, rel_tol=1e-5)
        return noise * ((1.0 + level**2).sqrt() if is_pure_noise else level) + latent

    def noised(self, latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
        """Latents halfway through a run, at a level that they reach with the data still in them."""
        return sigma * noise + self.signal(sigma) * latent

    def finished(self, x: Tensor, sigma: float) -> Tensor:
        """Latents from x at the last sigma: a flow's picture is faint while noise is left."""
        return x / (1.0 - sigma) if self.is_flow else x

    def signal(self, sigma: Tensor) -> Tensor:
        """How much of the clean picture is in x at this level."""
        return 1.0 - sigma if self.is_flow else torch.ones_like(sigma)

    def log_snr(self, sigma: Tensor) -> Tensor:
        """λ = log(signal / sigma): half of the log signal-to-noise ratio."""
        return -sigma.logit() if self.is_flow else -sigma.log()

    def sigma_of_log_snr(self, log_snr: Tensor) -> Tensor:
        return (-log_snr).sigmoid() if self.is_flow else (-log_snr).exp()

    def with_finite_snr(self, sigmas: Tensor) -> Tensor:
        """The run's sigmas; a flow's start in pure noise, without any signal, is lowered a little."""
        if not self.is_flow or sigmas[0] < 1:
            return sigmas
        return torch.cat([sigmas.new_tensor([self.percent_to_sigma(NEARLY_TOP)]), sigmas[1:]])
