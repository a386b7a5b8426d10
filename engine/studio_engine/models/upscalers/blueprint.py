"""How to make an upscaler from its file."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.parts import Blueprint, PartRef, WeightSource
from studio_engine.models.upscalers.config import CompactConfig, read_upscaler_config, upscaler_keys
from studio_engine.models.upscalers.modules import empty_upscaler
from studio_engine.models.upscalers.names import stored_names
from studio_engine.runtime.plan import ComputePlan


def upscale_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    keys = upscaler_keys(headers[0])
    config = read_upscaler_config(keys)
    stored = (lambda name: name) if isinstance(config, CompactConfig) else stored_names(keys)
    return Blueprint(
        config=config,
        empty=lambda: empty_upscaler(config),
        source=lambda name: WeightSource(keys.prefix + stored(name)),
        # As in ComfyUI: half precision shows in flat areas.
        dtype=torch.float32,
        is_idle=lambda key: not key.startswith(keys.prefix),
    )
