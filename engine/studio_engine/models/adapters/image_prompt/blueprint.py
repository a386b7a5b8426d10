"""How to make an IP-Adapter from its file."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.adapters.image_prompt.modules import (
    HEAD_WIDTH,
    ImagePromptConfig,
    Kind,
    empty_image_prompt,
)
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan


def read_image_prompt_config(header: SafetensorsHeader) -> ImagePromptConfig:
    """Raises `model.family_unknown` and `model.untrained`."""
    keys = PartKeys(header)
    kind = _kind(keys)
    layers = keys.count(r"ip_adapter\.(\d+)\.to_k_ip\.")
    first = keys.shape("ip_adapter.1.to_k_ip.weight")
    widths = tuple(keys.shape(f"ip_adapter.{number}.to_k_ip.weight")[0] for number in range(1, layers, 2))
    if kind == "plain":
        outputs, embedding = keys.shape("image_proj.proj.weight")
        return ImagePromptConfig(kind, embedding, first[1], outputs // first[1], widths)
    if kind == "full":
        return ImagePromptConfig(kind, keys.shape("image_proj.proj.0.weight")[1], first[1], 0, widths)
    _, tokens, width = keys.shape("image_proj.latents")
    return ImagePromptConfig(
        kind,
        embedding=keys.shape("image_proj.proj_in.weight")[1],
        context=first[1],
        tokens=tokens,
        layer_widths=widths,
        width=width,
        depth=keys.count(r"image_proj\.layers\.(\d+)\."),
        heads=keys.shape("image_proj.layers.0.0.to_q.weight")[0] // HEAD_WIDTH,
        inner=keys.shape("image_proj.layers.0.1.1.weight")[0],
    )


def image_prompt_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    config = read_image_prompt_config(headers[0])

    def empty() -> nn.Module:
        return empty_image_prompt(config)

    return Blueprint(
        config=config,
        empty=empty,
        source=WeightSource,
        dtype=plan.dtype_for(plan.unet_dtype, config.layer_widths),
    )


def _kind(keys: PartKeys) -> Kind:
    name = keys.header.path.name
    if "ip_adapter.1.to_k_ip.weight" not in keys:
        is_flux = any(key.startswith("ip_adapter_proj_model.") for key in keys)
        fault = "is an IP-Adapter for Flux" if is_flux else "is no IP-Adapter"
        raise EngineError("model.family_unknown", f"{name} {fault}; this engine runs those for SD 1.5 and SDXL.")
    if any(key.startswith("image_proj.perceiver_resampler.") or "to_q_lora" in key for key in keys):
        raise EngineError(
            "model.family_unknown",
            f"{name} is a FaceID adapter, which needs a face recogniser; use a plain or plus one.",
        )
    if "image_proj.latents" in keys:
        return "plus"
    return "full" if "image_proj.proj.0.weight" in keys else "plain"
