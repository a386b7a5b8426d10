"""Noise levels of models trained on a continuous range (Karras et al. 2022): SVD, Playground v2.5."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import INFINITE_SIGMA, ModelSampling, Prediction

TABLE: Final = 1000
SVD_RANGE: Final = (0.002, 700.0)


@dataclass(frozen=True, eq=False, repr=False)
class ContinuousSampling(ModelSampling):
    """The table is even in log sigma. Timesteps are a quarter of log sigma."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return 0.25 * sigma.log()

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep / 0.25).exp()

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0.0:
            return INFINITE_SIGMA
        if percent >= 1.0:
            return 0.0
        low, high = math.log(self.sigma_min), math.log(self.sigma_max)
        return math.exp((high - low) * (1.0 - percent) + low)


@dataclass(frozen=True, eq=False, repr=False)
class AngularSampling(ContinuousSampling):
    """Timesteps are angles between picture and noise, as shares of a right angle (Salimans & Ho 2022)."""

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma.atan() / math.pi * 2

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep * (math.pi / 2)).tan()


def continuous_sampling(
    prediction: Prediction = "v", sigma_range: tuple[float, float] = SVD_RANGE, *, data_deviation: float = 1.0
) -> ContinuousSampling:
    return ContinuousSampling(_table(sigma_range), prediction, data_deviation)


def angular_sampling(sigma_range: tuple[float, float]) -> AngularSampling:
    """Of a model that predicts the velocity."""
    return AngularSampling(_table(sigma_range), "v")


def _table(sigma_range: tuple[float, float]) -> Tensor:
    low, high = sigma_range
    return torch.linspace(math.log(low), math.log(high), TABLE).exp()
