"""Pictures whose every value is Gaussian: the one case where the perfect denoiser is known in closed form."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model_sampling import ModelSampling

MEAN, DEVIATION = 0.7, 0.5


@dataclass(frozen=True)
class Exact:
    """A `Denoise` that knows the pictures' distribution; the negative prompt's have another mean."""

    sampling: ModelSampling = field(default_factory=discrete_sampling)
    negative_mean: float = MEAN

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self._posterior_mean(x, sigma, MEAN)

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self._posterior_mean(x, sigma, self.negative_mean)

    def _posterior_mean(self, x: Tensor, sigma: Tensor, mean: float) -> Tensor:
        level = sigma.view(-1, *[1] * (x.dim() - 1))
        signal = self.sampling.signal(level)
        gain = DEVIATION**2 * signal / (DEVIATION**2 * signal**2 + level**2)
        return mean + gain * (x - signal * mean)


@dataclass(frozen=True)
class Watched:
    """A `Denoise` that tells the level of every call."""

    calls: list = field(default_factory=list)
    inner: Exact = field(default_factory=Exact)

    @property
    def sampling(self) -> ModelSampling:
        return self.inner.sampling

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.both(x, sigma)[0]

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.append((x, sigma[0]))
        return self.inner.both(x, sigma)


denoise = Exact()


def spread(sigma: Tensor, sampling: ModelSampling = denoise.sampling) -> Tensor:
    """Deviation of x at this level."""
    return (DEVIATION**2 * sampling.signal(sigma) ** 2 + sigma**2).sqrt()


def flow(x: Tensor, sigma: Tensor, sigma_end: Tensor, sampling: ModelSampling = denoise.sampling) -> Tensor:
    """Exact solution of the probability flow ODE: every value keeps its quantile."""
    quantile = (x - sampling.signal(sigma) * MEAN) / spread(sigma, sampling)
    return sampling.signal(sigma_end) * MEAN + spread(sigma_end, sampling) * quantile


def noisy(
    count: int, sigma: Tensor, *, dtype: torch.dtype = torch.float32, sampling: ModelSampling = denoise.sampling
) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    unit = torch.randn(2, count, generator=generator, dtype=dtype)
    return sampling.signal(sigma) * MEAN + spread(sigma, sampling) * unit
