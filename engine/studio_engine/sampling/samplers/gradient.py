"""Gradient estimation (Permenter & Yuan 2024): Euler with the slope's change over the last step added once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from studio_engine.sampling.samplers.protocol import Denoise, OnStep, both_at, denoise_at, slope


@dataclass(frozen=True)
class GradientEstimation:
    """One call per step. First order: `gamma` fits the errors of real denoisers, not those of the integrator."""

    gamma: float = 2.0
    is_cfg_pp: bool = False

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        steps = len(sigmas) - 1
        previous: Tensor | None = None
        for i in range(steps):
            denoised, here = self._look(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            if sigmas[i + 1] == 0:
                return denoised
            stride = sigmas[i + 1] - sigmas[i]
            x = denoised + here * sigmas[i + 1] if self.is_cfg_pp else x + here * stride
            if previous is not None:
                x = x + (self.gamma - 1) * (here - previous) * stride
            previous = here
        return x

    def _look(self, denoise: Denoise, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided picture, and the slope by the one that noise is judged by."""
        if self.is_cfg_pp:
            denoised, without = both_at(denoise, x, sigma)
            return denoised, slope(x, sigma, without)
        denoised = denoise_at(denoise, x, sigma)
        return denoised, slope(x, sigma, denoised)


gradient_estimation: Final = GradientEstimation()
gradient_estimation_cfg_pp: Final = GradientEstimation(is_cfg_pp=True)
