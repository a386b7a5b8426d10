"""The walk that ancestral samplers share: move below the next level, then add fresh noise up to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at
from studio_engine.sampling.samplers.sde import FULL, Sde, renewal


class Move(Protocol):
    """x at the second of two levels, from x and the denoised picture at the first; the second may be 0."""

    def __call__(self, denoise: Denoise, x: Tensor, denoised: Tensor, stride: tuple[Tensor, Tensor], /) -> Tensor: ...


@dataclass(frozen=True)
class Ancestral:
    """A sampler; with `eta` 0 it adds no noise."""

    move: Move
    sde: Sde = FULL

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise = step_noise(x, seed)
        steps = len(sigmas) - 1
        for i in range(steps):
            denoised = denoise_at(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            step = renewal(denoise.sampling, sigmas[i], sigmas[i + 1], self.sde.eta)
            x = self.move(denoise, x, denoised, (sigmas[i], step.down))
            if step.down > 0:
                x = step.keep * x + noise() * self.sde.s_noise * step.up
        return x
