"""Which function makes the blueprint of which part. A new kind of part = a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
    from studio_engine.models.parts import Blueprint, PartRef
    from studio_engine.runtime.plan import ComputePlan

BlueprintMaker: TypeAlias = "Callable[[PartRef, Sequence[SafetensorsHeader], ComputePlan], Blueprint]"

# By name, to be imported at first use: diffusers and transformers cost 4 s, for which registering must not wait.
_MAKERS: Final[Mapping[str, str]] = {
    "network": "studio_engine.models.families:network_blueprint",
    "vae": "studio_engine.models.vae.blueprint:vae_blueprint",
    "taesd": "studio_engine.models.vae.tiny:tiny_blueprint",
    "clip_l": "studio_engine.models.text.blueprint:clip_blueprint",
    "clip_h": "studio_engine.models.text.blueprint:clip_blueprint",
    "clip_g": "studio_engine.models.text.blueprint:clip_blueprint",
    "t5xxl": "studio_engine.models.text.blueprint:t5_blueprint",
    "upscale": "studio_engine.models.upscalers.blueprint:upscale_blueprint",
    "control": "studio_engine.models.control.blueprint:control_blueprint",
    "t2i_adapter": "studio_engine.models.control.t2i:t2i_blueprint",
    "hypernetwork": "studio_engine.models.adapters.hypernetwork:hypernetwork_blueprint",
    "style": "studio_engine.models.vision.style:style_blueprint",
    "clip_vision": "studio_engine.models.vision.layout:vision_blueprint",
    "ip_adapter": "studio_engine.models.adapters.image_prompt.blueprint:image_prompt_blueprint",
}


def blueprint_of(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    module, _, function = _MAKERS[ref.part].partition(":")
    maker: BlueprintMaker = getattr(import_module(module), function)
    return maker(ref, headers, plan)
