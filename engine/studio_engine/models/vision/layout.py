"""CLIP's picture encoders (Radford et al. 2021): sizes and names of their tensors, in both layouts in use."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
    projection: int
    is_quick: bool


@dataclass(frozen=True)
class VisionLayout:
    keys: PartKeys
    is_open_clip: bool

    def config(self) -> VisionConfig:
        """Raises `model.untrained` when tensors that the sizes depend on are missing."""
        keys = self.keys
        width, _, patch, _ = keys.shape(self._key("vision_model.embeddings.patch_embedding.weight"))
        positions = keys.shape(self._key("vision_model.embeddings.position_embedding.weight"))[0]
        return VisionConfig(
            width=width,
            inner_width=keys.shape(self._key("vision_model.encoder.layers.0.mlp.fc1.weight"))[0],
            layers=keys.count(re.escape(self._key("vision_model.encoder.layers.")) + r"(\d+)\."),
            heads=keys.number("studio.vision_heads", _HEADS),
            patch=patch,
            side=patch * math.isqrt(positions - 1),
            projection=keys.shape(self._key("visual_projection.weight"))[1 if self.is_open_clip else 0],
            is_quick=width == _QUICK_WIDTH,
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

    def _key(self, name: str) -> str:
        if self.is_open_clip:
            for ours, theirs in _OPEN_CLIP_NAMES.items():
                name = name.replace(ours, theirs)
        return name


def find_vision(header: SafetensorsHeader) -> VisionLayout | None:
    for prefix in _PREFIXES:
        keys = PartKeys(header, prefix)
        if _TRANSFORMERS in keys:
            return VisionLayout(keys, is_open_clip=False)
        if _OPEN_CLIP in keys and "transformer.resblocks.0.attn.in_proj_weight" in keys:
            return VisionLayout(keys, is_open_clip=True)
    return None


def vision_layout(header: SafetensorsHeader) -> VisionLayout:
    """Raises `model.family_unknown`."""
    found = find_vision(header)
    if found is None:
        is_siglip = any(key.startswith("vision_model.head.") for key in header.tensors)
        fault = "is a SigLIP encoder" if is_siglip else "holds no picture encoder"
        raise EngineError(
            "model.family_unknown", f"{header.path.name} {fault}; this engine runs CLIP's ViT-L, ViT-H and ViT-bigG."
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
        is_idle=lambda key: not key.startswith(layout.keys.prefix) or key.endswith(("position_ids", "logit_scale")),
    )


def _empty(config: VisionConfig) -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    settings = CLIPVisionConfig(
        hidden_size=config.width,
        intermediate_size=config.inner_width,
        projection_dim=config.projection,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        image_size=config.side,
        patch_size=config.patch,
        hidden_act="quick_gelu" if config.is_quick else "gelu",
    )
    with torch.device("meta"):
        module: nn.Module = CLIPVisionModelWithProjection(settings)
    return module.train(False)
