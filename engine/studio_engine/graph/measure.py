"""What a result weighs, and whether its numbers are sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

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
    return all(
        bool(torch.isfinite(leaf).all())
        for leaf in _leaves(value)
        if isinstance(leaf, Tensor) and leaf.is_floating_point()
    )


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, tuple | list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif is_dataclass(value) and not isinstance(value, type) and _is_frozen(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name))
    else:
        yield value


def _is_frozen(value: object) -> bool:
    """A frozen dataclass is a value; one that can change is a service, such as a store, and no part of a result."""
    parameters = getattr(value, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)
