"""Moves stored tensors into an empty module; every tensor is used, known to be idle, or reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.parts import WeightSource
from studio_engine.runtime.plan import ComputePlan

# More constant matrices than this share means that nobody trained the part.
_UNTRAINED_SHARE = 0.5
_SCALE_ENDINGS = (("weight", "scale_weight"), ("weight", "weight_scale"))


@dataclass(frozen=True)
class StoredTensors:
    """The tensors of a part's files by name, and which file to name in errors."""

    header: SafetensorsHeader
    values: Mapping[str, Tensor]

    def find(self, key: str) -> Tensor | None:
        """The tensor; 8-bit weights with a scale beside them are multiplied out, to fp32."""
        tensor = self.values.get(key)
        if tensor is None or tensor.dtype.itemsize > 1 or not tensor.dtype.is_floating_point:
            return tensor
        stem, _, ending = key.rpartition(".")
        for weight, scale in _SCALE_ENDINGS:
            factor = self.values.get(f"{stem}.{scale}") if ending == weight else None
            if factor is not None:
                return tensor.float() * factor.float()
        return tensor


def fill(
    module: nn.Module,
    stored: StoredTensors,
    source: Callable[[str], WeightSource],
    *,
    placement: Callable[[Tensor], Tensor],
) -> set[str]:
    """Gives every parameter of `module` its tensor; returns the names of the stored tensors used.

    Raises `model.untrained` for missing or constant weights, `model.file_corrupt` for wrong shapes and for NaN.
    """
    path = stored.header.path
    state: dict[str, Tensor] = {}
    constant_count = matrix_count = 0
    used: set[str] = set()
    checked: dict[str, bool] = {}
    for name, target in module.state_dict().items():
        origin = source(name)
        tensor = stored.find(origin.key)
        if tensor is None and origin.default is not None:
            state[name] = placement(origin.default())
            continue
        if tensor is None:
            raise EngineError("model.untrained", f"{path.name} lacks the weights {origin.key}; download it again.")
        used.add(origin.key)
        if origin.key not in checked:
            checked[origin.key] = _is_constant(stored, origin.key, tensor)
        if tensor.ndim >= 2:
            matrix_count += 1
            constant_count += checked[origin.key]
        taken = tensor if origin.take is None else origin.take(tensor)
        state[name] = placement(_shaped(stored, origin.key, tensor=taken, shape=target.shape))
    if constant_count > matrix_count * _UNTRAINED_SHARE:
        raise EngineError(
            "model.untrained",
            f"{path.name} holds no trained weights: {constant_count} of {matrix_count} matrices are constant. "
            "Train or download it first.",
        )
    module.load_state_dict(state, strict=True, assign=True)
    _materialise_buffers(module)
    module.requires_grad_(False)
    return used


def placed(tensor: Tensor, *, plan: ComputePlan, dtype: torch.dtype) -> Tensor:
    """A private copy on the device: never a view of the mapped file."""
    copy = tensor.to(device=plan.device, dtype=dtype, copy=True)
    if plan.is_channels_last and copy.ndim == 4:
        return copy.contiguous(memory_format=torch.channels_last)
    return copy.contiguous()


def tensor_bytes(module: nn.Module) -> int:
    """What its parameters take; a tied one counts once."""
    return sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())


def _is_constant(stored: StoredTensors, key: str, tensor: Tensor) -> bool:
    """Whether all values are equal; raises on NaN and infinity. One pass: aminmax hands NaN on."""
    if not tensor.dtype.is_floating_point or tensor.numel() == 0:
        raise refuse(stored.header.path, f"{key} does not hold real numbers")
    low, high = torch.aminmax(tensor if tensor.dtype.itemsize > 1 else tensor.float())
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise refuse(stored.header.path, f"{key} holds invalid numbers (NaN)")
    return bool(low == high)


def _shaped(stored: StoredTensors, key: str, *, tensor: Tensor, shape: torch.Size) -> Tensor:
    # 1×1 convolutions and linear layers hold the same numbers; which of them a file has differs.
    if tensor.ndim == 4 and len(shape) == 2 and tensor.shape[2:] == (1, 1):
        tensor = tensor[:, :, 0, 0]
    elif tensor.ndim == 2 and len(shape) == 4 and shape[2:] == (1, 1):
        tensor = tensor[:, :, None, None]
    if tensor.shape != shape:
        raise refuse(stored.header.path, f"{key} has the shape {list(tensor.shape)} instead of {list(shape)}")
    return tensor


def _materialise_buffers(module: nn.Module) -> None:
    """Tables that no file holds and that a module built without memory still lacks."""
    for owner in module.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if buffer.is_meta and name == "position_ids":
                owner.register_buffer(name, torch.arange(buffer.shape[-1]).expand(buffer.shape), persistent=False)
