"""Networks larger than an accelerator's memory: some layers stay on the host and visit the device for their turn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.errors import EngineError

log = logging.getLogger(__name__)

Layer: TypeAlias = nn.Linear | nn.Conv2d
# While one layer computes, the next one's weights may be on their way already.
_VISITORS: Final = 2


class VisitingLinear(nn.Linear):
    """Its weights lie on the host, perhaps in fewer bits than it computes in."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, _brought(self.weight, x), _bias(self, x))


class VisitingConv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self._conv_forward(x, _brought(self.weight, x), _bias(self, x))
        return output


def plan_residents(sizes: Sequence[int], budget_bytes: int) -> list[bool]:
    """Which layers stay on the device, in order of computing: as many bytes as fit beside two visitors.

    Visitors are spread evenly, so that there is computing between them behind which a copy can hide. Raises
    `engine.out_of_memory` where not even the two largest visitors fit.
    """
    total = sum(sizes)
    if total <= budget_bytes:
        return [True] * len(sizes)
    room = budget_bytes - _VISITORS * max(sizes)
    if room < 0:
        raise EngineError(
            "engine.out_of_memory",
            f"The model's largest layers need {_VISITORS * max(sizes) / 1e9:.1f} GB of device memory and "
            f"{max(0, budget_bytes) / 1e9:.1f} GB are free; use a smaller model.",
        )
    stays: list[bool] = []
    credit = 0.0
    for size in sizes:
        credit += size * room / total
        stays.append(credit >= size)
        credit -= size if stays[-1] else 0
    return stays


def place_within(module: nn.Module, device: torch.device, budget_bytes: int) -> int:
    """Moves a module from the host to the device as far as the budget allows; gives the bytes that lie there.

    Linear layers and convolutions can stay behind; all else, being small, must fit. The module must call its layers,
    not read their weights.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    sizes = [_size_bytes(layer) for layer in layers]
    other_bytes = _size_bytes(module) - sum(sizes)
    visitors = [
        layer
        for layer, stays in zip(layers, plan_residents(sizes, budget_bytes - other_bytes), strict=True)
        if not stays
    ]
    at_home = {id(layer) for layer in visitors}
    for owner in module.modules():
        if id(owner) not in at_home:
            _move(owner, device)
    for layer in visitors:
        _let_visit(layer, device)
    left = sum(_size_bytes(layer) for layer in visitors)
    if visitors:
        log.info("%d of %d layers, %.1f GB, stay on the host", len(visitors), len(layers), left / 1e9)
    return sum(sizes) + other_bytes - left


def _size_bytes(module: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())


def _move(owner: nn.Module, device: torch.device) -> None:
    """The owner's own tensors, not its children's."""
    for name, value in list(owner.named_parameters(recurse=False)):
        owner.register_parameter(name, nn.Parameter(value.to(device), requires_grad=False))
    for name, buffer in list(owner.named_buffers(recurse=False)):
        setattr(owner, name, buffer.to(device))


def _let_visit(layer: Layer, device: torch.device) -> None:
    layer.__class__ = VisitingLinear if isinstance(layer, nn.Linear) else VisitingConv2d
    if device.type == "cuda":
        # Only page-locked memory is copied while the device computes.
        for name, value in list(layer.named_parameters(recurse=False)):
            layer.register_parameter(name, nn.Parameter(value.pin_memory(), requires_grad=False))


def _brought(weight: Tensor, x: Tensor) -> Tensor:
    return weight.to(device=x.device, dtype=x.dtype, non_blocking=True)


def _bias(layer: Layer, x: Tensor) -> Tensor | None:
    bias: Tensor | None = layer.bias
    return None if bias is None else _brought(bias, x)
