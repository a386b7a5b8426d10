"""GLoRA (Chavan et al. 2023, as LyCORIS stores it): W + W A + B, with A and B of low rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from studio_engine.models.adapters.change import fp32


@dataclass(frozen=True, eq=False)
class Generalised:
    """A Change.

    Two layouts are in use. Newer files have A = a1 @ a2 and B = b1 @ b2; older ones A = a2 @ a1 and B = b2 @ b1.
    """

    a1: Tensor
    a2: Tensor
    b1: Tensor
    b2: Tensor
    alpha: float | None = None

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        a1, a2, b1, b2 = (fp32(each, weight).flatten(1) for each in (self.a1, self.a2, self.b1, self.b2))
        if self._is_old(weight):
            rank = a1.shape[0]
            delta = (b2 @ b1 + (weight.flatten(1) @ a2) @ a1).reshape(weight.shape)
        else:
            rank = a2.shape[0]
            turned = torch.einsum("oi...,ij->oj...", torch.einsum("oi...,ij->oj...", weight, a1), a2)
            delta = turned + (b1 @ b2).reshape(weight.shape)
        scale = 1.0 if self.alpha is None else self.alpha / rank
        return weight + (strength * scale) * delta

    def tensors(self) -> Iterable[Tensor]:
        return self.a1, self.a2, self.b1, self.b2

    def _is_old(self, weight: Tensor) -> bool:
        fits_old = self.b2.shape[1] == self.b1.shape[0] == self.a1.shape[0] == self.a2.shape[1]
        fits_new = self.b2.shape[0] == self.b1.shape[1] == self.a1.shape[1] == self.a2.shape[0]
        if not (fits_old or fits_new):
            raise ValueError("the factors have different ranks")
        # A square weight with rank = side fits both; ComfyUI then takes the older.
        is_ambiguous = self.a2.shape[0] == weight.shape[0] == weight.shape[1]
        return fits_old and (not fits_new or is_ambiguous)
