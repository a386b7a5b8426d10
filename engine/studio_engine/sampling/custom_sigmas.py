"""Sigmas made by hand: schedules between given levels, and edits of schedules. All fp32 on the CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from studio_engine.sampling.flow import ExponentialShift
from studio_engine.sampling.model_sampling import ModelSampling

Spacing: TypeAlias = Literal["linear", "cosine", "sine"]

FLIPPED_ZERO: Final = 1e-4
"""A flipped run starts here instead of at 0, where no slope is known."""
LTXV_TOKENS: Final = (1024, 4096)
TURBO_STRIDE: Final = 100
TURBO_STEPS: Final = 10


@dataclass(frozen=True)
class Levels:
    """The first and the last sigma above zero of a run; `low` > 0."""

    low: float
    high: float


def karras_sigmas(steps: int, levels: Levels, rho: float = 7.0) -> Tensor:
    """Karras et al. 2022, equation 5; then 0."""
    ramp = torch.linspace(0, 1, steps)
    low, high = levels.low ** (1 / rho), levels.high ** (1 / rho)
    return ending_in_zero((high + ramp * (low - high)) ** rho)


def exponential_sigmas(steps: int, levels: Levels) -> Tensor:
    """Even in log sigma; then 0."""
    return ending_in_zero(torch.linspace(math.log(levels.high), math.log(levels.low), steps).exp())


def polyexponential_sigmas(steps: int, levels: Levels, rho: float = 1.0) -> Tensor:
    """Log sigma falls as a power of the step; then 0."""
    low, high = math.log(levels.low), math.log(levels.high)
    return ending_in_zero((torch.linspace(1, 0, steps) ** rho * (high - low) + low).exp())


def laplace_sigmas(steps: int, levels: Levels, *, mu: float = 0.0, beta: float = 0.5) -> Tensor:
    """Hang et al. 2024: log sigma is spread as a Laplace distribution around `mu`. Does not end in 0."""
    offset = 0.5 - torch.linspace(0, 1, steps)
    spread = torch.sign(offset) * torch.log(1 - 2 * offset.abs() + 1e-5)
    return (mu - beta * spread).exp().clamp(levels.low, levels.high)


def vp_sigmas(steps: int, *, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 1e-3) -> Tensor:
    """Even in the time of a VP process (Song et al. 2021), from 1 to `eps_s`; then 0."""
    time = torch.linspace(1, eps_s, steps)
    return ending_in_zero(((beta_d * time**2 / 2 + beta_min * time).exp() - 1).sqrt())


def sd_turbo_sigmas(model: ModelSampling, steps: int, denoise: float = 1.0) -> Tensor:
    """The ten timesteps that turbo models were distilled at; `denoise` skips the first of them."""
    timesteps = torch.arange(TURBO_STEPS, 0, -1) * TURBO_STRIDE - 1
    skipped = TURBO_STEPS - int(TURBO_STEPS * denoise)
    return ending_in_zero(model.sigma(timesteps[skipped : skipped + steps]))


@dataclass(frozen=True)
class LtxvShift:
    """The exponent mu of a flow's shift, linear in the tokens: `base` at 1024 of them, `top` at 4096."""

    base: float
    top: float

    def at(self, tokens: int) -> float:
        few, many = LTXV_TOKENS
        rise = (self.top - self.base) / (many - few)
        return tokens * rise + self.base - rise * few


def ltxv_sigmas(steps: int, mu: float, *, terminal: float | None) -> Tensor:
    """LTX-Video's flow: even times, shifted by `mu`; stretched so that the last level above zero is `terminal`."""
    sigmas = ExponentialShift(mu)(torch.linspace(1.0, 0.0, steps + 1)[:-1])
    removed = 1.0 - sigmas
    # A run of one step has nothing but its start.
    if terminal is not None and steps > 1:
        sigmas = 1.0 - removed / (removed[-1] / (1.0 - terminal))
    return ending_in_zero(sigmas)


def split_at_step(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """A run in two: up to `step`, and from there on."""
    return sigmas[: step + 1], sigmas[step:]


def split_by_denoise(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """A run in two, so that the second holds this share of the steps."""
    steps = max(len(sigmas) - 1, 0)
    return split_at_step(sigmas, steps - round(steps * denoise))


def flipped(sigmas: Tensor) -> Tensor:
    """A run backwards, from picture to noise."""
    turned = sigmas.flip(0)
    if len(turned) and turned[0] == 0:
        return torch.cat([turned.new_tensor([FLIPPED_ZERO]), turned[1:]])
    return turned


def with_first(sigmas: Tensor, sigma: float) -> Tensor:
    """The same run from another level."""
    return torch.cat([sigmas.new_tensor([sigma]), sigmas[1:]]) if len(sigmas) else sigmas


def extended(sigmas: Tensor, steps: int, *, within: Levels, spacing: Spacing = "linear") -> Tensor:
    """Every stride that begins within these levels is walked in `steps` strides."""
    ramp = torch.linspace(0, 1, steps + 1)[1:-1]
    shares = {"linear": ramp, "cosine": (ramp * math.pi / 2).sin(), "sine": 1 - (ramp * math.pi / 2).cos()}[spacing]
    parts = []
    for sigma, sigma_next in pairwise(sigmas):
        parts.append(sigma.view(1))
        if within.low <= sigma <= within.high:
            parts.append(sigma + shares * (sigma_next - sigma))
    return torch.cat([*parts, sigmas[-1:]])


def ending_in_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])
