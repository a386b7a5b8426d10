"""Names of weights, and weights: what a graph's handles hold, and what they find with it when they compute.

A part is one module: "network", "vae", "control", "clip_vision", or a text encoder ("clip_l", "clip_g", "t5xxl").
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from studio_engine.denoise.batcher import Batcher
    from studio_engine.models.files import ModelFile
    from studio_engine.runtime.plan import ComputePlan
    from studio_engine.sampling.model import LatentFormat


class WeightPatch(Protocol):
    """A change to a part's weights: a LoRA, a merge with another model. A frozen value, equal to its equals."""

    def __hash__(self) -> int: ...

    def changes(self, base: nn.Module, source: PartSource, /) -> Mapping[str, Callable[[Tensor], Tensor]]:
        """Parameter name of `base` -> from its fp32 weight to the changed one, of the same shape.

        Applied in a ref's order, summed in fp32 and cast back once. Raises EngineError where it does not fit.
        """
        ...


@dataclass(frozen=True)
class PartRef:
    """A part by name. Equal refs name equal weights, wherever their files lie."""

    files: tuple[ModelFile, ...] = field(compare=False)
    part: str
    family: str
    """Name of a Family record: which layout the files have."""
    patches: tuple[WeightPatch, ...] = ()
    weight_dtype: str | None = None
    """What the weights are rounded to and kept in, in torch's spelling ("float8_e4m3fn"); None = as the plan says."""
    digests: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digests", tuple(file.sha256 for file in self.files))

    @cached_property
    def base(self) -> PartRef:
        """The same part without patches."""
        return replace(self, patches=()) if self.patches else self

    def patched_by(self, patch: WeightPatch) -> PartRef:
        return replace(self, patches=(*self.patches, patch))

    @property
    def key(self) -> Hashable:
        """Short and hashed in C, for batch keys and stores: (part, family, digests, dtype, patches)."""
        return (self.part, self.family, self.digests, self.weight_dtype, self.patches)


@dataclass(frozen=True, eq=False)
class LoadedPart:
    """A part in memory. Keep it no longer than one computation: a handle asks again each time."""

    module: nn.Module
    config: object
    """The sizes, as read from the file's shapes: UnetConfig, VaeConfig, …"""
    dtype: torch.dtype
    """What the module computes in."""
    owned_bytes: int
    """Memory that goes away with this object: weights shared with an unpatched base do not count."""


class PartSource(Protocol):
    """Finds the weights behind a handle, loading them when they are not in memory. Safe to use from any thread."""

    @property
    def plan(self) -> ComputePlan: ...

    @property
    def batcher(self) -> Batcher:
        """Through which all heavy work reaches the device."""
        ...

    def part(self, ref: PartRef) -> LoadedPart:
        """Raises `model.file_missing`, `model.file_corrupt`, `model.family_unknown`, `model.untrained`."""
        ...

    def preview(self, latents: Tensor, latent: LatentFormat, vae: PartRef | None) -> Tensor:
        """Rough colours of latents as networks see them: `[batch, h, w, 3]` in 0…1 on the CPU, of any size."""
        ...


@dataclass(frozen=True)
class WeightSource:
    """Where in the files a module's parameter lies."""

    key: str
    take: Callable[[Tensor], Tensor] | None = None
    """What of the stored tensor it is: a third of a fused projection, a transpose; None = all, as stored."""
    default: Callable[[], Tensor] | None = None
    """Its value where the files lack the key; None = it must be there."""


@dataclass(frozen=True)
class Blueprint:
    """How to make one part from its files."""

    config: object
    empty: Callable[[], nn.Module]
    """The module on the meta device, in inference mode."""
    source: Callable[[str], WeightSource]
    """The name of a parameter or persistent buffer of the module -> where it lies. Total over the module's names."""
    dtype: torch.dtype
    """What the module computes in."""
    is_idle: Callable[[str], bool] = lambda key: False
    """Whether a stored tensor is known to be of no use; what is neither used nor idle is reported in the log."""
    finish: Callable[[nn.Module], None] = lambda module: None
    """Sets what no file holds (tables, attention kernels) once the weights are in place."""
    stored_dtype: torch.dtype | None = None
    """What the weights are rounded to and kept in where that is narrower; see `narrow`."""
    tensors: Callable[[], Mapping[str, Tensor]] | None = None
    """The stored tensors, where they do not come from the ref's .safetensors files as they are."""
