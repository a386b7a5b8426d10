"""Rows of several prompts in one call: which fit together, and how their tensors are joined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from studio_engine.imaging.batches import repeat_to
from studio_engine.sampling.conditioning import ControlInput, NetInput

MAX_REPEAT: Final = 4
"""Contexts whose lengths differ more than this are denoised one after the other, as ComfyUI does."""


def with_rows(inputs: NetInput, rows: int) -> NetInput:
    """Every tensor at one row per row of x; `prompt_of_row` names one prompt, or is empty."""
    controls = tuple(
        replace(
            control,
            hint=repeat_to(control.hint, rows),
            extra={name: repeat_to(value, rows) for name, value in control.extra.items()},
        )
        for control in inputs.controls
    )
    return NetInput(
        context=repeat_to(inputs.context, rows),
        vector=None if inputs.vector is None else repeat_to(inputs.vector, rows),
        concat=None if inputs.concat is None else repeat_to(inputs.concat, rows),
        guidance=None if inputs.guidance is None else repeat_to(inputs.guidance, rows),
        references=tuple(repeat_to(each, rows) for each in inputs.references),
        controls=controls,
        extra={name: repeat_to(value, rows) for name, value in inputs.extra.items()},
        prompt_of_row=inputs.prompt_of_row[:1] * rows,
        is_context_repeatable=inputs.is_context_repeatable,
    )


def are_joinable(one: NetInput, other: NetInput) -> bool:
    """Whether both may be rows of one call. Controls are not looked at: the caller knows whose they are."""
    is_repeatable = one.is_context_repeatable and other.is_context_repeatable
    return (
        (
            _are_contexts_joinable(one.context, other.context)
            if is_repeatable
            else one.context.shape == other.context.shape
        )
        and _shape(one.vector) == _shape(other.vector)
        and _shape(one.concat) == _shape(other.concat)
        and _shape(one.guidance) == _shape(other.guidance)
        and [_shape(each) for each in one.references] == [_shape(each) for each in other.references]
        and _shapes(one.extra) == _shapes(other.extra)
    )


def joined(parts: Sequence[NetInput]) -> NetInput:
    """Rows of all parts, in order. The parts are joinable and have the same controls."""
    first = parts[0]
    if len(parts) == 1:
        return first
    length = math.lcm(*(part.context.shape[1] for part in parts))
    return NetInput(
        # Attention over k copies of the same tokens equals attention over one.
        context=torch.cat([part.context.repeat(1, length // part.context.shape[1], 1) for part in parts]),
        vector=_cat([part.vector for part in parts]),
        concat=_cat([part.concat for part in parts]),
        guidance=_cat([part.guidance for part in parts]),
        references=tuple(torch.cat(group) for group in zip(*(part.references for part in parts), strict=True)),
        controls=tuple(_joined_control(group) for group in zip(*(part.controls for part in parts), strict=True)),
        extra={name: torch.cat([part.extra[name] for part in parts]) for name in first.extra},
        prompt_of_row=tuple(row for part in parts for row in part.prompt_of_row),
        is_context_repeatable=first.is_context_repeatable,
    )


def _joined_control(group: Sequence[ControlInput]) -> ControlInput:
    first = group[0]
    extra = {name: torch.cat([each.extra[name] for each in group]) for name in first.extra}
    return replace(first, hint=torch.cat([each.hint for each in group]), extra=extra)


def _are_contexts_joinable(one: Tensor, other: Tensor) -> bool:
    if (one.shape[0], one.shape[2]) != (other.shape[0], other.shape[2]):
        return False
    lengths = one.shape[1], other.shape[1]
    return math.lcm(*lengths) <= MAX_REPEAT * min(lengths)


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape


def _shapes(named: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in named.items()}


def _cat(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(present) if present else None
