"""Second order by a call at the geometric middle of the stride (after DPM-Solver-2, Lu et al. 2022)."""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.samplers.ancestral import Ancestral
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, denoise_at, slope
from studio_engine.sampling.samplers.sde import FULL, Sde


def dpm_2(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Two calls per step but for the last."""
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised = denoise_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        x = _through_middle(denoise, x, denoised, (sigmas[i], sigmas[i + 1]))
    return x


def dpm_2_ancestral(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """`dpm_2` with fresh noise at every step; `eta` 0 is plain `dpm_2`."""
    return Ancestral(_through_middle, sde)(denoise, x, sigmas, seed=seed, on_step=on_step)


def _through_middle(denoise: Denoise, x: Tensor, denoised: Tensor, stride: tuple[Tensor, Tensor]) -> Tensor:
    sigma, sigma_next = stride
    here = slope(x, sigma, denoised)
    if sigma_next == 0:
        return x + here * (sigma_next - sigma)
    middle = sigma.log().lerp(sigma_next.log(), 0.5).exp()
    halfway = x + here * (middle - sigma)
    there = slope(halfway, middle, denoise_at(denoise, halfway, middle))
    return x + there * (sigma_next - sigma)
