"""LoHa (LyCORIS, after FedPara, Hyeon-Woo et al. 2022): Δ = (w1a @ w1b) ∘ (w2a @ w2b), scaled by alpha / rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from studio_engine.models.adapters.product import Product


@dataclass(frozen=True, eq=False)
class Hadamard:
    """A Delta."""

    first: Product
    second: Product
    alpha: float | None = None

    @property
    def scale(self) -> float:
        return 1.0 if self.alpha is None else self.alpha / self.first.rank

    def matrix(self, like: Tensor) -> Tensor:
        return self.first.matrix(like) * self.second.matrix(like)

    def tensors(self) -> Iterable[Tensor]:
        return (*self.first.tensors(), *self.second.tensors())
