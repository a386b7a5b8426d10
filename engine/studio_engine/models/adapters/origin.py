"""Which family an adapter was made for, told from its names and shapes, or else from what its trainer wrote down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.adapters.parse import split_key

LABELS: Final[Mapping[str, str]] = {
    "sd1": "SD 1.5",
    "sd2": "SD 2",
    "sdxl": "SDXL",
    "sdxl_refiner": "the SDXL refiner",
    "sd3": "SD 3",
    "flux": "Flux",
    "wan": "Wan",
    "qwen_image": "Qwen-Image",
    "hunyuan_video": "HunyuanVideo",
}

# Width of the text that a UNet reads: what its keys and values are projected from.
_BY_CONTEXT: Final[Mapping[int, str]] = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
# The first that occurs in a name decides; what comes first is what would otherwise be taken for a later one.
_BY_NAME: Final = (
    ("individual_token_refiner", "hunyuan_video"),
    ("joint_blocks", "sd3"),
    ("single_transformer_blocks", "flux"),
    ("double_blocks", "flux"),
    ("single_blocks", "flux"),
    ("cross_attn_k", "wan"),
    ("cross_attn.k", "wan"),
    ("img_mlp.net", "qwen_image"),
)
_BY_METADATA: Final = (
    (re.compile(r"sdxl|stable-diffusion-xl"), "sdxl"),
    (re.compile(r"flux"), "flux"),
    (re.compile(r"sd3|stable-diffusion-3"), "sd3"),
    (re.compile(r"sd_v2|stable-diffusion-v2"), "sd2"),
    (re.compile(r"sd_v1|sd_1|stable-diffusion-v1"), "sd1"),
)
_READS_TEXT: Final = re.compile(r"attn2[._](processor[._])?to_[kv]$")
_JOINT: Final = re.compile(r"add_[qkv]_proj$")
_FLUX_INPUTS: Final = 64
"""Channels of a 2×2 patch of latents."""
_FLUX_WIDTH: Final = 3072
"""Of its tokens; SD 3's are narrower."""


def adapter_family(header: SafetensorsHeader) -> str | None:
    """A family's name; None where nothing tells, and the sizes of its weights have to decide."""
    for mark, family in _BY_NAME:
        if any(mark in key for key in header.tensors):
            return family
    widths = set(_widths(header, _READS_TEXT))
    by_context = _BY_CONTEXT.get(widths.pop()) if len(widths) == 1 else None
    if by_context is not None:
        return by_context
    if joint := set(_widths(header, _JOINT)):
        return "flux" if joint == {_FLUX_WIDTH} else "sd3"
    has_two_encoders = any(key.startswith(("lora_te2_", "text_encoder_2.")) for key in header.tensors)
    return "sdxl" if has_two_encoders else _from_metadata(header.metadata)


def is_adapter(header: SafetensorsHeader) -> bool:
    return any(found is not None and found[1] != "alpha" for found in map(split_key, header.tensors))


def adds_channels(header: SafetensorsHeader) -> bool:
    """Black Forest Labs' control LoRAs, and others that enlarge a weight."""
    width = (header.shape("img_in.lora_A.weight") or (0, _FLUX_INPUTS))[1]
    return width != _FLUX_INPUTS or any(key.endswith(".reshape_weight") for key in header.tensors)


def label_of_context(width: int) -> str:
    """The UNet family that reads text of this width, as people call it."""
    family = _BY_CONTEXT.get(width)
    return f"a model that reads text of width {width}" if family is None else LABELS[family]


def _widths(header: SafetensorsHeader, pattern: re.Pattern[str]) -> Iterator[int]:
    """What the changed weights whose names match read."""
    for key, entry in header.tensors.items():
        module, role = split_key(key) or ("", "")
        if not pattern.search(module) or len(entry.shape) != 2:
            continue
        if role in ("down", "hada_1_b"):
            yield entry.shape[1]
        elif role == "lokr_1":
            second = header.shape(f"{module}.lokr_w2") or header.shape(f"{module}.lokr_w2_b")
            if second is not None:
                yield entry.shape[1] * second[1]


def _from_metadata(metadata: Mapping[str, str]) -> str | None:
    text = f"{metadata.get('ss_base_model_version', '')} {metadata.get('modelspec.architecture', '')}".lower()
    return next((family for pattern, family in _BY_METADATA if pattern.search(text)), None)
