"""How to make a ControlNet from its file, and from the network's where it holds only what differs from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from torch import Tensor

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_tensors
from studio_engine.errors import EngineError
from studio_engine.models.control.config import ControlConfig, hint_widths, is_ldm, read_control_config
from studio_engine.models.control.keys import ldm_control_key
from studio_engine.models.families import network_blueprint
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.fill import StoredTensors
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan

Kind: TypeAlias = Literal["whole", "difference", "low_rank"]
"""Whether the file holds the weights, what to add to the network's, or that in factors (ControlLoRA)."""

MARKS: Final[Mapping[Kind, str]] = {"difference": "difference", "low_rank": "lora_controlnet"}
_PREFIX: Final = "control_model."


def control_keys(header: SafetensorsHeader) -> PartKeys:
    return PartKeys(header, _PREFIX if f"{_PREFIX}input_blocks.0.0.weight" in header.tensors else "")


def kind_of(header: SafetensorsHeader) -> Kind:
    return next((kind for kind, mark in MARKS.items() if mark in header.tensors), "whole")


def control_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    """Of a ref to the net's file, followed by those of the network that it belongs to where it needs them."""
    from studio_engine.models.control.union import empty_control

    keys, kind = control_keys(headers[0]), kind_of(headers[0])
    network = _network(ref, headers, plan) if len(headers) > 1 and kind != "whole" else None
    if kind == "low_rank":
        config = ControlConfig(_unet_config(network, headers[0]), hint_widths(keys))
    else:
        config = read_control_config(keys)
    names_ldm = kind == "low_rank" or is_ldm(keys)

    def source(name: str) -> WeightSource:
        return WeightSource(keys.prefix + (ldm_control_key(name, config) if names_ldm else name))

    made = Blueprint(
        config=config,
        empty=lambda: empty_control(config),
        source=source,
        dtype=plan.dtype_for(plan.unet_dtype, config.unet.widths),
        is_idle=lambda key: key in MARKS.values(),
    )
    if network is None:
        return made
    join = _Join(made, network, headers)
    return replace(made, tensors=join.tensors, is_idle=lambda key: True)


@dataclass(frozen=True, eq=False)
class _Join:
    """The network's weights with a net's changes, under the net's stored names."""

    net: Blueprint
    network: Blueprint
    headers: Sequence[SafetensorsHeader]

    def tensors(self) -> Mapping[str, Tensor]:
        changes = read_tensors(self.headers[0])
        base: dict[str, Tensor] = {}
        for header in self.headers[1:]:
            base |= read_tensors(header)
        stored = StoredTensors(self.headers[1], base)
        is_low_rank = kind_of(self.headers[0]) == "low_rank"
        shared = {name for name, _ in self.network.empty().named_parameters()}
        joined: dict[str, Tensor] = {}
        for name, _ in self.net.empty().named_parameters():
            key = self.net.source(name).key
            weight = stored.find(self.network.source(name).key) if name in shared else None
            value = _low_rank(key, changes, weight) if is_low_rank else _difference(key, changes, weight)
            if value is not None:
                joined[key] = value
        return joined


def _difference(key: str, changes: Mapping[str, Tensor], weight: Tensor | None) -> Tensor | None:
    change = changes.get(key)
    return change if change is None or weight is None else change.float() + weight.float()


def _low_rank(key: str, changes: Mapping[str, Tensor], weight: Tensor | None) -> Tensor | None:
    """What the file holds whole replaces the network's; `up` and `down` beside it are added."""
    if key in changes:
        return changes[key]
    stem = key.removesuffix(".weight")
    up, down = changes.get(f"{stem}.up"), changes.get(f"{stem}.down")
    if weight is None or up is None or down is None:
        return weight
    return weight.float() + (up.float().flatten(1) @ down.float().flatten(1)).reshape(weight.shape)


def _network(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    return network_blueprint(PartRef(ref.files[1:], "network", ref.family), headers[1:], plan)


def _unet_config(network: Blueprint | None, header: SafetensorsHeader) -> UnetConfig:
    if network is None or not isinstance(network.config, UnetConfig):
        raise EngineError(
            "model.family_unknown",
            f"{header.path.name} holds changes to an SDXL or SD network; use it with a model of that kind.",
        )
    return network.config
