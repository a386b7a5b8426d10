"""Changes inside of a UNet, by hooks at its blocks and attention layers."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
from torch import Tensor

from studio_engine.imaging.resize import resize
from studio_engine.sampling.cfg_hooks import scaled_spectrum
from studio_engine.sampling.conds import sigma_range
from studio_engine.sampling.hooks import HookCall
from studio_engine.sampling.model_sampling import ModelSampling

Undo: TypeAlias = Callable[[Tensor], Tensor]

LEAST_TILE: Final = 32
CELL: Final = 8
_forward = threading.local()
"""`undo`: how to bring back what an input hook did, for the output hook of the same layer. A layer's hooks follow one
another in one thread, whatever jobs' rows share the forward."""


@dataclass(frozen=True)
class FreeU:
    """Si et al. 2023: the two deepest levels count more than their skip connections. A SkipHook."""

    backbone: tuple[float, float]
    """Of the deepest and the second level; so `skip`."""
    skip: tuple[float, float]
    is_structured: bool = False
    """The second version: stronger where the running tensor is."""

    def __call__(self, h: Tensor, skip: Tensor, call: HookCall) -> tuple[Tensor, Tensor]:
        levels = [level for level, times in enumerate((4, 2)) if call.width and h.shape[1] == call.width * times]
        if not levels:
            return h, skip
        gain, fade = self.backbone[levels[0]], self.skip[levels[0]]
        half = h.shape[1] // 2
        scale = self._structure(h) * (gain - 1) + 1 if self.is_structured else gain
        h = torch.cat([h[:, :half] * scale, h[:, half:]], dim=1)
        return h, scaled_spectrum(skip, (1, 1), inside=fade)

    def _structure(self, h: Tensor) -> Tensor:
        """The mean over channels, stretched to 0…1 in each row: `[rows, 1, h, w]`."""
        mean = h.mean(dim=1, keepdim=True)
        low, high = mean.amin(dim=(2, 3), keepdim=True), mean.amax(dim=(2, 3), keepdim=True)
        return (mean - low) / (high - low).clamp(min=torch.finfo(h.dtype).tiny)


@dataclass
class DeepShrink:
    """Kohya's deep shrink: deep levels are computed smaller in early steps, so that objects are not doubled.

    It goes by the sigma of a whole call, so calls of several jobs must not be joined: it has no hash.
    """

    block: int
    scale: float
    """Factor on both sides."""
    sigmas: tuple[float, float]
    method: str

    @classmethod
    def between(
        cls, sampling: ModelSampling, percents: tuple[float, float], *, block: int, scale: float, method: str
    ) -> DeepShrink:
        return cls(block, scale, sigma_range(sampling, *percents), method)

    def __call__(self, h: Tensor, call: HookCall) -> Tensor:
        if call.place.block != self.block or not self.sigmas[0] >= float(call.sigma[0]) >= self.sigmas[1]:
            return h
        height, width = (round(side * self.scale) for side in h.shape[-2:])
        return _resized(h, width=width, height=height, method=self.method)


@dataclass(frozen=True)
class GrowToSkip:
    """A SkipHook: a tensor that was shrunk meets its skip connection at that one's size."""

    method: str

    def __call__(self, h: Tensor, skip: Tensor, call: HookCall) -> tuple[Tensor, Tensor]:
        if h.shape[2:] == skip.shape[2:]:
            return h, skip
        return _resized(h, width=skip.shape[-1], height=skip.shape[-2], method=self.method), skip


@dataclass(frozen=True)
class ScaledInputs:
    """An AttentionInputHook: queries, keys and values times a number each."""

    q: float
    k: float
    v: float

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, call: HookCall) -> tuple[Tensor, Tensor, Tensor]:
        return q * self.q, k * self.k, v * self.v


@dataclass(frozen=True)
class ScaledOutput:
    """An AttentionOutputHook."""

    factor: float

    def __call__(self, out: Tensor, call: HookCall) -> Tensor:
        return out * self.factor


@dataclass(frozen=True)
class Undone:
    """An AttentionOutputHook: brings back what the layer's input hook did to the queries."""

    def __call__(self, out: Tensor, call: HookCall) -> Tensor:
        undo: Undo | None = getattr(_forward, "undo", None)
        _forward.undo = None
        return out if undo is None else undo(out)


