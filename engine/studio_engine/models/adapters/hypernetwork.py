"""Hypernetworks: small networks that change what attention's keys and values are projected from.

Files of AUTOMATIC1111's trainer: for each width of context, one network for keys and one for values, `768.0.linear.0`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import Blueprint, PartRef, PartSource, WeightSource
from studio_engine.runtime.plan import ComputePlan
from studio_engine.sampling.hooks import HookCall, NetworkHooks

if TYPE_CHECKING:
    from studio_engine.sampling.model import Model

_WEIGHT: Final = re.compile(r"(\d+)\.([01])\.linear\.(\d+)\.weight")
_ROOT: Final = "networks."

ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor] | None]] = {
    "linear": None,
    "relu": functional.relu,
    "leakyrelu": functional.leaky_relu,
    "elu": functional.elu,
    "swish": functional.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softsign": functional.softsign,
    "mish": functional.mish,
}
"""By the trainer's names; its `swish` is the hard one in ComfyUI."""

Layers: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Name and shape of each weight, in order; of one dimension = a layer norm."""


@dataclass(frozen=True)
class HypernetworkConfig:
    networks: tuple[tuple[str, Layers, Layers], ...]
    """Context width, layers for keys, layers for values."""
    activation: str
    activates_output: bool


class _Side(nn.Module):
    def __init__(self, layers: Layers, config: HypernetworkConfig) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[config.activation]
        self.activates_output = config.activates_output
        self.linear = nn.ModuleDict(
            {
                name: nn.LayerNorm(shape[0]) if len(shape) == 1 else nn.Linear(shape[1], shape[0])
                for name, shape in layers
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.linear) - 1
        for number, layer in enumerate(self.linear.values()):
            x = layer(x)
            is_active = isinstance(layer, nn.Linear) and (number < last or self.activates_output)
            if self.activation is not None and is_active:
                x = self.activation(x)
        return x


class Hypernetwork(nn.Module):
    def __init__(self, config: HypernetworkConfig) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(
            {
                width: nn.ModuleList([_Side(keys, config), _Side(values, config)])
                for width, keys, values in config.networks
            }
        )

    def changed(self, keys: Tensor, values: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Both `[rows, tokens, width]`; as they are where the file has no network for that width."""
        width = str(keys.shape[-1])
        if width not in self.networks:
            return keys, values
        sides = self.networks[width]
        assert isinstance(sides, nn.ModuleList)
        return keys + strength * sides[0](keys), values + strength * sides[1](values)


@dataclass(frozen=True)
class HypernetworkHook:
    """An AttentionInputHook; equal hooks may share a forward."""

    source: PartSource = field(compare=False)
    ref: PartRef
    strength: float

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, call: HookCall, /) -> tuple[Tensor, Tensor, Tensor]:
        part = self.source.part(self.ref)
        assert isinstance(part.module, Hypernetwork)
        keys, values = part.module.changed(k.to(part.dtype), v.to(part.dtype), self.strength)
        return q, keys.to(k.dtype), values.to(v.dtype)


def read_hypernetwork_config(header: SafetensorsHeader) -> HypernetworkConfig:
    """Raises `model.family_unknown`."""
    layers: dict[tuple[str, str], list[tuple[str, tuple[int, ...]]]] = {}
    for key, entry in header.tensors.items():
        if match := _WEIGHT.fullmatch(key):
            layers.setdefault((match[1], match[2]), []).append((match[3], entry.shape))
    widths = [width for width, side in layers if side == "0" and (width, "1") in layers]
    if not widths:
        raise EngineError("model.family_unknown", f"{header.path.name} is no hypernetwork that this engine can apply.")
    activation = header.metadata.get("activation_func", "linear")
    if activation not in ACTIVATIONS:
        raise EngineError(
            "model.family_unknown",
            f"{header.path.name} was trained with the activation {activation}, which this engine does not know; "
            f"it knows {', '.join(ACTIVATIONS)}.",
        )
    networks = tuple((width, tuple(layers[width, "0"]), tuple(layers[width, "1"])) for width in widths)
    return HypernetworkConfig(networks, activation, header.metadata.get("activate_output", "False") == "True")


def hypernetwork_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    config = read_hypernetwork_config(headers[0])

    def empty() -> nn.Module:
        with torch.device("meta"):
            module = Hypernetwork(config)
        return module.train(False)

    return Blueprint(
        config=config,
        empty=empty,
        source=lambda name: WeightSource(name.removeprefix(_ROOT)),
        dtype=plan.dtype_for(plan.unet_dtype, tuple(int(width) for width, _, _ in config.networks)),
    )


def with_hypernetwork(source: PartSource, model: Model, file: ModelFile, *, strength: float) -> Model:
    """The model with keys and values changed in self attention and in that to the prompt."""
    read_hypernetwork_config(read_header(file.path))
    hook = HypernetworkHook(source, PartRef((file,), "hypernetwork", "hypernetwork"), strength)
    return model.with_hooks(NetworkHooks(attention_input=(("attn1", hook), ("attn2", hook))))
