"""One denoise call: what it asks, with whom it may share a forward, and how calls are joined and cut."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from studio_engine.sampling import net_rows
from studio_engine.sampling.conditioning import ControlInput, NetInput
from studio_engine.sampling.hooks import NetworkHooks

Forward: TypeAlias = Callable[[Tensor, Tensor, NetInput, NetworkHooks, Tensor], Tensor]
"""`Network.predict` without the batcher: `(x, timestep, inputs, hooks, sigma) -> output`, one row per row."""


@dataclass(frozen=True, eq=False)
class Request:
    """The arguments of one `Network.predict`; every tensor has one row per row of `x`."""

    network: Hashable
    """The network's `batch_key`."""
    x: Tensor
    timestep: Tensor
    inputs: NetInput
    hooks: NetworkHooks
    sigma: Tensor

    @property
    def rows(self) -> int:
        return self.x.shape[0]

    def answered(self, forward: Forward) -> Tensor:
        return forward(self.x, self.timestep, self.inputs, self.hooks, self.sigma)


class Alone:
    """The key of what shares a forward with nothing else: equal to itself only."""


def request_key(request: Request) -> Hashable:
    """Equal for requests whose rows may share a forward: same weights, shapes, hooks and control nets.

    A request whose tensors do not have one row per row of `x`, or whose hooks cannot be compared, is `Alone`.
    """
    inputs = request.inputs
    if any(tensor.dim() == 0 or tensor.shape[0] != request.rows for tensor in _tensors(request)):
        return Alone()
    key = (
        request.network,
        request.x.shape[1:],
        _form(inputs.context),
        None if inputs.vector is None else _form(inputs.vector),
        None if inputs.concat is None else _form(inputs.concat),
        inputs.guidance is None,
        tuple(map(_form, inputs.references)),
        tuple(map(_control_key, inputs.controls)),
        tuple((name, _form(value)) for name, value in sorted(inputs.extra.items())),
        len(inputs.prompt_of_row) == request.rows,
        request.hooks,
    )
    try:
        hash(key)
    except TypeError:
        return Alone()
    return key


def joined(requests: Sequence[Request]) -> Request:
    """One request with the rows of all, in order. They have equal keys."""
    first = requests[0]
    if len(requests) == 1:
        return first
    return replace(
        first,
        x=torch.cat([each.x for each in requests]),
        timestep=torch.cat([each.timestep for each in requests]),
        sigma=torch.cat([each.sigma for each in requests]),
        inputs=net_rows.joined([each.inputs for each in requests]),
    )


def halves(request: Request) -> tuple[Request, Request]:
    """The first and the second half of the rows; there are at least two."""
    middle = request.rows // 2
    return _cut(request, slice(None, middle)), _cut(request, slice(middle, None))


def _form(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape[1:], tensor.dtype


def _control_key(control: ControlInput) -> Hashable:
    extra = tuple((name, _form(value)) for name, value in sorted(control.extra.items()))
    return control.net.batch_key, _form(control.hint), control.strength, extra


def _tensors(request: Request) -> Iterator[Tensor]:
    inputs = request.inputs
    yield from (request.timestep, request.sigma, inputs.context, *inputs.references, *inputs.extra.values())
    yield from (each for each in (inputs.vector, inputs.concat, inputs.guidance) if each is not None)
    for control in inputs.controls:
        yield from (control.hint, *control.extra.values())


def _cut(request: Request, rows: slice) -> Request:
    inputs = request.inputs
    return replace(
        request,
        x=request.x[rows],
        timestep=request.timestep[rows],
        sigma=request.sigma[rows],
        inputs=replace(
            inputs,
            context=inputs.context[rows],
            vector=None if inputs.vector is None else inputs.vector[rows],
            concat=None if inputs.concat is None else inputs.concat[rows],
            guidance=None if inputs.guidance is None else inputs.guidance[rows],
            references=tuple(each[rows] for each in inputs.references),
            controls=tuple(
                replace(each, hint=each.hint[rows], extra={name: value[rows] for name, value in each.extra.items()})
                for each in inputs.controls
            ),
            extra={name: value[rows] for name, value in inputs.extra.items()},
            prompt_of_row=inputs.prompt_of_row[rows],
        ),
    )