@dataclass(frozen=True)
class HyperTile:
    """Attention within tiles (T. Fernandez): cost grows with the picture's size instead of its square.

    Queries are cut into tiles, keys and values into as many strips, as ComfyUI does. The tiles' size varies from
    layer to layer, so that no seam shows.
    """

    tile_size: int
    """Pixels."""
    swap_size: int
    max_depth: int
    scale_depth: bool

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, call: HookCall) -> tuple[Tensor, Tensor, Tensor]:
        _forward.undo = None
        height, width = call.latent_shape[-2:]
        tokens = [(height / 2**depth) * (width / 2**depth) for depth in range(self.max_depth + 1)]
        if q.shape[1] not in tokens:
            return q, k, v
        depth = tokens.index(q.shape[1])
        rows, columns = (side // 2**depth for side in (height, width))
        least = max(LEAST_TILE, self.tile_size) // CELL * (2**depth if self.scale_depth else 1)
        down, across = (self._parts(side, least, f"{call.place}{axis}") for axis, side in enumerate((rows, columns)))
        parts = down * across
        if parts == 1 or k.shape[1] % parts:
            return q, k, v
        batch = q.shape[0]
        tiles = q.view(batch, down, rows // down, across, columns // across, -1).transpose(2, 3)

        def undo(out: Tensor) -> Tensor:
            cells = out.view(batch, down, across, rows // down, columns // across, -1)
            return cells.transpose(2, 3).reshape(batch, rows * columns, -1)

        _forward.undo = undo
        strips = [each.reshape(batch * parts, each.shape[1] // parts, -1) for each in (k, v)]
        return tiles.reshape(batch * parts, q.shape[1] // parts, -1), strips[0], strips[1]

    def _parts(self, side: int, least: int, place: str) -> int:
        """How many tiles along a side: at most so many that each has `least` cells."""
        lengths = [length for length in range(min(least, side), side + 1) if side % length == 0][: self.swap_size]
        # The last of them is never chosen, unless it is the only one: so ComfyUI draws.
        return side // random.Random(place).choice(lengths[:-1] or lengths)


@dataclass
class TokenMerging:
    """Bolya & Hoffman 2023: at the first level, similar tokens ask as one. Their choice is drawn for each step.

    It goes by the sigma of a whole call, so calls of several jobs must not be joined: it has no hash.
    """

    ratio: float

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, call: HookCall) -> tuple[Tensor, Tensor, Tensor]:
        _forward.undo = None
        height, width = call.latent_shape[-2:]
        merged = int(q.shape[1] * self.ratio)
        if q.shape[1] != height * width or merged <= 0:
            return q, k, v
        matching = _Matching.of(q, (height, width), merged, f"{call.place}{float(call.sigma[0])}")
        _forward.undo = matching.spread
        return matching.merge(q), k, v


@dataclass(frozen=True)
class _Matching:
    """Which tokens join which. Every 2 × 2 cells have one target; the others are sources."""

    sources: Tensor
    """`[tokens]`: indexes of the sources; so `targets`."""
    targets: Tensor
    joining: Tensor
    """`[rows, joined]`: places in `sources` of those that join a target, most similar first."""
    staying: Tensor
    joined_to: Tensor
    """`[rows, joined]`: places in `targets`."""

    @classmethod
    def of(cls, x: Tensor, size: tuple[int, int], count: int, seed: str) -> _Matching:
        targets = _one_of_four(size, seed).to(x.device)
        is_target = torch.zeros(x.shape[1], dtype=torch.bool, device=x.device)
        is_target[targets] = True
        sources = (~is_target).nonzero()[:, 0]
        unit = x / x.norm(dim=-1, keepdim=True)
        best, nearest = (unit[:, sources] @ unit[:, targets].transpose(1, 2)).max(dim=-1)
        order = best.argsort(dim=-1, descending=True)
        count = min(count, len(sources))
        joining = order[:, :count]
        return cls(sources, targets, joining, order[:, count:], nearest.gather(1, joining))

    def merge(self, x: Tensor) -> Tensor:
        """Staying sources, then targets, which are averages with all that join them."""
        width = x.shape[-1]
        sources, targets = x[:, self.sources], x[:, self.targets]
        joining = sources.gather(1, _wide(self.joining, width))
        means = targets.scatter_reduce(1, _wide(self.joined_to, width), joining, reduce="mean")
        return torch.cat([sources.gather(1, _wide(self.staying, width)), means], dim=1)

    def spread(self, x: Tensor) -> Tensor:
        """To every token what the one says that it joined."""
        width, stay = x.shape[-1], self.staying.shape[1]
        staying, targets = x[:, :stay], x[:, stay:]
        sources = x.new_empty(x.shape[0], len(self.sources), width)
        sources.scatter_(1, _wide(self.staying, width), staying)
        sources.scatter_(1, _wide(self.joining, width), targets.gather(1, _wide(self.joined_to, width)))
        out = x.new_empty(x.shape[0], len(self.sources) + len(self.targets), width)
        out[:, self.sources], out[:, self.targets] = sources, targets
        return out


def _one_of_four(size: tuple[int, int], seed: str) -> Tensor:
    """A cell drawn from every whole 2 × 2 of a picture: its index."""
    height, width = size
    draw = random.Random(seed)
    cells = [
        (y + draw.randrange(2)) * width + x + draw.randrange(2)
        for y in range(0, height - height % 2, 2)
        for x in range(0, width - width % 2, 2)
    ]
    return torch.tensor(cells or [0])


def _wide(index: Tensor, width: int) -> Tensor:
    return index[..., None].expand(-1, -1, width)


def _resized(h: Tensor, *, width: int, height: int, method: str) -> Tensor:
    return resize(h.float(), max(1, width), max(1, height), method=method).to(h.dtype)
