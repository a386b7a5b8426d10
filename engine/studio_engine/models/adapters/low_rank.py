"""LoRA (Hu et al. 2021) and LoCon, its convolutional form: Δ = up @ down, scaled by alpha / rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from studio_engine.models.adapters.change import fp32, rebuilt


@dataclass(frozen=True, eq=False)
class LowRank:
    """A Delta."""

    up: Tensor
    """`[out, rank]` or `[out, rank, 1, 1]`"""
    down: Tensor
    """`[rank, in]` or `[rank, in, kh, kw]`; with a core `[rank, in, 1, 1]`"""
    alpha: float | None = None
    core: Tensor | None = None
    """`[rank, rank, kh, kw]`: the kernel, where down is 1×1 (Tucker decomposition)."""

    @property
    def scale(self) -> float:
        return 1.0 if self.alpha is None else self.alpha / self.down.shape[0]

    def matrix(self, like: Tensor) -> Tensor:
        up, down = fp32(self.up, like).flatten(1), fp32(self.down, like).flatten(1)
        if self.core is None:
            return up @ down
        return rebuilt(fp32(self.core, like), down, up.T)

    def tensors(self) -> Iterable[Tensor]:
        return tuple(each for each in (self.up, self.down, self.core) if each is not None)
