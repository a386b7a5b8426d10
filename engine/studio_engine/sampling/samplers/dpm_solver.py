"""DPM-Solver (Lu et al. 2022): exponential integrators of the noise, in t = −log σ.

Both samplers end at the run's last sigma above zero, with that much noise left, as in ComfyUI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.noise import StepNoise, step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope
from studio_engine.sampling.samplers.sde import FLOW_ONLY, Sde, ancestral_split

MIDDLE: Final = 1 / 2
THIRDS: Final = (1 / 3, 2 / 3)
TIME_TOLERANCE: Final = 1e-5
MAX_ATTEMPTS: Final = 10_000
"""Strides that `dpm_adaptive` tries before it gives up; a usual run takes 10 to 40."""


def dpm_fast(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FLOW_ONLY
) -> Tensor:
    """Third-order steps even in t, with as many calls as the run has sigmas above zero; reports fewer steps."""
    start, end = _times(sigmas)
    orders = _orders(len(sigmas) - 1)
    times = torch.linspace(float(start), float(end), len(orders) + 1, dtype=start.dtype)
    draw = step_noise(x, seed)
    for i, order in enumerate(orders):
        here = _noise_at(denoise, x, times[i])
        on_step(i + 1, len(orders), x, x - _sigma(times[i]) * here)
        down, up = _renewal(times[i], times[i + 1], end, sde.eta)
        x = _with_noise(_step(denoise, x, Span(times[i], down), here, order), up, draw, sde)
    return x


def _orders(calls: int) -> list[int]:
    """Steps of order 3 as far as they go, then what is left of the calls."""
    threes, left = divmod(calls, 3)
    return [3] * (threes - 1) + [2, 1] if left == 0 else [3] * threes + [left]


@dataclass(frozen=True)
class DpmAdaptive:
    """DPM-Solver-23 or -12 with strides sized so that the embedded error estimate stays below tolerance.

    The number of steps is the method's own choice; the run's sigmas give only first and last, and the scale on
    which progress is reported. Options as in ComfyUI's SamplerDPMAdaptative.
    """

    order: int = 3
    rtol: float = 0.05
    atol: float = 0.0078
    h_init: float = 0.05
    pcoeff: float = 0.0
    icoeff: float = 1.0
    dcoeff: float = 0.0
    accept_safety: float = 0.81
    sde: Sde = FLOW_ONLY

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        steps = len(sigmas) - 1
        time, end = _times(sigmas)
        length = float(end - time)
        controller = _StrideController(self)
        draw, previous = step_noise(x, seed), x
        for _ in range(MAX_ATTEMPTS):
            if time >= end - TIME_TOLERANCE:
                return x
            ahead = torch.minimum(end, time + controller.stride)
            if not torch.isfinite(ahead):
                # The estimated error was no number, and so is the stride that follows from it.
                raise EngineError("engine.non_finite")
            down, up = _renewal(time, ahead, end, self.sde.eta)
            here = _noise_at(denoise, x, time)
            step = 1 + int((steps - 1) * (1 - float(end - time) / length))
            on_step(step, steps, x, x - _sigma(time) * here)
            low, high = self._pair(denoise, x, Span(time, down), here)
            if controller.accepts(self._error(low, high, previous)):
                previous, time = low, ahead
                x = _with_noise(high, up, draw, self.sde)
        raise EngineError("engine.non_finite")

    def _pair(self, denoise: Denoise, x: Tensor, span: Span, here: Tensor) -> tuple[Tensor, Tensor]:
        """The stride by the method and by one of an order less, from the same calls."""
        if self.order == 2:
            return _first(x, span, here), _second(denoise, x, span, here)
        third = _look(denoise, x, span, here)
        return _second_from(x, span, (here, third), THIRDS[0]), _third_from(denoise, x, span, (here, third))

    def _error(self, low: Tensor, high: Tensor, previous: Tensor) -> float:
        scale = torch.maximum(torch.tensor(self.atol), self.rtol * torch.maximum(low.abs(), previous.abs()))
        return float(torch.linalg.norm((low - high) / scale) / low.numel() ** 0.5)


class _StrideController:
    """A PID controller (Söderlind 2003) of the stride in t."""

    def __init__(self, options: DpmAdaptive) -> None:
        order = 1.5 if options.sde.eta else options.order
        p, i, d = options.pcoeff, options.icoeff, options.dcoeff
        self.stride = options.h_init
        self._exponents = ((p + i + d) / order, -(p + 2 * d) / order, d / order)
        self._safety = options.accept_safety
        self._accepted: tuple[float, float] | None = None

    def accepts(self, error: float) -> bool:
        """Whether the stride's error is small enough; sizes the next stride. Raises `engine.non_finite`."""
        if not math.isfinite(error):
            raise EngineError("engine.non_finite")
        inverse = 1.0 / (error + 1e-8)
        last, last_but_one = self._accepted or (inverse, inverse)
        p, i, d = self._exponents
        growth = 1 + math.atan(inverse**p * last**i * last_but_one**d - 1)
        self.stride *= growth
        is_accepted = growth >= self._safety
        self._accepted = (inverse, last) if is_accepted else (last, last_but_one)
        return is_accepted


