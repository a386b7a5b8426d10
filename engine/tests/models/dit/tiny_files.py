"""Whole checkpoints of Stable Diffusion 3 and Flux, tiny: network, text encoders and autoencoder in one file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from studio_engine.models.families.dit.config import FluxConfig, Sd3Config
from studio_engine.models.text.clip import ClipText
from studio_engine.models.text.recipes import RECIPES
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.keys import ldm_key
from studio_engine.models.vae.modules import empty_vae
from tests.models.dit.tiny_dit import DEV, SD35, stored_tensors, tiny
from tests.models.text.tiny_text import T5_WIDTH, WIDTHS, clip_config, tiny_modules
from tests.models.text.tiny_text import randomised as randomise_text
from tests.models.tiny_checkpoint import randomised

VAE = VaeConfig(3, 3, 16, (8, 8, 8, 8), 1, 4, has_quant=False)
METADATA = {"studio.vae_norm_groups": "4", "studio.text_heads": "2"}
SD3_CONFIG = replace(
    SD35, channels=16, context_width=T5_WIDTH, vector_width=WIDTHS["clip_l"] + WIDTHS["clip_g"], positions=16
)
FLUX_CONFIG = replace(DEV, channels=16, in_channels=16, context_width=T5_WIDTH, vector_width=WIDTHS["clip_l"])


def vae_tensors() -> dict[str, Tensor]:
    tensors = {}
    for name, value in randomised(empty_vae(VAE), 5).state_dict().items():
        is_projection = "attentions" in name and value.ndim == 2
        tensors[ldm_key(name, VAE)] = (value[:, :, None, None] if is_projection else value).contiguous()
    return tensors


def text_tensors(family: str) -> dict[str, dict[str, Tensor]]:
    """Of each encoder: names as in a file of its own."""
    modules = tiny_modules(RECIPES[family])
    if "clip_g" in modules:
        # Its number of layers is what CLIP-G is recognised by.
        modules["clip_g"] = randomise_text(ClipText(clip_config("clip_g", 32, projection=WIDTHS["clip_g"])))
    return {part: dict(module.state_dict()) for part, module in modules.items()}


def network_tensors(config: Sd3Config | FluxConfig) -> dict[str, Tensor]:
    return stored_tensors(tiny(config), config)


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


def write_checkpoint(path: Path, family: str, *, without: str = "") -> Path:
    config: Sd3Config | FluxConfig = SD3_CONFIG if family == "sd3" else FLUX_CONFIG
    tensors = _prefixed("model.diffusion_model.", network_tensors(config))
    tensors |= _prefixed("first_stage_model." if family == "sd3" else "vae.", vae_tensors())
    for part, each in text_tensors(family).items():
        if part != without:
            tensors |= _prefixed(f"text_encoders.{part}.transformer.", each)
    path.parent.mkdir(parents=True, exist_ok=True)
    width = config.width // config.heads
    save_file(tensors, path, {**METADATA, "studio.dit_head_width": str(width)})
    return path


def write_parts(folder: Path, family: str) -> None:
    """The same in files of their own: network, each text encoder, autoencoder."""
    config: Sd3Config | FluxConfig = SD3_CONFIG if family == "sd3" else FLUX_CONFIG
    for kind in ("diffusion_models", "text_encoders", "vae"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    width = {"studio.dit_head_width": str(config.width // config.heads)}
    save_file(network_tensors(config), folder / "diffusion_models" / f"{family}.safetensors", width)
    save_file(vae_tensors(), folder / "vae" / f"{family}.safetensors", METADATA)
    for part, each in text_tensors(family).items():
        save_file(each, folder / "text_encoders" / f"{part}.safetensors", METADATA)
