"""What ControlNets add to a forward."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from torch import Tensor

from studio_engine.sampling.conditioning import NetInput, Residuals


def control_residuals(x: Tensor, timestep: Tensor, inputs: NetInput) -> Residuals:
    """The sum of what each control of these rows says; `x` is `[rows, channels, h, w]`."""
    return merged([control.net.residuals(x, timestep, inputs, control) for control in inputs.controls])


def merged(residuals: Sequence[Residuals]) -> Residuals:
    """The sum of what several controls add."""
    if len(residuals) == 1:
        return residuals[0]
    return Residuals(*(_summed([getattr(each, name) for each in residuals]) for name in ("input", "middle", "output")))


def _summed(lists: Sequence[tuple[Tensor | None, ...]]) -> tuple[Tensor | None, ...]:
    sums: list[Tensor | None] = []
    for values in zip_longest(*lists):
        present = [value for value in values if value is not None]
        total = present[0] if present else None
        for value in present[1:]:
            total = value if total is None else total + value
        sums.append(total)
    return tuple(sums)
