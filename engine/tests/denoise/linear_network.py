"""A network small enough to see through: each output row depends on its own inputs alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio_engine.denoise.request import Request
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.hooks import NetworkHooks


@dataclass
class LinearNetwork:
    """Remembers how many rows each forward had."""

    rows: list[int] = field(default_factory=list)

    def forward(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        self.rows.append(x.shape[0])
        told = inputs.context.mean((1, 2)) + timestep + sigma.to(x.device)
        return x * 2 + told.view(-1, 1, 1, 1)


def request(seed: int, *, rows: int = 2, network: str = "n", side: int = 4, tokens: int = 3) -> Request:
    generator = torch.Generator().manual_seed(seed)
    return Request(
        network,
        torch.randn(rows, 4, side, side, generator=generator),
        torch.full((rows,), float(seed)),
        NetInput(torch.randn(rows, tokens, 8, generator=generator)),
        NetworkHooks(),
        torch.full((rows,), seed / 10),
    )
