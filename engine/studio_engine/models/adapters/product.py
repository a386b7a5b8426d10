"""A matrix or kernel kept as the product of two, with a core between them for convolutions (Tucker decomposition)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from studio_engine.models.adapters.change import fp32, rebuilt


@dataclass(frozen=True, eq=False)
class Product:
    left: Tensor
    """`[out, rank]`; with a core `[rank, out]`"""
    right: Tensor
    """`[rank, in · kh · kw]`; with a core `[rank, in]`"""
    core: Tensor | None = None
    """`[rank, rank, kh, kw]`"""

    @property
    def rank(self) -> int:
        return self.right.shape[0]

    def matrix(self, like: Tensor) -> Tensor:
        left, right = fp32(self.left, like), fp32(self.right, like)
        return left @ right if self.core is None else rebuilt(fp32(self.core, like), right, left)

    def tensors(self) -> Iterable[Tensor]:
        return (self.left, self.right) if self.core is None else (self.left, self.right, self.core)
