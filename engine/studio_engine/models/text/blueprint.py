"""How to make a text encoder from a checkpoint or a file of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import torch

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.models.text.clip import empty_clip
from studio_engine.models.text.layout import find_clip, find_t5, merged, t5_config, t5_key
from studio_engine.models.text.t5 import empty_t5
from studio_engine.runtime.plan import ComputePlan

# Encoders up to OpenCLIP-H are widened to fp32 once, larger ones layer by layer as they compute.
_MAX_WIDENED: Final = 400_000_000
_DTYPES: Final = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
# Tables that the engine computes, other halves of the same model, and marks of a file's format.
_IDLE: Final = re.compile(
    r"(?:.*\.)?(?:position_ids|logit_scale|scaled_fp8|scale_input|scale_weight|weight_scale|input_scale|spiece_model)"
    r"|(?:vision_model|visual|visual_projection|decoder|lm_head)\..+|logit_bias"
    r"|text_projection(?:\.(?:weight|bias))?|encoder\.embed_tokens\.weight"
)


def clip_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    """Raises `model.untrained` when the file holds no such encoder."""
    header = merged(headers)
    layout = find_clip(header, ref.part)
    if layout is None:
        raise _missing(header, "CLIP")
    config = layout.config(ref.part)
    prefix = layout.keys.prefix.removesuffix("text_model.")
    return Blueprint(
        config=config,
        empty=lambda: empty_clip(config),
        source=layout.source,
        dtype=_kept_dtype(ref, PartKeys(header, prefix)),
        is_idle=lambda key: _is_idle(key, prefix),
    )


def t5_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    """Raises `model.untrained` when the file holds no T5, `model.family_unknown` when it is another T5."""
    keys = find_t5(merged(headers))
    if keys is None:
        raise _missing(headers[0], "T5")
    config = t5_config(keys)
    return Blueprint(
        config=config,
        empty=lambda: empty_t5(config),
        source=lambda name: WeightSource(keys.prefix + t5_key(keys, name)),
        dtype=_kept_dtype(ref, keys),
        is_idle=lambda key: _is_idle(key, keys.prefix),
    )


def _kept_dtype(ref: PartRef, keys: PartKeys) -> torch.dtype:
    if ref.weight_dtype is not None:
        dtype: torch.dtype = getattr(torch, ref.weight_dtype)
        return dtype
    if keys.numbers.total() <= _MAX_WIDENED:
        return torch.float32
    if keys.has_scales:
        return torch.bfloat16
    return _DTYPES.get(keys.numbers.most_common(1)[0][0], torch.float32)


def _is_idle(key: str, prefix: str) -> bool:
    return not key.startswith(prefix) or _IDLE.fullmatch(key.removeprefix(prefix)) is not None


def _missing(header: SafetensorsHeader, what: str) -> EngineError:
    return EngineError(
        "model.untrained", f"{header.path.name} holds no {what} text encoder; load one with CLIPLoader instead."
    )
