"""Fresh noise: how much of it a stochastic sampler adds, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from studio_engine.sampling.model_sampling import ModelSampling


@dataclass(frozen=True)
class Sde:
    """Options of the stochastic samplers, named as in ComfyUI's nodes."""

    eta: float = 1.0
    """How much of the noise each step renews; 0 solves the flow without any fresh noise."""
    s_noise: float = 1.0
    """Factor on the fresh noise alone."""
    is_tree_on_device: bool = False
    """Draw Brownian noise where x lives: faster there, but other numbers than on the CPU."""


FULL: Final = Sde()
FLOW_ONLY: Final = Sde(eta=0.0)


@dataclass(frozen=True)
class Renewal:
    """One ancestral step: walk to `down`, multiply by `keep`, add `up` of fresh noise; that is the next level."""

    down: Tensor
    keep: Tensor
    up: Tensor


def renewal(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor, eta: float) -> Renewal:
    """For a flow, `down` lies below the next level by a share of the stride, and x is faded to make room."""
    if not sampling.is_flow:
        down, up = ancestral_split(sigma, sigma_next, eta)
        return Renewal(down, torch.ones_like(down), up)
    down = sigma_next * (1 + (sigma_next / sigma - 1) * eta)
    keep = (1 - sigma_next) / (1 - down)
    return Renewal(down, keep, (sigma_next**2 - (down * keep) ** 2).clamp(min=0) ** 0.5)


def ancestral_split(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """`(down, up)` with down² + up² = sigma_next²: the level to walk to, and the noise to add there."""
    if eta == 0:
        return sigma_next, torch.zeros_like(sigma_next)
    variance = sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2
    # From infinite sigma, a flow's start, the variance is inf / inf; all of the next level is fresh then.
    up = torch.fmin(sigma_next, eta * variance**0.5)
    return (sigma_next**2 - up**2) ** 0.5, up


@dataclass(frozen=True)
class Stride:
    """One step of first order: x is multiplied by `keep`, then come `gain` of denoised and `up` of fresh noise."""

    length: Tensor
    """In λ = log SNR / 2."""
    keep: Tensor
    gain: Tensor
    up: Tensor

    def walk(self, x: Tensor, denoised: Tensor) -> Tensor:
        return self.keep * x + self.gain * denoised


def exact_stride(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor, eta: float) -> Stride:
    """The reverse SDE solved for a constant denoised picture; `eta` 0 is the flow (Lu et al. 2022)."""
    length = sampling.log_snr(sigma_next) - sampling.log_snr(sigma)
    return Stride(
        length,
        sigma_next / sigma * (-length * eta).exp(),
        sampling.signal(sigma_next) * (-length * (eta + 1)).expm1().neg(),
        sigma_next * (-2 * length * eta).expm1().neg().sqrt(),
    )


def ancestral_stride(sampling: ModelSampling, sigma: Tensor, sigma_next: Tensor, eta: float) -> Stride:
    """The same for `eta` 0 and 1; between, `eta` is a share of the noise to renew instead of a speed."""
    here, there = sampling.log_snr(sigma), sampling.log_snr(sigma_next)
    down, up = ancestral_split((-here).exp(), (-there).exp(), eta)
    log_share = here + down.log()
    signal = sampling.signal(sigma_next)
    keep = signal / sampling.signal(sigma) * log_share.exp()
    return Stride(there - here, keep, -signal * log_share.expm1(), signal * up)
