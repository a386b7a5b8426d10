"""Picture encoders: CLIP's (Radford et al. 2021) in both layouts in use, and SigLIP's (Zhai et al. 2023)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.runtime.plan import ComputePlan

_HEADS: Final = 16
"""Of ViT-L, ViT-H and ViT-bigG alike."""
_QUICK_WIDTH: Final = 1024
"""OpenAI's ViT-L approximates GELU; OpenCLIP's larger ones have the exact one."""
_PREFIXES: Final = ("", "visual.", "embedder.model.visual.", "clip_vision.")
_TRANSFORMERS: Final = "vision_model.embeddings.class_embedding"
_SIGLIP: Final = "vision_model.embeddings.patch_embedding.bias"
_PATCHES: Final = "vision_model.embeddings.patch_embedding.weight"
_OPEN_CLIP: Final = "class_embedding"
_OPEN_CLIP_NAMES: Final[Mapping[str, str]] = {
    "vision_model.embeddings.class_embedding": "class_embedding",
    "vision_model.embeddings.patch_embedding": "conv1",
    "vision_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.pre_layrnorm": "ln_pre",
    "vision_model.post_layernorm": "ln_post",
    "vision_model.encoder.layers": "transformer.resblocks",
    "self_attn": "attn",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "visual_projection.weight": "proj",
}


@dataclass(frozen=True)
class VisionConfig:
    width: int
    inner_width: int
    layers: int
    heads: int
    patch: int
    side: int
    """Pixels of the pictures that it reads."""
    projection: int | None
    """Width of the one vector; None = there is none (SigLIP)."""
    is_quick: bool

    @property
    def is_siglip(self) -> bool:
        return self.projection is None


@dataclass(frozen=True)
class VisionLayout:
    keys: PartKeys
    is_open_clip: bool = False
    is_siglip: bool = False

    def config(self) -> VisionConfig:
        """Raises `model.untrained` when tensors that the sizes depend on are missing."""
        keys = self.keys
        width, _, patch, _ = keys.shape(self._key(_PATCHES))
        positions = keys.shape(self._key("vision_model.embeddings.position_embedding.weight"))[0]
        return VisionConfig(
            width=width,
            inner_width=keys.shape(self._key("vision_model.encoder.layers.0.mlp.fc1.weight"))[0],
            layers=keys.count(re.escape(self._key("vision_model.encoder.layers.")) + r"(\d+)\."),
            heads=keys.number("studio.vision_heads", _HEADS),
            patch=patch,
            # CLIP has a place for the whole picture before those of its patches.
            side=patch * math.isqrt(positions if self.is_siglip else positions - 1),
            projection=None if self.is_siglip else self._projection(),
            is_quick=width == _QUICK_WIDTH and not self.is_siglip,
        )

    def source(self, name: str) -> WeightSource:
        """Of our module's parameters, which are named as transformers names them."""
        key = self.keys.prefix + self._key(name)
        if not self.is_open_clip:
            return WeightSource(key)
        if name == "visual_projection.weight":
            return WeightSource(key, lambda stored: stored.t())
        if match := re.fullmatch(r"(.+)\.([qkv])_proj\.(weight|bias)", key):
            third = "qkv".index(match[2])
            return WeightSource(f"{match[1]}.in_proj_{match[3]}", lambda stored: stored.chunk(3)[third])
        return WeightSource(key)

    def _projection(self) -> int:
        return self.keys.shape(self._key("visual_projection.weight"))[1 if self.is_open_clip else 0]

    def _key(self, name: str) -> str:
        if self.is_siglip and not name.startswith("vision_model."):
            return f"vision_model.{name}"
        if self.is_open_clip:
            for ours, theirs in _OPEN_CLIP_NAMES.items():
                name = name.replace(ours, theirs)
        return name


def find_vision(header: SafetensorsHeader) -> VisionLayout | None:
    for prefix in _PREFIXES:
        keys = PartKeys(header, prefix)
        if _TRANSFORMERS in keys:
            return VisionLayout(keys)
        if _SIGLIP in keys:
            return VisionLayout(keys, is_siglip=True)
        if _OPEN_CLIP in keys and "transformer.resblocks.0.attn.in_proj_weight" in keys:
            return VisionLayout(keys, is_open_clip=True)
    return None


def vision_layout(header: SafetensorsHeader) -> VisionLayout:
    """Raises `model.family_unknown`."""
    found = find_vision(header)
    if found is None:
        raise EngineError(
            "model.family_unknown",
            f"{header.path.name} holds no picture encoder that this engine runs; it runs CLIP's and SigLIP's.",
        )
    return found


def vision_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    layout = vision_layout(headers[0])
    config = layout.config()
    return Blueprint(
        config=config,
        empty=lambda: _empty(config),
        source=layout.source,
        # Once per picture, so full precision costs nothing that anyone notices.
        dtype=torch.float32,
        is_idle=lambda key: not key.startswith(layout.keys.prefix) or _is_idle(key),
    )


def _is_idle(key: str) -> bool:
    """Tables, training's scale, and SigLIP's head, which sums up pictures in a way that nothing here reads."""
    return key.endswith(("position_ids", "logit_scale")) or ".head." in key


def _empty(config: VisionConfig) -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, SiglipVisionConfig, SiglipVisionModel

    # transformers' own types ask for every setting by name.
    sizes: Any = {
        "hidden_size": config.width,
        "intermediate_size": config.inner_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "image_size": config.side,
        "patch_size": config.patch,
    }
    with torch.device("meta"):
        if config.projection is None:
            siglip: nn.Module = SiglipVisionModel(SiglipVisionConfig(**sizes, vision_use_head=False))
            return siglip.train(False)
        act = "quick_gelu" if config.is_quick else "gelu"
        settings = CLIPVisionConfig(**sizes, projection_dim=config.projection, hidden_act=act)
        clip: nn.Module = CLIPVisionModelWithProjection(settings)
    return clip.train(False)
