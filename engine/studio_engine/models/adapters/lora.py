"""Adds adapters to models and text encoders: LoRA, LoCon, LoHa, LoKr, DoRA and whatever else changes weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, runtime_checkable

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.adapters.names import part_of, spelling_of
from studio_engine.models.adapters.origin import LABELS, adapter_family, adds_channels, is_adapter
from studio_engine.models.adapters.parse import split_key
from studio_engine.models.adapters.patch import AdapterPatch
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, WeightPatch

if TYPE_CHECKING:
    from studio_engine.sampling.model import Model

NetworkT = TypeVar("NetworkT", bound="PatchableNetwork")
TextT = TypeVar("TextT", bound="PatchableText")
ClipT = TypeVar("ClipT")


@runtime_checkable
class PatchableNetwork(Protocol):
    @property
    def ref(self) -> PartRef: ...

    def patched_by(self: NetworkT, patch: WeightPatch, /) -> NetworkT: ...


@runtime_checkable
class PatchableText(Protocol):
    @property
    def refs(self) -> tuple[PartRef, ...]:
        """Its encoders, in the family's order."""
        ...

    def patched_by(self: TextT, part: str, patch: WeightPatch, /) -> TextT: ...


def adapted_model(model: Model, file: ModelFile, strength: float) -> Model:
    """The model with the adapter's share in its network; the very same where it has none.

    Raises `model.family_unknown` where the adapter was made for another family.
    """
    header = _checked(file, strength)
    network = model.network
    if not isinstance(network, PatchableNetwork):
        raise EngineError("model.family_unknown", f"{file.name} cannot be applied to this kind of model.")
    _check_family(header, network.ref.family)
    if strength == 0.0 or "network" not in set(_parts(header, ())):
        return model
    patch = AdapterPatch(file, network.ref.base, strength)
    return replace(model, network=network.patched_by(patch))


def adapted_text(clip: ClipT, file: ModelFile, strength: float) -> ClipT:
    """The text encoder with the adapter's share in each of its parts; the very same where it has none."""
    header = _checked(file, strength)
    if not isinstance(clip, PatchableText):
        raise EngineError("model.family_unknown", f"{file.name} cannot be applied to this kind of text encoder.")
    encoders = tuple(ref.part for ref in clip.refs)
    changed = set(_parts(header, encoders)) if strength != 0.0 else set()
    result: PatchableText = clip
    for ref in clip.refs:
        if ref.part in changed:
            result = result.patched_by(ref.part, AdapterPatch(file, ref.base, strength, encoders))
    return cast(ClipT, result)


def _checked(file: ModelFile, strength: float) -> SafetensorsHeader:
    if not math.isfinite(strength):
        raise EngineError("engine.node_failed", f"The strength of {file.name} is not a number; set one, such as 1.")
    header = read_header(file.path)
    if not is_adapter(header):
        raise EngineError("model.family_unknown", f"{file.name} is not a LoRA that this engine can apply.")
    if adds_channels(header):
        raise EngineError(
            "model.family_unknown",
            f"{file.name} gives Flux more input channels, which this engine cannot add; use Flux Canny or Flux Depth "
            "as a whole model instead.",
        )
    return header


def _check_family(header: SafetensorsHeader, family: str) -> None:
    made_for = adapter_family(header)
    if made_for is not None and made_for != family:
        raise EngineError(
            "model.family_unknown",
            f"This LoRA was made for {LABELS[made_for]}; the loaded model is {LABELS.get(family, family)}. "
            f"Choose another than {header.path.name}, or load a model of its family.",
            details={"adapterFamily": made_for, "modelFamily": family},
        )


def _parts(header: SafetensorsHeader, encoders: tuple[str, ...]) -> Iterator[str | None]:
    for key in header.tensors:
        if found := split_key(key):
            yield part_of(spelling_of(found[0]), encoders)
