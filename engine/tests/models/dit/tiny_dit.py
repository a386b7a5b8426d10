"""Tiny transformers, random, and the single files that hold them."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.models.families.dit.config import FluxConfig, Sd3Config
from studio_engine.models.families.dit.keys import flux_source, sd3_source, swapped
from studio_engine.models.families.dit.modules import empty_flux, empty_sd3
from studio_engine.models.parts import WeightSource
from tests.models.tiny_checkpoint import randomised

SD3 = Sd3Config(4, 32, 2, 3, 24, 20, 8, is_normed=False, dual_layers=0)
SD35 = Sd3Config(4, 32, 2, 3, 24, 20, 8, is_normed=True, dual_layers=2)
DEV = FluxConfig(4, 4, 64, 2, 2, 3, 24, 20, has_guidance=True)
SCHNELL = FluxConfig(4, 4, 64, 2, 2, 3, 24, 20, has_guidance=False)
FILL = FluxConfig(4 + 4 + 64, 4, 64, 2, 2, 3, 24, 20, has_guidance=True)
_ORDER = ("to_q", "add_q_proj", "to_k", "add_k_proj", "to_v", "add_v_proj", "proj_mlp")


def tiny(config: Sd3Config | FluxConfig, seed: int = 0) -> nn.Module:
    module = randomised(empty_sd3(config) if isinstance(config, Sd3Config) else empty_flux(config), seed)
    if isinstance(config, Sd3Config):
        table = torch.randn(1, config.positions**2, config.width, generator=torch.Generator().manual_seed(seed))
        module.pos_embed.pos_embed = table
    return module.requires_grad_(False)


def source_of(config: Sd3Config | FluxConfig) -> Callable[[str], WeightSource]:
    if isinstance(config, Sd3Config):
        return lambda name: sd3_source(name, config.layers)
    return lambda name: flux_source(name, config)


def stored_tensors(module: nn.Module, config: Sd3Config | FluxConfig) -> dict[str, Tensor]:
    """Under the single file's names, projections fused."""
    source, parts = source_of(config), {}
    for name, value in module.state_dict().items():
        origin = source(name)
        place = next((_ORDER.index(word) for word in _ORDER if f".{word}." in name), 0)
        parts.setdefault(origin.key, []).append((place, swapped(value) if origin.take is swapped else value))
    return {
        key: torch.cat([value for _, value in sorted(found, key=lambda each: each[0])]).contiguous()
        for key, found in parts.items()
    }


def write_tiny_dit(path: Path, config: Sd3Config | FluxConfig, seed: int = 0) -> nn.Module:
    """The module whose weights were written."""
    module = tiny(config, seed)
    tensors = {f"model.diffusion_model.{key}": value for key, value in stored_tensors(module, config).items()}
    save_file(tensors, path, {"studio.dit_head_width": str(config.width // config.heads)})
    return module
