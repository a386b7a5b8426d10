"""Weights kept in 8 bits: half the memory, widened layer by layer as they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from studio_engine.models.keys import PartKeys
    from studio_engine.models.parts import PartRef

_FILE_DTYPES: Final = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}
# Smaller networks are widened once: memory is no matter, and time is.
_MIN_ELEMENTS: Final = 400_000_000


class NarrowLinear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return nn.functional.linear(x, self.weight.to(x.dtype), bias)


class NarrowConv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        output: Tensor = self._conv_forward(x, self.weight.to(x.dtype), bias)
        return output


def narrow(module: nn.Module, dtype: torch.dtype) -> None:
    """Lets linear layers and convolutions keep the 8 bits they were filled with; all else is widened to `dtype`."""
    for child in module.modules():
        if type(child) is nn.Linear:
            child.__class__ = NarrowLinear
        elif type(child) is nn.Conv2d:
            child.__class__ = NarrowConv2d
        else:
            for name, value in child.named_parameters(recurse=False):
                setattr(child, name, nn.Parameter(value.to(dtype), requires_grad=False))


def stored_dtype(ref: PartRef, keys: PartKeys) -> torch.dtype | None:
    """What a network's weights are kept in where that is not what they compute in: as asked for, or as in the file."""
    if ref.weight_dtype is not None:
        dtype: torch.dtype = getattr(torch, ref.weight_dtype)
        return dtype
    if keys.has_scales or keys.numbers.total() < _MIN_ELEMENTS:
        return None
    return _FILE_DTYPES.get(keys.numbers.most_common(1)[0][0])
