"""A model family: how its files are recognised, and what its network needs besides weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio_engine.models.files import ModelDefaults
    from studio_engine.models.keys import PartKeys
    from studio_engine.models.parts import Blueprint, PartRef, PartSource
    from studio_engine.runtime.plan import ComputePlan
    from studio_engine.sampling.model import LatentFormat, Network
    from studio_engine.sampling.model_sampling import ModelSampling


@dataclass(frozen=True)
class Family:
    name: str
    """`sd1`, `sdxl`, … as PartRef, Network and ModelFile carry it."""
    label: str
    """As people write it: `SD 1.x`."""
    matches: Callable[[PartKeys], bool]
    """Whether these are the network's stored names, without prefix. Families are asked in order; the first wins."""
    blueprint: Callable[[PartRef, PartKeys, ComputePlan], Blueprint]
    """Of the network."""
    network: Callable[[PartSource, PartRef, PartRef | None, PartKeys], Network]
    """The network's handle, from its own ref and that of the autoencoder which shows previews, where there is one."""
    latent: Callable[[PartKeys], LatentFormat]
    sampling: Callable[[PartKeys], ModelSampling]
    """Also from marker keys, which stand beside the network's: see `PartKeys.header`."""
    defaults: ModelDefaults
    text: tuple[str, ...]
    """The text encoders that it reads, as parts."""
    clip_type: str
    """CLIPLoader's name for the family's set of text encoders."""
