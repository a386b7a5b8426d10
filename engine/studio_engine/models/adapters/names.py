"""Names: from an adapter's file to the parameters of this engine's modules.

Every spelling is brought to one form, dots and underscores alike, so that a table of a model's own names and of those
in its makers' files finds a target whichever trainer wrote the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from torch import Tensor

from studio_engine.models.parts import WeightSource

_NETWORK_PREFIX: Final = re.compile(
    r"(lora_unet_+|lora_transformer_|lycoris_|(unet\.)?base_model\.model\.|unet\.|transformer\."
    r"|(model\.)?diffusion_model\.)"
)
_TEXT_PREFIX: Final = re.compile(
    r"(?:lora_te(?P<kohya>\d?)_|text_encoder(?:_(?P<diffusers>\d))?\."
    r"|text_encoders\.(?P<name>\w+)\.(?:transformer\.)?)(?:text_model[._])?"
)


@dataclass(frozen=True)
class Spelling:
    """A changed module as a file names it, in one form."""

    part: str
    """`network`, a text encoder by name, or by its place in the family: `text1`, `text2`, …"""
    name: str


@dataclass(frozen=True)
class Target:
    """A parameter of our module, and what it is of what the name means."""

    parameter: str
    take: Callable[[Tensor], Tensor] | None = None
    """From the weight of that name to this parameter; None = it is the same weight."""


Targets: TypeAlias = Mapping[tuple[str, str], tuple[Target, ...]]
"""(flat module name, `weight` or `bias`) -> the parameters that a change of that name concerns."""


def spelling_of(module: str) -> Spelling:
    """`lora_te2_text_model_encoder_layers_0_mlp_fc1` -> text2, `encoder_layers_0_mlp_fc1`."""
    if match := _TEXT_PREFIX.match(module):
        part = match["name"] or f"text{match['kohya'] or match['diffusers'] or 1}"
        return Spelling(part, _flat(module[match.end() :]))
    match = _NETWORK_PREFIX.match(module)
    name = module[match.end() :] if match else module
    return Spelling("network", _flat(re.sub(r"\.processor\.", ".", name)))


def targets(parameters: Iterable[str], stored: Callable[[str], WeightSource] | None) -> Targets:
    """All names of our parameters: our own, and those of the makers' files. A fused projection concerns several."""
    found: dict[tuple[str, str], list[Target]] = {}
    for parameter in parameters:
        ours = _named(parameter)
        found.setdefault(ours, []).append(Target(parameter))
        if stored is not None:
            source = stored(parameter)
            theirs = _named(source.key)
            if theirs != ours:
                found.setdefault(theirs, []).append(Target(parameter, source.take))
    return {name: tuple(group) for name, group in found.items()}


def part_of(spelling: Spelling, encoders: Iterable[str]) -> str | None:
    """Which part of a family with these text encoders, in order, is meant; None = none of them.

    Flux has two encoders, and trainers that count T5 third where SD3 has it.
    """
    names = tuple(encoders)
    if spelling.part == "network" or spelling.part in names:
        return spelling.part
    place = int(spelling.part[4:]) if re.fullmatch(r"text\d", spelling.part) else 0
    if place == 3 and len(names) == 2 and names[1].startswith("t5"):
        place = 2
    return names[place - 1] if 1 <= place <= len(names) else None


def _named(parameter: str) -> tuple[str, str]:
    module, _, kind = parameter.rpartition(".")
    # The makers' norms have a `scale`.
    return _flat(module), kind if kind in ("weight", "bias") else "weight"


def _flat(name: str) -> str:
    flat = name.replace(".", "_").removeprefix("text_model_")
    return re.sub(r"_to_out$", "_to_out_0", flat)
