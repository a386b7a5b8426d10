"""Merges of two models' weights, as patches of the first: w = own · w1 + other · w2, per block where asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.adapters.layouts import single_file_source
from studio_engine.models.adapters.lora import PatchableNetwork, PatchableText
from studio_engine.models.parts import LoadedPart, PartRef, PartSource
from studio_engine.runtime.packing import plain_weight

if TYPE_CHECKING:
    from studio_engine.sampling.model import Model

log = logging.getLogger(__name__)

ClipT = TypeVar("ClipT")
Shares: TypeAlias = tuple[float, float]
"""(of the first model, of the second)"""

# Models that have less than this share of their weights in common are of different families.
_COMMON_SHARE: Final = 0.5


@dataclass(frozen=True)
class MergePatch:
    """A WeightPatch."""

    other: PartRef
    shares: Shares
    by_prefix: tuple[tuple[str, Shares], ...] = ()
    """(begin of names as single files have them, its shares); the longest that fits decides."""

    def changes(self, base: nn.Module, source: PartSource, /) -> Mapping[str, Callable[[Tensor], Tensor]]:
        part = source.part(self.other)
        weights = dict(part.module.named_parameters())
        shared = {
            name: self._shares_of(name, part)
            for name, own in base.named_parameters()
            if name in weights and weights[name].shape == own.shape
        }
        total = sum(1 for _ in base.named_parameters())
        if len(shared) < total * _COMMON_SHARE:
            raise EngineError(
                "model.family_unknown",
                f"{self.other.files[0].name} cannot be merged: it has other weights than the first model. "
                "Merge models of one family.",
            )
        if len(shared) < total:
            log.warning("%s: %d weights differ in size, not merged", self.other.files[0].name, total - len(shared))
        return {
            name: partial(_merged, plain_weight(weights[name].detach()), shares)
            for name, shares in shared.items()
            if shares != (1.0, 0.0)
        }

    def _shares_of(self, name: str, part: LoadedPart) -> Shares:
        if not self.by_prefix:
            return self.shares
        stored = single_file_source(part.config)
        key = name if stored is None else stored(name).key
        fitting = [(len(prefix), shares) for prefix, shares in self.by_prefix if key.startswith(prefix)]
        return max(fitting, key=lambda each: each[0])[1] if fitting else self.shares


def merged_models(
    first: Model, second: Model, shares: Shares, *, by_prefix: Mapping[str, Shares] | None = None
) -> Model:
    """The first model with its network's weights mixed with the second's. Raises `model.family_unknown`."""
    one, two = first.network, second.network
    if not isinstance(one, PatchableNetwork) or not isinstance(two, PatchableNetwork):
        raise EngineError("model.family_unknown", "These models cannot be merged; load both with a checkpoint loader.")
    if one.ref.family != two.ref.family:
        raise EngineError(
            "model.family_unknown",
            f"A model of the family {two.ref.family} cannot be merged into one of {one.ref.family}; choose another.",
        )
    patch = MergePatch(two.ref, shares, tuple((by_prefix or {}).items()))
    return replace(first, network=one.patched_by(patch))


def merged_texts(first: ClipT, second: object, shares: Shares) -> ClipT:
    """The first text encoder with the weights of each of its encoders mixed with the second's of the same kind."""
    if not isinstance(first, PatchableText) or not isinstance(second, PatchableText):
        raise EngineError("model.family_unknown", "These text encoders cannot be merged.")
    others = {ref.part: ref for ref in second.refs}
    result: PatchableText = first
    for ref in first.refs:
        if ref.part in others:
            result = result.patched_by(ref.part, MergePatch(others[ref.part], shares))
    return cast(ClipT, result)


@torch.no_grad()
def _merged(other: Tensor, shares: Shares, weight: Tensor) -> Tensor:
    own, others = shares
    return weight * own + other.to(weight.device).float() * others
