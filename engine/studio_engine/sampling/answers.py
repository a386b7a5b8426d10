"""What a model answers to lists of prompts, of which each may count in a part of the picture and of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from studio_engine.runtime.free_memory import available_bytes
from studio_engine.sampling.conditioning import (
    Conditioning,
    ControlInput,
    ControlUse,
    NetInput,
    RunInfo,
    UnboundControl,
)
from studio_engine.sampling.conds import PreparedCond, PromptList, active_controls, prepared
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.net_rows import are_joinable, joined, with_rows
from studio_engine.sampling.prompt_hooks import HookedModels
from studio_engine.sampling.regions import Box, weight_of

NO_COUNT: Final = 1e-37
"""Where no prompt counts, 0 divided by this is 0."""
BYTES_PER_CELL: Final = 42_000
"""Activations of one latent cell of one row, generously: what SD 1.5 takes in fp32 with plain attention."""
ALWAYS_FITS_CELLS: Final = 8192
"""Not worth asking the kernel how much memory is free: two rows of a 512² picture."""


@dataclass(frozen=True, eq=False)
class _Row:
    """One prompt at one step: rows of a call that belong together."""

    place: int
    """Of its list among those asked."""
    model: Model
    """With the prompt's own changes."""
    box: Box | None
    x: Tensor
    inputs: NetInput
    """With as many rows as `x`; without controls."""
    uses: tuple[ControlUse, ...]
    weight: Tensor

    def joins(self, other: _Row) -> bool:
        return (
            self.model.network is other.model.network
            and self.x.shape == other.x.shape
            and len(self.uses) == len(other.uses)
            and all(one is another for one, another in zip(self.uses, other.uses, strict=True))
            and are_joinable(self.inputs, other.inputs)
        )


class RunAnswers:
    """The `Answers` of one run. Keeps what controls prepare, so that each hint is made once."""

    def __init__(self, model: Model, run: RunInfo) -> None:
        self._model = model
        self._run = run
        self._hints: dict[tuple[int, Box | None], ControlInput] = {}
        self._uses: list[ControlUse] = []
        self._models = HookedModels()

    def prepare(self, *lists: Conditioning) -> tuple[PromptList, ...]:
        return prepared(self._model, self._run, lists)

    def __call__(
        self, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor
    ) -> tuple[Tensor, ...]:
        rows = self._rows(model, prompts, x, float(sigma[0]))
        totals = [torch.zeros_like(x) for _ in prompts]
        counts = [torch.full_like(x, NO_COUNT) for _ in prompts]
        # The last list first: ComfyUI's order, so the negative prompt's rows come before the positive's.
        waiting = rows[::-1]
        while waiting:
            group = self._group(waiting)
            waiting = [row for row in waiting if row not in group]
            for row, answer in zip(group, self._ask(group, sigma), strict=True):
                total, count = totals[row.place], counts[row.place]
                if row.box is not None:
                    total, count = row.box.of(total), row.box.of(count)
                total += answer * row.weight
                count += row.weight
        return tuple(total / count for total, count in zip(totals, counts, strict=True))

    def _rows(self, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: float) -> list[_Row]:
        rows: list[_Row] = []
        for place, conds in enumerate(prompts):
            active = [] if conds is None else [each for each in conds.conds if each.counts_at(sigma)]
            ready = [
                _row(self._models.find(model, each.cond.hooks, sigma), each, x, sigma=sigma, place=place)
                for each in active
            ]
            own = [row for row, each in zip(ready, active, strict=True) if not each.cond.is_default]
            rest = [row for row, each in zip(ready, active, strict=True) if each.cond.is_default]
            left = _left_over(own, x) if rest else None
            if left is not None and left.max() > 0:
                own += [replace(row, weight=left if row.box is None else row.box.of(left)) for row in rest]
            rows += own
        return rows

    def _group(self, waiting: Sequence[_Row]) -> list[_Row]:
        """Rows for one call: all that join the list's oldest, halved until they fit into memory."""
        oldest = waiting[-1]
        group = [row for row in waiting if row.joins(oldest)]
        cells = oldest.x.shape[0] * oldest.x.shape[-2] * oldest.x.shape[-1]
        if len(group) * cells > ALWAYS_FITS_CELLS:
            room = available_bytes(oldest.x.device) // (cells * BYTES_PER_CELL)
            part = 1
            while len(group) // part > max(room, 1):
                part += 1
            group = group[: max(1, len(group) // part)]
        return group

    def _ask(self, group: Sequence[_Row], sigma: Tensor) -> tuple[Tensor, ...]:
        inputs = joined([self._steered(row) for row in group])
        x = torch.cat([row.x for row in group])
        return group[0].model.denoise(x, sigma.repeat(len(group)), inputs).chunk(len(group))

    def _steered(self, row: _Row) -> NetInput:
        controls = tuple(self._hint(use, row.box) for use in row.uses)
        return with_rows(replace(row.inputs, controls=controls), row.x.shape[0])

    def _hint(self, use: ControlUse, box: Box | None) -> ControlInput:
        key = (id(use), box)
        if key not in self._hints:
            part = self._run.latent if box is None else box.of(self._run.latent)
            net = use.net.bound_to(self._model.network) if isinstance(use.net, UnboundControl) else use.net
            self._hints[key] = net.prepare(use, Latent(self._model.latent.to_raw(part)))
            # Kept alive, for its id names it.
            self._uses.append(use)
        return self._hints[key]


def _row(model: Model, each: PreparedCond, x: Tensor, *, sigma: float, place: int) -> _Row:
    box = each.box
    inputs = each.inputs
    if box is not None and inputs.concat is not None:
        inputs = replace(inputs, concat=box.of(inputs.concat))
    return _Row(
        place=place,
        model=model,
        box=box,
        x=x if box is None else box.of(x),
        inputs=with_rows(inputs, x.shape[0]),
        uses=active_controls(model.sampling, each.cond.control, sigma),
        weight=weight_of(each.cond, box, x),
    )


def _left_over(rows: Sequence[_Row], x: Tensor) -> Tensor:
    """What the weights of a list's prompts leave of 1, `[batch, 1, h, w]`."""
    left = torch.ones_like(x[:, :1])
    for row in rows:
        part = left if row.box is None else row.box.of(left)
        part -= row.weight
    return left.relu()
