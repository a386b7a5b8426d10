"""DPM-Solver++ of the reverse SDE (Lu et al. 2022), in λ = log SNR / 2. The noise is one path of Brownian motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from torch import Tensor

from studio_engine.sampling.noise import brownian_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import FULL, Sde, ancestral_stride, exact_stride

Correction: TypeAlias = Literal["midpoint", "heun"]

MIDPOINT: Final = 0.5
"""Where, between two steps in λ, the second call of `dpmpp_sde` lies."""


@dataclass(frozen=True)
class DpmppSde:
    """Second order by a call between the steps, fresh noise at both; two calls per step but for the last."""

    sde: Sde = FULL
    r: float = MIDPOINT

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise = brownian_noise(x, sigmas, seed, is_on_device=self.sde.is_tree_on_device)
        sampling, steps = denoise.sampling, len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        weight = 1 / (2 * self.r)
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            here, there = sampling.log_snr(sigmas[i]), sampling.log_snr(sigmas[i + 1])
            between = sampling.sigma_of_log_snr(here + self.r * (there - here))
            stride = ancestral_stride(sampling, sigmas[i], between, self.sde.eta)
            halfway = stride.walk(x, denoised)
            if self.sde.eta > 0:
                halfway = halfway + noise(sigmas[i], between) * self.sde.s_noise * stride.up
            target = (1 - weight) * denoised + weight * denoise_at(denoise, halfway, between)
            stride = ancestral_stride(sampling, sigmas[i], sigmas[i + 1], self.sde.eta)
            x = stride.walk(x, target)
            if self.sde.eta > 0:
                x = x + noise(sigmas[i], sigmas[i + 1]) * self.sde.s_noise * stride.up
        return x


@dataclass(frozen=True)
class Dpmpp2mSde:
    """Second order by the previous step's answer, one call per step."""

    sde: Sde = FULL
    correction: Correction = "midpoint"

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise = brownian_noise(x, sigmas, seed, is_on_device=self.sde.is_tree_on_device)
        sampling, steps = denoise.sampling, len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        previous: Tensor | None = None
        length = sigmas.new_zeros(())
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            stride = exact_stride(sampling, sigmas[i], sigmas[i + 1], self.sde.eta)
            x = stride.walk(x, denoised)
            if previous is not None:
                per_stride = stride.length / length * (denoised - previous)
                speed = (1 + self.sde.eta) * stride.length
                heun = sampling.signal(sigmas[i + 1]) + stride.gain / -speed
                x = x + (heun if self.correction == "heun" else 0.5 * stride.gain) * per_stride
            if self.sde.eta > 0:
                x = x + noise(sigmas[i], sigmas[i + 1]) * stride.up * self.sde.s_noise
            previous, length = denoised, stride.length
        return x


@dataclass(frozen=True)
class Dpmpp3mSde:
    """By the previous two answers, one call per step.

    Of second order all the same: the published method gives the answers' curve half of the weight it needs.
    """

    sde: Sde = FULL

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise = brownian_noise(x, sigmas, seed, is_on_device=self.sde.is_tree_on_device)
        sampling, steps = denoise.sampling, len(sigmas) - 1
        sigmas = sampling.with_finite_snr(sigmas)
        answers: list[Tensor] = []
        lengths: list[Tensor] = []
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            stride = exact_stride(sampling, sigmas[i], sigmas[i + 1], self.sde.eta)
            answers, lengths = [denoised, *answers][:3], [stride.length, *lengths][:3]
            speed = (1 + self.sde.eta) * stride.length
            x = stride.walk(x, denoised) + sampling.signal(sigmas[i + 1]) * _bend(answers, lengths, speed)
            if self.sde.eta > 0:
                x = x + noise(sigmas[i], sigmas[i + 1]) * stride.up * self.sde.s_noise
        return x


def _bend(answers: list[Tensor], lengths: list[Tensor], speed: Tensor) -> Tensor | float:
    """What the answers' change adds over the newest stride. `answers` and `lengths`: newest first, 1 to 3."""
    if len(answers) == 1:
        return 0.0
    phi_2 = (-speed).expm1() / speed + 1
    last = lengths[1] / lengths[0]
    slope = (answers[0] - answers[1]) / last
    if len(answers) == 2:
        return phi_2 * slope
    last_but_one = lengths[2] / lengths[0]
    curve = (slope - (answers[1] - answers[2]) / last_but_one) / (last + last_but_one)
    phi_3 = phi_2 / speed - 0.5
    return phi_2 * (slope + curve * last) - phi_3 * curve
