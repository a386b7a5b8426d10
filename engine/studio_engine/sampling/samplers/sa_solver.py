"""SA-Solver (Xue et al. 2023): a stochastic Adams predictor and corrector, in λ = log SNR / 2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.noise import StepNoise, step_noise
from studio_engine.sampling.samplers.interpolation import Floats, adams_weights
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import exact_stride


@dataclass(frozen=True)
class SaSolver:
    """One call per step; with `is_pece` a second one, of the corrected x, from the second step on.

    Fresh noise comes in only while sigma is inside a part of the training steps; outside, the flow is solved.
    """

    eta: float = 1.0
    s_noise: float = 1.0
    percents: tuple[float, float] = (0.2, 0.8)
    predictor_order: int = 3
    corrector_order: int = 4
    is_pece: bool = False
    is_simple: bool = False
    """Two answers are weighed by the trapezoidal rule instead of exactly."""

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        draw, sampling = step_noise(x, seed), denoise.sampling
        steps, is_to_zero = len(sigmas) - 1, bool(sigmas[-1] == 0)
        sigmas = sampling.with_finite_snr(sigmas)
        lambdas = sampling.log_snr(sigmas).tolist()
        answers: list[Tensor] = []
        arrival: _Stride | None = None
        predicted = x
        for i in range(steps):
            answers = [denoise_at(denoise, predicted, sigmas[i]), *answers][
                : max(self.predictor_order, self.corrector_order)
            ]
            on_step(i + 1, steps, predicted, answers[0])
            is_last = bool(sigmas[i + 1] == 0)
            # Lower orders near the end keep the walk to sigma 0 stable.
            left = steps - 1 - i if is_to_zero else steps
            corrector_order = min(self.corrector_order, left + 1)
            x = predicted
            if arrival is not None and corrector_order and (self.is_pece or not is_last):
                x = arrival.walk(answers[:corrector_order], lambdas[: i + 1])
                if self.is_pece:
                    answers[0] = denoise_at(denoise, x, sigmas[i])
            if is_last:
                return answers[0]
            arrival = self._stride(sampling, x, sigmas[i : i + 2], draw)
            predicted = arrival.walk(answers[: min(self.predictor_order, left)], lambdas[: i + 1])
        return predicted

    def _stride(self, sampling: ModelSampling, x: Tensor, sigmas: Tensor, draw: StepNoise) -> _Stride:
        start, end = (sampling.percent_to_sigma(percent) for percent in self.percents)
        tau = self.eta if start >= float(sigmas[1]) >= end else 0.0
        stride = exact_stride(sampling, sigmas[0], sigmas[1], tau**2)
        carried = stride.keep * x
        if tau > 0:
            carried = carried + draw() * stride.up * self.s_noise
        span = (float(sampling.log_snr(sigmas[0])), float(sampling.log_snr(sigmas[1])))
        return _Stride(carried, span, 1 + tau**2, float(sampling.signal(sigmas[1])), self.is_simple)


@dataclass(frozen=True)
class _Stride:
    """A stride of which all is known but the denoised pictures along it; predictor and corrector share its noise."""

    carried: Tensor
    """x, kept and with fresh noise, at the end."""
    span: tuple[float, float]
    speed: float
    signal: float
    is_simple: bool

    def walk(self, answers: Sequence[Tensor], lambdas: Sequence[float]) -> Tensor:
        """x at the end, by the polynomial through the answers, newest first. `lambdas`: all so far, oldest first."""
        knots = lambdas[: -len(answers) - 1 : -1]
        x = self.carried
        for weight, answer in zip(self._weights(knots), answers, strict=True):
            x = x + self.signal * weight * answer
        return x

    def _weights(self, knots: Sequence[float]) -> list[float]:
        """Of the answers at these levels, newest first."""
        if not self.is_simple or len(knots) != 2:
            return adams_weights(knots, *self.span, self._density)
        start, end = self.span
        length = end - start
        total = -math.expm1(-length * self.speed)
        # The newest answer lies at the stride's end where this corrects, at its start where it predicts.
        is_correction = knots[0] > (start + end) / 2
        older = total - self.speed * length / 2 if is_correction else self.speed * length**2 / 2 / (knots[1] - start)
        return [total - older, older]

    def _density(self, at: Floats) -> Floats:
        return self.speed * np.exp(-self.speed * (self.span[1] - at))


sa_solver: Final = SaSolver()
sa_solver_pece: Final = SaSolver(is_pece=True)
