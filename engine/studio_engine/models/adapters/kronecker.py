"""LoKr (LyCORIS): Δ = w1 ⊗ w2, either of them whole or as a product of two; scaled by alpha / rank of a product."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from studio_engine.models.adapters.change import fp32
from studio_engine.models.adapters.product import Product


@dataclass(frozen=True, eq=False)
class Kronecker:
    """A Delta."""

    first: Tensor | Product
    """`[a, b]`"""
    second: Tensor | Product
    """`[out / a, in / b]` or `[out / a, in / b, kh, kw]`"""
    alpha: float | None = None

    @property
    def scale(self) -> float:
        # Where both are products, the second's rank counts; where neither is, alpha means nothing.
        ranks = [block.rank for block in (self.first, self.second) if isinstance(block, Product)]
        return self.alpha / ranks[-1] if self.alpha is not None and ranks else 1.0

    def matrix(self, like: Tensor) -> Tensor:
        first, second = _whole(self.first, like), _whole(self.second, like)
        return torch.kron(first[:, :, None, None] if second.ndim == 4 else first, second.contiguous())

    def tensors(self) -> Iterable[Tensor]:
        for block in (self.first, self.second):
            yield from (block,) if isinstance(block, Tensor) else block.tensors()


def _whole(block: Tensor | Product, like: Tensor) -> Tensor:
    return fp32(block, like) if isinstance(block, Tensor) else block.matrix(like)
