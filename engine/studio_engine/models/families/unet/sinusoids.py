"""Numbers as waves (Vaswani et al. 2017): how networks are told times and sizes."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

_MAX_PERIOD: Final = 10_000.0


def sinusoids(values: Tensor, width: int) -> Tensor:
    """Cosines, then sines, at frequencies from 1 down to nearly 1 / 10,000: `[n]` to `[n, width]`."""
    half = width // 2
    rates = torch.exp(-math.log(_MAX_PERIOD) * torch.arange(half, dtype=torch.float32) / half)
    angles = values.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
