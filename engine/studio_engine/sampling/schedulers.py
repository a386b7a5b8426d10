"""Schedulers: how the noise levels of a run are spread between the model's extremes.

Every scheduler gives fp32 sigmas on the CPU, strictly falling, ending in 0; `steps` of them before
the zero, but for `ddim_uniform` (whole strides of the table) and `beta` (repeats are dropped).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from studio_engine.sampling.custom_sigmas import Levels, ending_in_zero, exponential_sigmas, karras_sigmas
from studio_engine.sampling.model_sampling import ModelSampling
from studio_engine.sampling.named import find_named

Scheduler: TypeAlias = Callable[[ModelSampling, int], Tensor]

ZERO_SIGMA: Final = 1e-5
"""Levels below this count as none at all."""


def simple(model: ModelSampling, steps: int) -> Tensor:
    stride = len(model.sigmas) / steps
    picked = torch.tensor([-(1 + int(i * stride)) for i in range(steps)])
    return ending_in_zero(model.sigmas[picked])


def sgm_uniform(model: ModelSampling, steps: int) -> Tensor:
    return ending_in_zero(model.sigma(_timesteps(model, steps + 1)[:-1]))


def karras(model: ModelSampling, steps: int) -> Tensor:
    return karras_sigmas(steps, Levels(model.sigma_min, model.sigma_max))


def exponential(model: ModelSampling, steps: int) -> Tensor:
    return exponential_sigmas(steps, Levels(model.sigma_min, model.sigma_max))


def ddim_uniform(model: ModelSampling, steps: int) -> Tensor:
    stride = max(len(model.sigmas) // steps, 1)
    return ending_in_zero(model.sigmas[1::stride].flip(0))


def beta(model: ModelSampling, steps: int, shape: tuple[float, float] = (0.6, 0.6)) -> Tensor:
    """Quantiles of a beta distribution over the table (Lee et al. 2024): more steps at both ends."""
    # Imported here because scipy costs 0.1 s and 20 MB that most jobs never need.
    from scipy.special import betaincinv

    quantiles = betaincinv(*shape, 1 - np.linspace(0, 1, steps, endpoint=False))
    indexes = np.rint(quantiles * (len(model.sigmas) - 1)).astype(np.int64)
    return ending_in_zero(model.sigmas[torch.from_numpy(np.unique(indexes)[::-1].copy())])


def normal(model: ModelSampling, steps: int) -> Tensor:
    """Even timesteps down to the last of the table, or to 0 itself where the model's levels reach so low."""
    down_to_zero = model.sigma(_timesteps(model, steps + 1))
    if down_to_zero[-1] < ZERO_SIGMA:
        return torch.cat([down_to_zero[:-1], torch.zeros(1)])
    return ending_in_zero(model.sigma(_timesteps(model, steps)))


def linear_quadratic(model: ModelSampling, steps: int) -> Tensor:
    """Half of the steps remove the first 2.5 % of the noise evenly, the rest follow a parabola (Mochi 1)."""
    threshold, half = 0.025, steps // 2
    if half == 0:
        return torch.tensor([model.sigma_max, 0.0])
    rest = 1.0 - threshold * steps / half
    removed = [threshold * i / half + rest * (max(i - half, 0) / (steps - half)) ** 2 for i in range(steps)]
    return ending_in_zero(torch.tensor([1.0 - part for part in removed]) * model.sigma_max)


def kl_optimal(model: ModelSampling, steps: int) -> Tensor:
    """Sabour et al. 2024, equation 5. For one step, where the formula is 0/0, start at the top."""
    ramp = torch.arange(steps, dtype=torch.float32) / max(steps - 1, 1)
    low, high = math.atan(model.sigma_min), math.atan(model.sigma_max)
    return ending_in_zero((ramp * low + (1 - ramp) * high).tan())


SCHEDULERS: Final[Mapping[str, Scheduler]] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}


def get_scheduler(name: str) -> Scheduler:
    """Raises `generate.unknown_scheduler`."""
    return find_named(SCHEDULERS, name, "generate.unknown_scheduler")


def _timesteps(model: ModelSampling, count: int) -> Tensor:
    first, last = model.timestep(model.sigmas[-1]), model.timestep(model.sigmas[0])
    return torch.linspace(float(first), float(last), count)
