"""Moves the tensors of a single file into empty modules; every tensor is used, known to be idle, or reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.refusal import refuse
from studio_engine.errors import EngineError
from studio_engine.models.families.sd1 import prefixes

# More constant matrices than this share means that nobody trained the part.
_UNTRAINED_SHARE = 0.5


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    source_key: Callable[[str], str],
    *,
    path: Path,
    placement: Callable[[Tensor], Tensor],
) -> set[str]:
    """Gives every parameter of `module` its tensor; returns the names of the tensors used.

    Raises `model.untrained` for missing or constant weights, `model.file_corrupt` for wrong shapes and for NaN.
    """
    state: dict[str, Tensor] = {}
    constant_count = matrix_count = 0
    used: set[str] = set()
    for name, target in module.state_dict().items():
        key = source_key(name)
        tensor = tensors.get(key)
        if tensor is None:
            raise EngineError("model.untrained", f"{path.name} lacks the weights {key}; download it again.")
        used.add(key)
        is_constant = _check_values(path, key, tensor)
        if tensor.ndim >= 2:
            matrix_count += 1
            constant_count += is_constant
        state[name] = placement(_shaped(path, key, tensor, target.shape))
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


def unexplained(tensors: Iterable[str], used: set[str]) -> list[str]:
    """Tensors that no part of the model took and that are not known to be idle."""
    return sorted(key for key in tensors if key not in used and not prefixes.is_ignored(key))


def _check_values(path: Path, key: str, tensor: Tensor) -> bool:
    """Whether all values are equal; raises on NaN and infinity. One pass: aminmax hands NaN on."""
    if not tensor.dtype.is_floating_point or tensor.numel() == 0:
        raise refuse(path, f"{key} does not hold real numbers")
    low, high = torch.aminmax(tensor if tensor.dtype.itemsize > 1 else tensor.float())
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise refuse(path, f"{key} holds invalid numbers (NaN)")
    return bool(low == high)


def _shaped(path: Path, key: str, tensor: Tensor, shape: torch.Size) -> Tensor:
    # The autoencoder's attention is stored as 1×1 convolutions and runs as linear layers.
    if tensor.ndim == 4 and len(shape) == 2 and tensor.shape[2:] == (1, 1):
        tensor = tensor[:, :, 0, 0]
    if tensor.shape != shape:
        raise refuse(path, f"{key} has the shape {list(tensor.shape)} instead of {list(shape)}")
    return tensor


def _materialise_buffers(module: nn.Module) -> None:
    """Tables that no file holds and that a module built without memory still lacks."""
    for owner in module.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if buffer.is_meta:
                if name != "position_ids":
                    raise RuntimeError(f"unexpected buffer {name}")
                owner.register_buffer(name, torch.arange(buffer.shape[-1]).expand(buffer.shape), persistent=False)
