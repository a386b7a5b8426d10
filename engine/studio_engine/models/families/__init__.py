"""The model families that this engine runs. A new family = a file here and a line in FAMILIES."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.families import flux, sd1, sd2, sd3, sdxl, sdxl_refiner
from studio_engine.models.families.family import Family
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef
from studio_engine.runtime.plan import ComputePlan

FAMILIES: Final[tuple[Family, ...]] = (
    sd1.FAMILY,
    sd2.FAMILY,
    sdxl.FAMILY,
    sdxl_refiner.FAMILY,
    sd3.FAMILY,
    flux.FAMILY,
)
# What stands before the network's names in a file; files of a network alone have nothing there.
PREFIXES: Final = ("model.diffusion_model.", "model.model.", "net.", "")


def family_named(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


def find_network(header: SafetensorsHeader) -> tuple[Family, PartKeys] | None:
    """The family of a file's network, and the network's names; None where no family knows them."""
    for prefix in PREFIXES:
        keys = PartKeys(header, prefix)
        for family in FAMILIES:
            if family.matches(keys):
                return family, keys
    return None


def network_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    found = find_network(headers[0])
    if found is None:
        raise EngineError("model.family_unknown", f"{headers[0].path.name} holds no network that this engine runs.")
    family, keys = found
    return family.blueprint(ref, keys, plan)
