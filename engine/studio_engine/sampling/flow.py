"""Noise levels of flow matching models, whose x goes straight from noise (sigma 1) to picture (sigma 0)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling

Time = TypeVar("Time", float, Tensor)

SD3_SHIFT: Final = 3.0
SD3_TABLE: Final = 1000
FLUX_SHIFT: Final = 1.15
FLUX_TABLE: Final = 10_000
FLUX_TOKENS: Final = (256, 4096)
"""Tokens of the pictures that Flux's base and max shift are meant for: 256² and 1024² pixels."""


@dataclass(frozen=True)
class RatioShift:
    """Esser et al. 2024: bigger pictures need more noise; noise-to-signal is multiplied by `shift`."""

    shift: float

    def __call__(self, time: Time) -> Time:
        return self.shift * time / (1 + (self.shift - 1) * time)


@dataclass(frozen=True)
class ExponentialShift:
    """The same with shift = exp(mu), as Flux writes it."""

    mu: float

    def __call__(self, time: Time) -> Time:
        return math.exp(self.mu) / (math.exp(self.mu) + (1 / time - 1))


Shift: TypeAlias = RatioShift | ExponentialShift


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FlowSampling(ModelSampling):
    """Timesteps are sigma times `multiplier`. Sigma at a timestep is shifted; the way back is not, as in ComfyUI."""

    shift: Shift
    multiplier: float

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        return self.shift(timestep / self.multiplier)

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0.0:
            return 1.0
        if percent >= 1.0:
            return 0.0
        return self.shift(1.0 - percent)


def sd3_sampling(shift: float = SD3_SHIFT, *, multiplier: float = 1000.0) -> FlowSampling:
    """Stable Diffusion 3 and 3.5."""
    return _flow_sampling(RatioShift(shift), SD3_TABLE, multiplier)


def schnell_sampling() -> FlowSampling:
    """Flux schnell: no shift, timesteps are sigmas."""
    return sd3_sampling(1.0, multiplier=1.0)


def flux_sampling(shift: float = FLUX_SHIFT) -> FlowSampling:
    """Flux dev. `shift` is the exponent mu; `flux_shift` gives the one for a picture's size."""
    return _flow_sampling(ExponentialShift(shift), FLUX_TABLE, 1.0)


def flux_shift(width: int, height: int, *, base: float = 0.5, top: float = FLUX_SHIFT) -> float:
    """Linear in the tokens, of 16 × 16 pixels each: `base` at 256² pixels, `top` at 1024²."""
    few, many = FLUX_TOKENS
    rise = (top - base) / (many - few)
    return width * height / (8 * 8 * 2 * 2) * rise + base - rise * few


def _flow_sampling(shift: Shift, entries: int, multiplier: float) -> FlowSampling:
    times = torch.arange(1, entries + 1) / entries * multiplier
    return FlowSampling(shift(times / multiplier), "flow", shift=shift, multiplier=multiplier)
