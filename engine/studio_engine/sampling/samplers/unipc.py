"""UniPC (Zhao et al. 2023): a predictor and a corrector that share their calls, up to order 3.

Written on the denoised picture and λ = −log σ, where x keeps unit signal at every level; the
paper's α then is 1 and its σ is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from studio_engine.sampling.samplers.protocol import Denoise, OnStep, Sampler, denoise_at

Variant: TypeAlias = Literal["bh1", "bh2"]

MAX_ORDER: Final = 3
END_SIGMA: Final = 0.001
"""A final 0 is walked to this level instead: at 0 the integrator's stride in λ is infinite."""


def _unipc(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, variant: Variant) -> Tensor:
    """One call per step; the last level is predicted without a call."""
    steps = len(sigmas) - 1
    levels = torch.cat([sigmas[:-1], sigmas[-1:].clamp(min=END_SIGMA)])
    lambdas = [-math.log(level) for level in levels.tolist()]
    max_order = max(1, min(MAX_ORDER, steps - 1))
    answers = [denoise_at(denoise, x, levels[0])]
    on_step(1, steps, x, answers[0])
    for i in range(1, steps + 1):
        order = min(max_order, i, steps + 1 - i)
        stride = _Stride(lambdas[i - order : i + 1], variant)
        carried = (levels[i] / levels[i - 1]) * x + stride.gain * answers[-1]
        slopes = stride.slopes(answers[-order:])
        x = carried + _weighted(slopes, stride.predictor())
        if i == steps:
            return x
        answer = denoise_at(denoise, x, levels[i])
        x = carried + _weighted([*slopes, answer - answers[-1]], stride.corrector())
        answers = [*answers[1 - MAX_ORDER :], answer]
        on_step(i + 1, steps, x, answer)
    return x


class _Stride:
    """The coefficients of one stride in λ, from `lambdas`: those of the used answers, oldest first, then its end."""

    def __init__(self, lambdas: Sequence[float], variant: Variant) -> None:
        *earlier, here, end = lambdas
        self.order = len(lambdas) - 1
        length = end - here
        self.gain = -math.expm1(-length)
        self.base = -length if variant == "bh1" else -self.gain
        self.ratios = [(each - here) / length for each in earlier]
        self.matrix = torch.tensor(
            [[ratio**power for ratio in (*self.ratios, 1.0)] for power in range(self.order)], dtype=torch.float64
        )
        self.moments = torch.tensor(_moments(-length, self.order), dtype=torch.float64) / self.base

    def slopes(self, answers: Sequence[Tensor]) -> list[Tensor]:
        """Differences of earlier answers from the newest, per share of the stride."""
        *earlier, here = answers
        return [(each - here) / ratio for each, ratio in zip(earlier, self.ratios, strict=True)]

    def predictor(self) -> list[float]:
        if self.order == 2:
            return self._scaled(torch.tensor([0.5]))
        return self._scaled(torch.linalg.solve(self.matrix[:-1, :-1], self.moments[:-1]))

    def corrector(self) -> list[float]:
        if self.order == 1:
            return self._scaled(torch.tensor([0.5]))
        return self._scaled(torch.linalg.solve(self.matrix, self.moments))

    def _scaled(self, weights: Tensor) -> list[float]:
        return [-self.base * float(weight) for weight in weights]


def _moments(h: float, count: int) -> list[float]:
    """k! · φ_{k+1}(h) · h for k = 1 … count, by the recurrence φ_{k+1} = (φ_k − 1/k!) / h."""
    phi, moments = math.expm1(h) / h, []
    for k in range(1, count + 1):
        phi = phi - 1 / math.factorial(k)
        moments.append(phi * math.factorial(k))
        phi = phi / h
    return moments


def _weighted(terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor | float:
    return sum((weight * term for weight, term in zip(weights, terms, strict=True)), start=0.0)


uni_pc: Final[Sampler] = partial(_unipc, variant="bh1")
uni_pc_bh2: Final[Sampler] = partial(_unipc, variant="bh2")
