"""What every sampler is: a loop over sigmas around one denoise call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling

OnStep: TypeAlias = Callable[[int, int, Tensor, Tensor], None]
"""`(step, steps, x, denoised)` after the step's first denoise call; `step` counts from 1. May raise to stop the run."""


class Denoise(Protocol):
    """A model with conditioning and guidance bound: `(x [batch, …], sigma [batch]) -> denoised`, sigma on the CPU."""

    @property
    def sampling(self) -> ModelSampling:
        """What its sigmas mean; most samplers need not know."""
        ...

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor: ...

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """`(denoised, denoised by the negative prompt alone)`, for CFG++ (Chung et al. 2024)."""
        ...


class Sampler(Protocol):
    """Walks `x` from `sigmas[0]` to `sigmas[-1]`.

    `x` is `[batch, …]` at noise level `sigmas[0]`; `sigmas` are fp32 on the CPU, at least two, falling.
    They stay on the CPU: a zero-dimensional CPU tensor multiplies a GPU tensor without a sync.
    """

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor: ...


def denoise_at(denoise: Denoise, x: Tensor, sigma: Tensor) -> Tensor:
    """Denoise a whole batch at one level."""
    return denoise(x, sigma.expand(x.shape[0]))


def both_at(denoise: Denoise, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Denoise a whole batch at one level, with guidance and by the negative prompt alone."""
    return denoise.both(x, sigma.expand(x.shape[0]))


def slope(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """dx/dσ of the probability flow ODE (Karras et al. 2022)."""
    return (x - denoised) / sigma
