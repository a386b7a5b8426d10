"""Ancestral stepping: go lower than asked, then add fresh noise back up."""

from __future__ import annotations

import torch
from torch import Tensor


def ancestral_split(sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """`(down, up)` with down² + up² = sigma_next²: the level to walk to, and the noise to add there."""
    variance = sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2
    up = torch.minimum(sigma_next, eta * variance**0.5)
    return (sigma_next**2 - up**2) ** 0.5, up
