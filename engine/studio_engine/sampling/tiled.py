"""Pictures larger than a network can see at once: every step is asked in tiles whose overlaps are averaged.

MultiDiffusion (Bar-Tal et al. 2023). A tile is an area of the prompt, so masks, inpainting and nets go along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torch import Tensor

from studio_engine.sampling.conditioning import ControlUse
from studio_engine.sampling.conds import PreparedCond, PromptList
from studio_engine.sampling.hooks import RunState
from studio_engine.sampling.regions import Box

if TYPE_CHECKING:
    from studio_engine.sampling.hooks import Answers
    from studio_engine.sampling.model import Model


def tile_grid(height: int, width: int, tile: int, overlap: int) -> list[Box]:
    """Tiles of one size, evenly spread, that cover `height` × `width` cells and overlap by `overlap` or more."""
    rows, columns = _starts(height, tile, overlap), _starts(width, tile, overlap)
    return [Box(min(tile, height), min(tile, width), y, x) for y in rows for x in columns]


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    if side <= tile:
        return [0]
    count = math.ceil((side - overlap) / (tile - overlap))
    return [round(index * (side - tile) / (count - 1)) for index in range(count)]


@dataclass(frozen=True, eq=False)
class TiledAsk:
    """An AskHook. Prompts that have an area of their own keep it."""

    tile: int
    """Side of a tile in latent cells."""
    overlap: int
    """Cells that neighbours share at least; smaller than the tile."""
    _lists: RunState[dict[int, tuple[PromptList, PromptList]]] = field(default_factory=RunState)
    """Of each run: a list by its id, and in tiles. Nets prepare their hints once per tile, not per step."""

    def __call__(
        self, answer: Answers, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor, /
    ) -> tuple[Tensor, ...]:
        boxes = tile_grid(x.shape[-2], x.shape[-1], self.tile, self.overlap)
        if len(boxes) == 1:
            return answer(model, prompts, x, sigma)
        tiled = [None if each is None else self._tiled(answer, each, boxes, x) for each in prompts]
        return answer(model, tiled, x, sigma)

    def _tiled(self, answer: Answers, prompts: PromptList, boxes: Sequence[Box], x: Tensor) -> PromptList:
        known = self._lists.get(answer) or {}
        if id(prompts) not in known:
            conds = tuple(part for cond in prompts.conds for part in _parts(cond, boxes, x))
            known = {**known, id(prompts): (prompts, PromptList(conds))}
            self._lists.set(answer, known)
        return known[id(prompts)][1]


def _parts(prepared: PreparedCond, boxes: Sequence[Box], x: Tensor) -> list[PreparedCond]:
    if prepared.box is not None:
        return [prepared]
    height, width = x.shape[-2:]
    return [
        replace(prepared, box=box, cond=replace(prepared.cond, control=_cut(prepared.cond.control, box, height, width)))
        for box in boxes
    ]


def _cut(use: ControlUse | None, box: Box, height: int, width: int) -> ControlUse | None:
    """A net sees the part of its picture that lies under the tile."""
    if use is None:
        return None
    rows, columns = use.hint.shape[1] / height, use.hint.shape[2] / width
    top, bottom = round(box.y * rows), max(round(box.y * rows) + 1, round((box.y + box.height) * rows))
    left, right = round(box.x * columns), max(round(box.x * columns) + 1, round((box.x + box.width) * columns))
    return replace(use, hint=use.hint[:, top:bottom, left:right], previous=_cut(use.previous, box, height, width))
