"""Pictures whose every value is Gaussian: the one case where the perfect denoiser is known in closed form."""

import torch
from torch import Tensor

MEAN, DEVIATION = 0.7, 0.5


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """Posterior mean of the clean value behind x."""
    variance = (sigma**2).view(-1, *[1] * (x.dim() - 1))
    return (DEVIATION**2 * x + variance * MEAN) / (DEVIATION**2 + variance)


def flow(x: Tensor, sigma: Tensor, sigma_end: Tensor) -> Tensor:
    """Exact solution of the probability flow ODE."""
    return MEAN + (x - MEAN) * ((DEVIATION**2 + sigma_end**2) / (DEVIATION**2 + sigma**2)).sqrt()


def noisy(count: int, sigma: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    unit = torch.randn(2, count, generator=generator, dtype=dtype)
    return MEAN + (DEVIATION**2 + sigma**2).sqrt() * unit
