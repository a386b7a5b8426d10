"""LoRA for Stable Diffusion 1: reads kohya's and diffusers' names, adds the weights to a copy of the modules.

Hu et al. 2021: W + strength · (alpha / rank) · up @ down.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header, read_tensors
from studio_engine.errors import EngineError
from studio_engine.models.detect import detect_lora
from studio_engine.models.families.unet.network import UnetNetwork
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartSource
from studio_engine.models.text.clip_l import ClipL

if TYPE_CHECKING:
    from studio_engine.graph.sockets import TextEncoder
    from studio_engine.sampling.model import Model

# (pattern of the tensor's ending, which of the two matrices it is); what stands before it names the module.
_ENDINGS: Final = (
    (re.compile(r"\.lora_up\.weight|\.lora_B(\.default)?\.weight|[._]lora\.up\.weight"), "up"),
    (re.compile(r"\.lora_down\.weight|\.lora_A(\.default)?\.weight|[._]lora\.down\.weight"), "down"),
    (re.compile(r"\.lora_linear_layer\.up\.weight"), "up"),
    (re.compile(r"\.lora_linear_layer\.down\.weight"), "down"),
    (re.compile(r"\.alpha"), "alpha"),
)
_OTHER_KINDS: Final = {
    ".hada_": "LoHa",
    ".lokr_": "LoKr",
    ".lora_mid.": "LoCon",
    ".oft_": "OFT",
    "dora_scale": "DoRA",
}


Part = Literal["unet", "text"]


@dataclass(frozen=True)
class LoraPatch:
    """A WeightPatch: a LoRA's share in one part."""

    file: ModelFile
    part: Part
    strength: float

    def changes(self, base: nn.Module, source: PartSource) -> dict[str, Callable[[Tensor], Tensor]]:
        updates = lora_updates(read_header(self.file.path), {self.part: base})[self.part]
        return {name: functools.partial(_added, update, self.strength) for name, update in updates.items()}


def with_lora(
    source: PartSource, handles: tuple[Model, TextEncoder], file: ModelFile, strengths: tuple[float, float]
) -> tuple[Model, TextEncoder]:
    """Both with the LoRA added. Raises `model.family_unknown` when it was made for another model."""
    model, clip = handles
    network = model.network
    if not isinstance(network, UnetNetwork) or not isinstance(clip, ClipL):
        raise EngineError("model.family_unknown", f"{file.name} cannot be applied: the model is not of SD 1.x.")
    modules: dict[Part, nn.Module] = {
        "unet": source.part(network.ref.base).module,
        "text": source.part(clip.ref.base).module,
    }
    lora_updates(read_header(file.path), modules, is_strict=True)
    strength_model, strength_clip = strengths
    if strength_model:
        model = replace(model, network=network.patched_by(LoraPatch(file, "unet", strength_model)))
    return model, clip.patched_by(LoraPatch(file, "text", strength_clip)) if strength_clip else clip


@dataclass(frozen=True)
class _Update:
    """One weight's change before strength: `scale · up @ down`."""

    up: Tensor
    down: Tensor
    scale: float

    def delta(self) -> Tensor:
        return self.scale * (self.up.float().flatten(1) @ self.down.float().flatten(1))


def lora_updates(
    header: SafetensorsHeader, modules: Mapping[Part, nn.Module], *, is_strict: bool = False
) -> dict[Part, dict[str, _Update]]:
    """Per part (`unet`, `text`): the changed weight's name -> its update.

    Raises `model.family_unknown` when the file is no LoRA, and if strict when it changes what no module has.
    """
    detect_lora(header)
    for mark, kind in _OTHER_KINDS.items():
        if any(mark in key for key in header.tensors):
            raise _refuse(header, f"is a {kind}, which this engine cannot apply yet")
    names = {alias: target for part, module in modules.items() for alias, target in _aliases(part, module)}
    updates: dict[Part, dict[str, _Update]] = {part: {} for part in modules}
    unknown: list[str] = []
    for module_name, tensors in _grouped(read_tensors(header)).items():
        target = names.get(_canonical(module_name))
        if target is None or "up" not in tensors or "down" not in tensors:
            unknown.append(module_name)
            continue
        part, weight = target
        updates[part][weight] = _update(header, modules[part].get_parameter(weight), tensors)
    if unknown and is_strict:
        raise _refuse(header, f"changes {unknown[0]}, which this model does not have; it was made for another model")
    return updates


def _added(update: _Update, strength: float, weight: Tensor) -> Tensor:
    return weight + strength * update.delta().reshape(weight.shape).to(weight.device)


def _aliases(part: Part, module: nn.Module) -> Iterable[tuple[str, tuple[Part, str]]]:
    prefix = "unet" if part == "unet" else "te_text_model"
    for name, child in module.named_modules():
        if isinstance(child, nn.Linear | nn.Conv2d):
            yield f"{prefix}_{name.removeprefix('text_model.').replace('.', '_')}", (part, f"{name}.weight")


def _canonical(module_name: str) -> str:
    """`lora_unet_…`, `unet.….processor.to_q`, `text_encoder.text_model.…` -> one spelling, with underscores."""
    name = module_name.removeprefix("base_model.model.").replace(".processor.", ".")
    name = re.sub(r"\.to_out$", ".to_out.0", name)
    name = name.removeprefix("lora_").replace(".", "_")
    return re.sub(r"^text_encoder_", "te_", name)


def _grouped(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        for pattern, role in _ENDINGS:
            match = pattern.search(key)
            if match and match.end() == len(key):
                groups.setdefault(key[: match.start()], {})[role] = tensor
                break
        else:
            groups.setdefault(key, {})
    return groups


def _update(header: SafetensorsHeader, weight: Tensor, tensors: Mapping[str, Tensor]) -> _Update:
    up, down = tensors["up"], tensors["down"]
    rank = down.shape[0]
    fits = up.ndim >= 2 and down.ndim >= 2 and up.shape[1] == rank and rank > 0
    if not fits or up.shape[0] * down[0].numel() * up[0, 0].numel() != weight.numel() or up.shape[0] != weight.shape[0]:
        raise _refuse(header, "has other sizes than this model; it was made for another model")
    if not (torch.isfinite(up.float()).all() and torch.isfinite(down.float()).all()):
        raise EngineError("model.file_corrupt", f"{header.path.name} holds invalid numbers (NaN); download it again.")
    alpha = float(tensors["alpha"]) if "alpha" in tensors else float(rank)
    return _Update(up, down, alpha / rank)


def _refuse(header: SafetensorsHeader, fault: str) -> EngineError:
    return EngineError("model.family_unknown", f"{header.path.name} {fault}.")
