"""Where files keep text encoders: which prefix, whose names, and from these the sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import WeightSource
from studio_engine.models.text.clip import ClipConfig
from studio_engine.models.text.t5 import T5Config
from studio_engine.models.text.t5_tokenizer import T5_VOCABULARY
from studio_engine.models.text.tokenizer import END_TOKEN

_HEAD_WIDTH: Final = 64
_MIN_POSITIONS: Final = 3
"""Start, one token, end."""
_MIN_BUCKETS: Final = 4
_OPEN_CLIP: Final = "token_embedding.weight"
_TRANSFORMERS: Final = "embeddings.token_embedding.weight"
_T5: Final = "encoder.block.0.layer.0.SelfAttention.q.weight"

# In order: of a file with several encoders each part finds its own. A file of one encoder has nothing before it.
CLIP_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "clip_l": (
        "cond_stage_model.transformer.text_model.",
        "cond_stage_model.transformer.",
        "conditioner.embedders.0.transformer.text_model.",
        "text_encoders.clip_l.transformer.text_model.",
        "text_model.",
        "",
    ),
    "clip_h": (
        "cond_stage_model.model.",
        "conditioner.embedders.0.model.",
        "text_encoders.clip_h.transformer.text_model.",
        "text_model.",
        "",
    ),
    "clip_g": (
        "conditioner.embedders.1.model.",
        "conditioner.embedders.0.model.",
        "text_encoders.clip_g.transformer.text_model.",
        "text_model.",
        "",
    ),
}
T5_PREFIXES: Final = ("text_encoders.t5xxl.transformer.", "")

_OPEN_CLIP_NAMES: Final = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": _OPEN_CLIP,
    "final_layer_norm": "ln_final",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn": "attn",
    "encoder.layers": "transformer.resblocks",
}


def merged(headers: Sequence[SafetensorsHeader]) -> SafetensorsHeader:
    """One header for an encoder that lies in several files."""
    first, *others = headers
    if not others:
        return first
    return replace(first, tensors={key: entry for header in headers for key, entry in header.tensors.items()})


@dataclass(frozen=True)
class ClipLayout:
    keys: PartKeys
    is_open_clip: bool

    @property
    def layers(self) -> int:
        return self.keys.count(re.escape(self._key("encoder.layers.")) + r"(\d+)\.")

    @property
    def projection(self) -> WeightSource | None:
        """OpenCLIP multiplies from the left, transformers has a linear layer."""
        outer = PartKeys(self.keys.header, self.keys.prefix.removesuffix("text_model."))
        if "text_projection" in outer:
            return WeightSource(outer.prefix + "text_projection", lambda stored: stored.t())
        if "text_projection.weight" in outer:
            return WeightSource(outer.prefix + "text_projection.weight")
        return None

    def config(self, part: str) -> ClipConfig:
        """Raises `model.untrained` when tensors that tell the sizes are missing, `model.file_corrupt` for odd ones."""
        keys = self.keys
        vocabulary, width = keys.sizes(self._key("embeddings.token_embedding.weight"), 2)
        positions = keys.sizes(self._key("embeddings.position_embedding.weight"), 2)[0]
        heads = keys.number("studio.text_heads", max(1, width // _HEAD_WIDTH))
        if vocabulary <= END_TOKEN or positions < _MIN_POSITIONS or width % heads:
            raise refuse(keys.header.path, "its text encoder has impossible sizes")
        projection = self.projection
        return ClipConfig(
            vocabulary=vocabulary,
            positions=positions,
            width=width,
            inner_width=keys.sizes(self._key("encoder.layers.0.mlp.fc1.weight"), 2)[0],
            layers=self.layers,
            heads=heads,
            is_quick=part == "clip_l",
            projection=None if projection is None else min(keys.header.tensors[projection.key].shape, default=0),
        )

    def source(self, name: str) -> WeightSource:
        """Of our module's parameters."""
        if name == "text_projection.weight":
            found = self.projection
            assert found is not None
            return found
        inner = name.removeprefix("text_model.")
        if self.is_open_clip and (match := re.fullmatch(r"(.+\.self_attn)\.([qkv])_proj\.(weight|bias)", inner)):
            third = "qkv".index(match[2])
            key = f"{self.keys.prefix}{self._key(match[1])}.in_proj_{match[3]}"
            return WeightSource(key, lambda stored: stored.chunk(3)[third])
        return WeightSource(self.keys.prefix + self._key(inner))

    def _key(self, name: str) -> str:
        if self.is_open_clip:
            for ours, theirs in _OPEN_CLIP_NAMES.items():
                name = name.replace(ours, theirs)
        return name


def find_clip(header: SafetensorsHeader, part: str) -> ClipLayout | None:
    for prefix in CLIP_PREFIXES[part]:
        keys = PartKeys(header, prefix)
        if _TRANSFORMERS in keys:
            return ClipLayout(keys, is_open_clip=False)
        if _OPEN_CLIP in keys:
            return ClipLayout(keys, is_open_clip=True)
    return None


def find_t5(header: SafetensorsHeader) -> PartKeys | None:
    return next((keys for prefix in T5_PREFIXES if _T5 in (keys := PartKeys(header, prefix))), None)


def t5_config(keys: PartKeys) -> T5Config:
    """Raises `model.family_unknown` for T5 of version 1.0, `model.untrained` and `model.file_corrupt`."""
    block = "encoder.block.0.layer."
    if f"{block}1.DenseReluDense.wi.weight" in keys:
        raise EngineError(
            "model.family_unknown",
            f"{keys.header.path.name} is T5 version 1.0; SD3 and Flux need the encoder of T5 XXL version 1.1.",
        )
    vocabulary, width = keys.sizes(t5_key(keys, "shared.weight"), 2)
    buckets, heads = keys.sizes(f"{block}0.SelfAttention.relative_attention_bias.weight", 2)
    inner = keys.sizes(f"{block}0.SelfAttention.q.weight", 2)[0]
    if vocabulary < T5_VOCABULARY or buckets < _MIN_BUCKETS or inner % heads:
        raise refuse(keys.header.path, "its text encoder has impossible sizes")
    return T5Config(
        vocabulary=vocabulary,
        width=width,
        inner_width=keys.sizes(f"{block}1.DenseReluDense.wi_0.weight", 2)[0],
        layers=keys.count(r"encoder\.block\.(\d+)\."),
        heads=heads,
        head_width=inner // heads,
        buckets=buckets,
    )


def t5_key(keys: PartKeys, name: str) -> str:
    """The embedding table is stored under either of two names, or both."""
    if name == "shared.weight" and name not in keys:
        return "encoder.embed_tokens.weight"
    return name
