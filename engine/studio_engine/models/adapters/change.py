"""How one weight changes: what every kind of adapter comes down to.

Changes are computed in fp32 on the weight's device. The scale (alpha / rank) belongs to the change, the strength to its
use, so that hot swapping a strength reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Change(Protocol):
    def applied(self, weight: Tensor, strength: float) -> Tensor:
        """The changed weight: fp32 of the same shape and device; `weight` itself stays as it is.

        Raises RuntimeError or ValueError where the sizes do not fit; on the meta device this costs nothing.
        """
        ...

    def tensors(self) -> Iterable[Tensor]:
        """All that it holds, to be checked for invalid numbers."""
        ...


class Delta(Protocol):
    """A difference that does not depend on the weight that it is added to."""

    @property
    def scale(self) -> float: ...

    def matrix(self, like: Tensor) -> Tensor:
        """The difference before scale, fp32 on the device of `like`, in any shape with as many numbers."""
        ...

    def tensors(self) -> Iterable[Tensor]: ...


@dataclass(frozen=True, eq=False)
class Added:
    """W + strength · scale · Δ."""

    delta: Delta

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        return weight + (strength * self.delta.scale) * self.delta.matrix(weight).reshape(weight.shape)

    def tensors(self) -> Iterable[Tensor]:
        return self.delta.tensors()


@dataclass(frozen=True, eq=False)
class AddedPart:
    """Part of a difference that was made for a weight as checkpoints store it.

    They keep queries, keys and values in one matrix where the modules have one for each.
    """

    delta: Delta
    take: Callable[[Tensor], Tensor]
    """From the stored tensor to this weight."""

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        stored = self.delta.matrix(weight).reshape(-1, *weight.shape[1:])
        return weight + (strength * self.delta.scale) * self.take(stored).reshape(weight.shape)

    def tensors(self) -> Iterable[Tensor]:
        return self.delta.tensors()


@dataclass(frozen=True, eq=False)
class Decomposed:
    """DoRA (Liu et al. 2024): direction and length of the weight are changed apart.

    W' = (W + scale · Δ) · magnitude / ‖W + scale · Δ‖, with one length per input; W + strength · (W' − W). Files whose
    magnitudes are per output are divided by the lengths of W itself, as ComfyUI does and their trainers did.
    """

    delta: Delta
    magnitude: Tensor
    """`[1, inputs, …]` or `[outputs, 1, …]`"""

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        moved = weight + self.delta.scale * self.delta.matrix(weight).reshape(weight.shape)
        magnitude = fp32(self.magnitude, weight)
        is_per_output = magnitude.shape[0] == weight.shape[0]
        length = _length(weight, 0) if is_per_output else _length(moved, 1)
        turned = moved * (magnitude / (length + torch.finfo(weight.dtype).eps))
        return turned if strength == 1.0 else weight + strength * (turned - weight)

    def tensors(self) -> Iterable[Tensor]:
        return (*self.delta.tensors(), self.magnitude)


def fp32(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.to(device=like.device, dtype=torch.float32)


def rebuilt(core: Tensor, right: Tensor, left: Tensor) -> Tensor:
    """A convolution from its Tucker factors: core `[r, s, kh, kw]`, right `[s, in]`, left `[r, out]`."""
    return torch.einsum("rs...,si,ro->oi...", core, right, left)


def _length(weight: Tensor, axis: int) -> Tensor:
    """Euclidean length of each slice along `axis`, shaped to be divided by."""
    rows = weight.transpose(0, axis).flatten(1)
    shape = [1] * weight.ndim
    shape[axis] = -1
    length: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return length.reshape(shape)
