"""Which model family a file belongs to, from the names and shapes of its tensors alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.adapters.origin import adapter_family, is_adapter
from studio_engine.models.families import find_network
from studio_engine.models.families.family import Family
from studio_engine.models.keys import PartKeys

SD1: Final = "sd1"

_UNET_ENTRY = "model.diffusion_model.input_blocks.0.0.weight"


@dataclass(frozen=True)
class _Signature:
    label: str
    matches: Callable[[SafetensorsHeader], bool]


def _has(prefix: str) -> Callable[[SafetensorsHeader], bool]:
    return lambda header: any(key.startswith(prefix) for key in header.tensors)


def _contains(*parts: str) -> Callable[[SafetensorsHeader], bool]:
    return lambda header: any(part in key for key in header.tensors for part in parts)


# In order: the first that matches names the file. What comes first is what would otherwise be taken for a later one.
_OTHERS: Final = (
    _Signature("a LoRA, not a checkpoint", _contains(".lora_down.", ".lora_up.", ".lora_A.", ".lora.down.")),
    _Signature("a ControlNet", _contains("control_model.", "controlnet_cond_embedding.")),
    _Signature("a Stable Video Diffusion checkpoint", _contains(".time_stack.")),
    _Signature("a Stable Diffusion 3 checkpoint", _contains("joint_blocks.0.")),
    _Signature("a Flux checkpoint", _contains("double_blocks.0.img_attn.")),
    _Signature("an SDXL checkpoint", _has("conditioner.embedders.1.")),
    _Signature("an SDXL refiner checkpoint", _has("conditioner.embedders.0.")),
    _Signature("an SDXL checkpoint", _contains("diffusion_model.label_emb.")),
    _Signature("a Stable Diffusion 2 checkpoint", _has("cond_stage_model.model.")),
    _Signature("a model in diffusers layout", _contains("down_blocks.0.resnets.0.", "mid_block.resnets.0.")),
    _Signature("a VAE, not a checkpoint", lambda h: _UNET_ENTRY not in h.tensors and _contains("decoder.conv_in.")(h)),
)


def detect_checkpoint(header: SafetensorsHeader) -> tuple[Family, PartKeys]:
    """The family and its network's names. Raises `model.family_unknown`, saying what the file is where it is known."""
    label = _other_family(header)
    if label is not None:
        raise _unknown(header, f"is {label}")
    if _UNET_ENTRY not in header.tensors:
        raise _unknown(header, "is of a family that this engine does not recognise")
    channels = (header.shape(_UNET_ENTRY) or (0, 0))[1]
    if channels in (8, 9):
        raise _unknown(header, "is an inpainting or editing variant of Stable Diffusion 1")
    found = find_network(header)
    if found is None:
        raise _unknown(header, "is of a family that this engine does not recognise")
    return found


def detect_lora(header: SafetensorsHeader) -> str | None:
    """The family that an adapter was made for; None where its names do not tell.

    Raises `model.family_unknown` for what is no adapter.
    """
    if not is_adapter(header):
        raise EngineError("model.family_unknown", f"{header.path.name} is not a LoRA that this engine can apply.")
    return adapter_family(header)


def _other_family(header: SafetensorsHeader) -> str | None:
    return next((signature.label for signature in _OTHERS if signature.matches(header)), None)


def _unknown(header: SafetensorsHeader, fault: str) -> EngineError:
    return EngineError("model.family_unknown", f"{header.path.name} {fault}; this engine runs SD 1.x.")
