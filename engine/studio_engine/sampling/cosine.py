"""Noise levels of the cosine schedule (Nichol & Dhariwal 2021), as Stable Cascade uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import INFINITE_SIGMA, ModelSampling, Prediction

TABLE: Final = 10_000
OFFSET: Final = 8e-3
"""Keeps the first levels from being too small to learn."""
ALPHA_LIMITS: Final = (0.0001, 0.9999)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CosineSampling(ModelSampling):
    """Timesteps are times, 0 … 1. `shift` above 1 means more noise, for bigger pictures (Hoogeboom et al. 2023)."""

    shift: float

    def timestep(self, sigma: Tensor) -> Tensor:
        """Without the shift, as in ComfyUI."""
        alpha = 1.0 / (sigma**2 + 1.0)
        return (alpha * _start()).sqrt().acos() / (math.pi / 2) * (1 + OFFSET) - OFFSET

    def sigma(self, timestep: Tensor) -> Tensor:
        return _sigma(timestep, self.shift)

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0.0:
            return INFINITE_SIGMA
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor(1.0 - percent)))


def cascade_sampling(shift: float = 2.0, prediction: Prediction = "eps") -> CosineSampling:
    """Stable Cascade: shift 2 in stage C, 1 in stage B."""
    return CosineSampling(_sigma(torch.arange(1, TABLE + 1) / TABLE, shift), prediction, shift=shift)


def _start() -> float:
    return math.cos(OFFSET / (1 + OFFSET) * math.pi / 2) ** 2


def _sigma(time: Tensor, shift: float) -> Tensor:
    alpha = ((time + OFFSET) / (1 + OFFSET) * math.pi / 2).cos() ** 2 / _start()
    if shift != 1.0:
        alpha = (alpha.logit() - 2 * math.log(shift)).sigmoid()
    alpha = alpha.clamp(*ALPHA_LIMITS)
    return ((1 - alpha) / alpha).sqrt()
