"""An adapter's file as a WeightPatch: found, read and fitted when the weights are needed, equal by content."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.errors import EngineError
from studio_engine.models.adapters.change import Added, AddedPart, Change
from studio_engine.models.adapters.layouts import single_file_source
from studio_engine.models.adapters.names import Target, Targets, part_of, spelling_of, targets
from studio_engine.models.adapters.parse import read_changes
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.runtime.plan import ComputePlan

log = logging.getLogger(__name__)

# A file of another model of the same names may fit here and there; less than this share of fits is no accident.
_FITTING_SHARE: Final = 0.5


@dataclass(frozen=True)
class AdapterPatch:
    """A WeightPatch: LoRA, LoHa, LoKr, DoRA, … of one part at one strength."""

    file: ModelFile = field(compare=False)
    target: PartRef = field(compare=False)
    """The part without patches, as a key to its names."""
    strength: float
    encoders: tuple[str, ...] = ()
    """The text encoders of the model, in the family's order: what `te1` and `te2` mean."""
    digest: str = field(init=False)
    part: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self.file.sha256)
        object.__setattr__(self, "part", self.target.part)

    def changes(self, base: nn.Module, source: PartSource, /) -> Mapping[str, Callable[[Tensor], Tensor]]:
        shapes = {name: parameter.shape for name, parameter in base.named_parameters()}
        known = _targets(self.target, tuple(shapes), source.plan)
        encoders = self.encoders or (self.part,)
        changes = {
            (spelling.name, kind): change
            for (module, kind), change in read_changes(read_header(self.file.path)).items()
            if part_of(spelling := spelling_of(module), encoders) == self.part
        }
        fitted, unknown = fit(changes, known, shapes)
        self._report(unknown, len(fitted))
        return {name: partial(change.applied, strength=self.strength) for name, change in fitted.items()}

    def _report(self, unknown: list[str], fitted_count: int) -> None:
        if unknown and fitted_count < (fitted_count + len(unknown)) * _FITTING_SHARE:
            raise EngineError(
                "model.family_unknown",
                f"{self.file.name} changes {unknown[0]}, which this model does not have in that size; "
                "it was made for another model. Choose a LoRA for this one.",
            )
        if unknown:
            log.warning("%s: %d weights do not fit, first %s", self.file.name, len(unknown), unknown[0])


def fit(
    changes: Mapping[tuple[str, str], Change], known: Targets, shapes: Mapping[str, torch.Size]
) -> tuple[dict[str, Change], list[str]]:
    """Changes by parameter, and the names of those that concern no parameter of their size.

    `changes` are named as `known` is: (flat module name, `weight` or `bias`).
    """
    fitted: dict[str, Change] = {}
    unknown: list[str] = []
    for name, change in changes.items():
        placed = ((target.parameter, _part(change, target)) for target in known.get(name, ()))
        fits = {parameter: part for parameter, part in placed if part is not None and _fits(part, shapes[parameter])}
        fitted |= fits
        if not fits:
            unknown.append(name[0])
    return fitted, unknown


def _part(change: Change, target: Target) -> Change | None:
    """None where the change is defined for the whole only, and the target is part of it."""
    if target.take is None:
        return change
    return AddedPart(change.delta, target.take) if isinstance(change, Added) else None


def _fits(change: Change, shape: torch.Size) -> bool:
    try:
        result = change.applied(torch.empty(shape, device="meta"), 1.0)
    except (RuntimeError, ValueError, IndexError):
        return False
    return result.shape == shape


@lru_cache(maxsize=16)
def _targets(target: PartRef, parameters: tuple[str, ...], plan: ComputePlan) -> Targets:
    config = blueprint_of(target, [read_header(file.path) for file in target.files], plan).config
    return targets(parameters, single_file_source(config))