@dataclass(frozen=True)
class Span:
    """A stride in t."""

    start: Tensor
    end: Tensor

    @property
    def length(self) -> Tensor:
        return self.end - self.start

    def at(self, share: float) -> Tensor:
        return self.start + share * self.length


def _times(sigmas: Tensor) -> tuple[Tensor, Tensor]:
    """Of the first sigma and of the last one above 0. Raises `engine.node_failed` where more than the last are 0."""
    last = sigmas[-1] if sigmas[-1] > 0 else sigmas[-2]
    if min(sigmas[0], last) <= 0:
        raise EngineError(
            "engine.node_failed", "This sampler needs sigmas above 0 except for the last; choose another scheduler."
        )
    return -sigmas[0].log(), -last.log()


def _sigma(time: Tensor) -> Tensor:
    return (-time).exp()


def _noise_at(denoise: Denoise, x: Tensor, time: Tensor) -> Tensor:
    """The noise expected in x at time t."""
    return slope(x, _sigma(time), denoise_at(denoise, x, _sigma(time)))


def _renewal(start: Tensor, ahead: Tensor, end: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """`(time to walk to, noise to add there)` to be at `ahead` in the end; never beyond the run's end."""
    if eta == 0:
        return ahead, torch.zeros_like(ahead)
    down, _ = ancestral_split(_sigma(start), _sigma(ahead), eta)
    lower = torch.minimum(end, -down.log())
    return lower, (_sigma(ahead) ** 2 - _sigma(lower) ** 2) ** 0.5


def _with_noise(x: Tensor, up: Tensor, draw: StepNoise, sde: Sde) -> Tensor:
    return x + up * sde.s_noise * draw() if up > 0 else x


def _step(denoise: Denoise, x: Tensor, span: Span, here: Tensor, order: int) -> Tensor:
    if order == 1:
        return _first(x, span, here)
    if order == 2:
        return _second(denoise, x, span, here)
    return _third_from(denoise, x, span, (here, _look(denoise, x, span, here)))


def _first(x: Tensor, span: Span, here: Tensor) -> Tensor:
    return x - _sigma(span.end) * span.length.expm1() * here


def _look(denoise: Denoise, x: Tensor, span: Span, here: Tensor) -> Tensor:
    """The noise a third of the way along."""
    middle = span.at(THIRDS[0])
    return _noise_at(denoise, _first(x, Span(span.start, middle), here), middle)


def _second(denoise: Denoise, x: Tensor, span: Span, here: Tensor) -> Tensor:
    middle = span.at(MIDDLE)
    there = _noise_at(denoise, _first(x, Span(span.start, middle), here), middle)
    return _second_from(x, span, (here, there), MIDDLE)


def _second_from(x: Tensor, span: Span, noises: tuple[Tensor, Tensor], share: float) -> Tensor:
    """Second order from the noise at the start and at a share of the stride."""
    here, there = noises
    bend = _sigma(span.end) / (2 * share) * span.length.expm1()
    return _first(x, span, here) - bend * (there - here)


def _third_from(denoise: Denoise, x: Tensor, span: Span, noises: tuple[Tensor, Tensor]) -> Tensor:
    """Third order from the noise at the start and at a third, with one more call at two thirds."""
    here, there = noises
    late = Span(span.start, span.at(THIRDS[1]))
    bend = _sigma(late.end) * (THIRDS[1] / THIRDS[0]) * (late.length.expm1() / late.length - 1)
    later = _noise_at(denoise, _first(x, late, here) - bend * (there - here), late.end)
    bend = _sigma(span.end) / THIRDS[1] * (span.length.expm1() / span.length - 1)
    return _first(x, span, here) - bend * (later - here)


dpm_adaptive: Final = DpmAdaptive()
