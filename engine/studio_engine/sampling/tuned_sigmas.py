"""Published schedules that were tuned for single kinds of models, interpolated to any number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from studio_engine.sampling.custom_sigmas import ending_in_zero
from studio_engine.sampling.discrete import discrete_sampling

AysModel: TypeAlias = Literal["SD1", "SDXL", "SVD"]
OptimalModel: TypeAlias = Literal["FLUX", "Wan", "Chroma"]

AYS_TIMESTEPS: Final[Mapping[str, tuple[int, ...]]] = {
    "SD1": (999, 850, 736, 645, 545, 455, 343, 233, 124, 24, 0),
    "SDXL": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13, 0),
}
AYS_SVD: Final = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)
"""Sabour et al. 2024, the published schedules of ten steps."""

OPTIMAL_STEPS: Final[Mapping[OptimalModel, tuple[float, ...]]] = {
    "FLUX": (0.9968, 0.9886, 0.9819, 0.975, 0.966, 0.9471, 0.9158, 0.8287, 0.5512, 0.2808, 0.001),
    "Wan": (
        *(1.0, 0.997, 0.995, 0.993, 0.991, 0.989, 0.987, 0.985, 0.98, 0.975, 0.973),
        *(0.968, 0.96, 0.946, 0.927, 0.902, 0.864, 0.776, 0.539, 0.208, 0.001),
    ),
    "Chroma": (
        *(0.992, 0.99, 0.988, 0.985, 0.982, 0.978, 0.973, 0.968, 0.961, 0.953, 0.943, 0.931, 0.917, 0.9),
        *(0.881, 0.858, 0.832, 0.802, 0.769, 0.731, 0.69, 0.646, 0.599, 0.55, 0.501, 0.451, 0.402, 0.355),
        *(0.311, 0.27, 0.232, 0.199, 0.169, 0.143, 0.12, 0.101, 0.084, 0.07, 0.058, 0.048, 0.001),
    ),
}
"""Pei et al. 2025."""


def align_your_steps_sigmas(model: AysModel, steps: int, denoise: float = 1.0) -> Tensor:
    """Sabour et al. 2024, interpolated in log sigma to the wanted steps; empty where `denoise` ≤ 0."""
    table = torch.tensor(AYS_SVD) if model == "SVD" else discrete_sampling().sigmas[list(AYS_TIMESTEPS[model])]
    return _cut(table, steps, denoise)


def optimal_steps_sigmas(model: OptimalModel, steps: int, denoise: float = 1.0) -> Tensor:
    """Pei et al. 2025, interpolated in log sigma to the wanted steps; empty where `denoise` ≤ 0."""
    return _cut(torch.tensor(OPTIMAL_STEPS[model], dtype=torch.float64), steps, denoise)


def _cut(table: Tensor, steps: int, denoise: float) -> Tensor:
    """The last share of a schedule of `steps`; its last level is 0."""
    if denoise <= 0:
        return torch.empty(0)
    wanted = round(steps * denoise) if denoise < 1 else steps
    return ending_in_zero(_interpolated(table, steps)[-(wanted + 1) : -1])


def _interpolated(table: Tensor, steps: int) -> Tensor:
    if steps + 1 == len(table):
        return table.float()
    places = np.linspace(0, 1, steps + 1)
    logs = np.interp(places, np.linspace(0, 1, len(table)), table.double().log().numpy())
    return torch.from_numpy(np.exp(logs)).float()
