"""OFT (Qiu et al. 2023) and BOFT (Liu et al. 2023): the weight's outputs are turned by orthogonal blocks.

Cayley: R = (I + Q)(I − Q)⁻¹ with Q skew. `alpha` bounds the length of Q; 0 = unbounded. Strength counts twice, once
within the rotation and once on the difference, as in ComfyUI.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from studio_engine.models.adapters.change import fp32


@dataclass(frozen=True, eq=False)
class Orthogonal:
    """A Change (OFT)."""

    blocks: Tensor
    """`[count, size, size]`, count · size = outputs"""
    bound: float = 0.0

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        rotation = _rotation(fp32(self.blocks, weight), self.bound)
        identity = torch.eye(rotation.shape[-1], device=weight.device)
        rows = weight.reshape(*rotation.shape[:2], *weight.shape[1:])
        delta = torch.einsum("knm,kn...->km...", strength * (rotation - identity), rows).reshape(weight.shape)
        return weight + strength * delta

    def tensors(self) -> Iterable[Tensor]:
        return (self.blocks,)


@dataclass(frozen=True, eq=False)
class Butterfly:
    """A Change (BOFT): rotations of interleaved pairs of half blocks, one after the other."""

    blocks: Tensor
    """`[factors, count, size, size]`, count · size = outputs"""
    rescale: Tensor | None = None
    """`[outputs, 1, …]`"""
    bound: float = 0.0

    def applied(self, weight: Tensor, strength: float) -> Tensor:
        rotations = _rotation(fp32(self.blocks, weight), self.bound)
        size = rotations.shape[-1]
        identity = torch.eye(size, device=weight.device)
        turned = weight
        for factor, rotation in enumerate(rotations):
            blend = rotation * strength + (1.0 - strength) * identity
            span = 2**factor * (size // 2)
            rest = weight.shape[1:]
            paired = turned.reshape(-1, 2, span, *rest).transpose(1, 2).reshape(-1, size, *rest)
            turned = torch.einsum("bij,bj...->bi...", blend, paired)
            turned = turned.reshape(-1, span, 2, *rest).transpose(1, 2).reshape(weight.shape)
        if self.rescale is not None:
            turned = turned * fp32(self.rescale, weight)
        return weight + strength * (turned - weight)

    def tensors(self) -> Iterable[Tensor]:
        return (self.blocks,) if self.rescale is None else (self.blocks, self.rescale)


def _rotation(blocks: Tensor, bound: float) -> Tensor:
    skew = blocks - blocks.transpose(-1, -2)
    if bound > 0:
        skew = skew * (bound / (skew.norm() + 1e-8)).clamp(max=1.0)
    identity = torch.eye(blocks.shape[-1], device=blocks.device)
    rotation: Tensor = (identity + skew) @ torch.linalg.inv(identity - skew)
    return rotation
