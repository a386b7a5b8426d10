"""Extended reverse-time SDE (Cui et al. 2023): the SDE's noise strength is free; this one is tuned for pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at

Strength: TypeAlias = Callable[[Tensor], Tensor]
"""φ of noise over signal; φ(x) = x solves the flow, x² the reverse SDE."""

INTEGRATION_POINTS: Final = 200


def picture_strength(level: Tensor) -> Tensor:
    """The paper's ER-SDE 5: nearly a flow at low noise, ever more fresh noise above."""
    return level * ((level**0.3).exp() + 10.0)


def reverse_time_strength(eta: float) -> Strength:
    """That of the reverse SDE at `eta` 1; at 0 the flow is solved, without any fresh noise."""
    return lambda level: level ** (eta + 1)


@dataclass(frozen=True)
class ErSde:
    """Up to third order by earlier answers, one call per step."""

    strength: Strength = picture_strength
    s_noise: float = 1.0
    max_stage: int = 3

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise, sampling = step_noise(x, seed), denoise.sampling
        steps = len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        signals = sampling.signal(sigmas)
        levels = sigmas / signals
        answers: list[Tensor] = []
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            answers = [denoised, *answers][: self.max_stage]
            here, there = levels[i], levels[i + 1]
            keep = self.strength(there) / self.strength(here)
            target = (1 - keep) * denoised + self._bend(answers, levels[max(0, i - 2) : i + 2].flip(0))
            x = signals[i + 1] * (keep * (x / signals[i]) + target)
            fresh = (there**2 - here**2 * keep**2).sqrt().nan_to_num(nan=0.0)
            x = x + signals[i + 1] * noise() * self.s_noise * fresh
        return x

    def _bend(self, answers: list[Tensor], levels: Tensor) -> Tensor | float:
        """What the answers' change adds. `levels`: the next, then those of the answers, newest first."""
        if len(answers) < 2:
            return 0.0
        there, here = levels[0], levels[1]
        stride = there - here
        share = -stride / INTEGRATION_POINTS
        at = there + torch.arange(INTEGRATION_POINTS, dtype=levels.dtype) * share
        inverse = share / self.strength(at)
        slope = (answers[0] - answers[1]) / (here - levels[2])
        bend = (stride + inverse.sum() * self.strength(there)) * slope
        if len(answers) < 3:
            return bend
        earlier = (answers[1] - answers[2]) / (levels[2] - levels[3])
        curve = (slope - earlier) / ((here - levels[3]) / 2)
        return bend + (stride**2 / 2 + ((at - here) * inverse).sum() * self.strength(there)) * curve


er_sde: Final = ErSde()
