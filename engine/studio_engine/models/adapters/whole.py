"""Whole differences and whole weights, as files hold them for norms, biases and full fine-tunes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from studio_engine.models.adapters.change import fp32


@dataclass(frozen=True, eq=False)
class Difference:
    """A Delta: the difference itself."""

    value: Tensor
    scale: float = 1.0

    def matrix(self, like: Tensor) -> Tensor:
        return fp32(self.value, like)

    def tensors(self) -> Iterable[Tensor]:
        return (self.value,)


@dataclass(frozen=True, eq=False)
class Replaced:
    """A Change: the value in place of the weight. Strength has no say, but 0 leaves the weight."""

    value: Tensor

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        return weight if strength == 0.0 else fp32(self.value, weight).reshape(weight.shape)

    def tensors(self) -> Iterable[Tensor]:
        return (self.value,)
