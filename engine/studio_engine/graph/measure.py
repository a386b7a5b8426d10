"""What a result weighs, whether its numbers are sound, and whether somebody has changed it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

ENTRY_BYTES = 512
"""Charged for every value besides its payload, so that tiny results are bounded in number too."""


def size_bytes(value: object) -> int | None:
    """Bytes that `value` keeps alive; None where it holds something that cannot be counted, such as a loaded model."""
    storages: dict[int, int] = {}
    total = 0
    for leaf in _leaves(value):
        if isinstance(leaf, Tensor):
            # A view keeps all of its storage alive, and two views share one.
            storage = leaf.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(leaf, str | bytes):
            total += len(leaf)
        elif not isinstance(leaf, int | float | bool | None):
            return None
        total += ENTRY_BYTES
    return total + sum(storages.values())


def is_finite(value: object) -> bool:
    """False where any tensor holds NaN or infinity."""
    return all(_is_finite(leaf) for leaf in _leaves(value) if isinstance(leaf, Tensor) and leaf.is_floating_point())


def _is_finite(tensor: Tensor) -> bool:
    if tensor.numel() == 0 or tensor.is_meta:
        return True
    if tensor.element_size() == 1:
        tensor = tensor.half()
    # One pass without a mask as large as the tensor; a NaN is both the least and the greatest.
    least, greatest = torch.aminmax(tensor)
    return bool(torch.isfinite(least) and torch.isfinite(greatest))


def versions(value: object) -> tuple[int, ...]:
    """Counters that rise when a tensor is changed in place, its views included. They cost nothing to read.

    Tensors made in inference mode have none: torch forbids changing them outside of it.
    """
    return tuple(leaf._version for leaf in _leaves(value) if isinstance(leaf, Tensor) and not leaf.is_inference())


def checksum(value: object) -> int:
    """Of all that `value` holds, bit for bit; for tests, as it reads all memory."""
    total = 0
    for leaf in _leaves(value):
        if isinstance(leaf, Tensor):
            flat = leaf.detach().cpu().flatten()
            # Of one number alone torch takes any stride for contiguous; a view as bytes does not.
            content = torch.empty(flat.shape, dtype=flat.dtype).copy_(flat).view(torch.uint8).numpy().tobytes()
        else:
            content = repr(leaf).encode()
        total = zlib.crc32(content, total)
    return total


def _leaves(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, tuple | list):
            waiting.extend(reversed(each))
        elif isinstance(each, Mapping):
            waiting.extend(reversed(list(each.values())))
        elif names := _field_names(each.__class__):
            waiting.extend(getattr(each, name) for name in reversed(names))
        else:
            yield each


def _field_names(cls: type[Any]) -> tuple[str, ...]:
    """Of a frozen dataclass: that is a value. One that can change is a service, such as a store, and no part of it."""
    known = _FIELD_NAMES.get(cls)
    if known is None:
        parameters = getattr(cls, "__dataclass_params__", None)
        is_value = is_dataclass(cls) and parameters is not None and parameters.frozen
        known = _FIELD_NAMES[cls] = tuple(field.name for field in fields(cls)) if is_value else ()
    return known


_FIELD_NAMES: WeakKeyDictionary[type[Any], tuple[str, ...]] = WeakKeyDictionary()
