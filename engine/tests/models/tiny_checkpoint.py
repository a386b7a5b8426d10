"""A real SD 1.x file, random and tiny: every level, attention and skip of the full topology, 4 MB."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.models.families.unet import keys as unet_keys
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.text.clip import ClipConfig, empty_clip
from studio_engine.models.vae import keys as vae_keys
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.modules import empty_vae

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer."
TINY_UNET = UnetConfig(
    in_channels=4,
    out_channels=4,
    widths=(16, 16, 32, 32),
    layers_per_block=2,
    down_depths=((1, 1), (1, 1), (1, 1), (0, 0)),
    up_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    middle_depth=1,
    context_width=32,
    uses_linear_projection=False,
    heads=(2, 2, 2, 2),
    norm_groups=8,
)
TINY_VAE = VaeConfig(
    in_channels=3, out_channels=3, latent_channels=4, widths=(8, 8, 16, 16), layers_per_block=1, norm_groups=4
)
TINY_TEXT = ClipConfig(49408, 77, width=32, inner_width=64, layers=2, heads=2, is_quick=True, projection=None)
TINY_METADATA = {
    "studio.unet_heads": "2",
    "studio.unet_norm_groups": "8",
    "studio.vae_norm_groups": "4",
    "studio.text_heads": "2",
    "studio.native_size": "64",
    "modelspec.title": "Tiny",
}


def randomised(module: nn.Module, seed: int) -> nn.Module:
    """The module in memory, with reproducible weights of a trained model's magnitude."""
    module.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            fan_in = max(1, parameter[0].numel()) if parameter.ndim > 1 else 1
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm_weight = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(
                1 + 0.1 * noise if is_norm_weight else noise * (0.1 if parameter.ndim == 1 else fan_in**-0.5)
            )
    return module


def tiny_modules(seed: int = 0) -> tuple[nn.Module, nn.Module, nn.Module]:
    """UNet, autoencoder, text encoder, whose weights `tiny_tensors` writes under the single file's names."""
    parts = empty_unet(TINY_UNET), empty_vae(TINY_VAE), empty_clip(TINY_TEXT)
    unet, vae, text = (randomised(part, seed + number) for number, part in enumerate(parts))
    return unet, vae, text


def tiny_tensors(seed: int = 0) -> dict[str, Tensor]:
    unet, vae, text = tiny_modules(seed)
    tensors = {UNET_PREFIX + unet_keys.ldm_key(name, TINY_UNET): value for name, value in unet.state_dict().items()}
    for name, value in vae.state_dict().items():
        is_projection = "attentions" in name and value.ndim == 2
        tensors[VAE_PREFIX + vae_keys.ldm_key(name, TINY_VAE)] = value[:, :, None, None] if is_projection else value
    tensors |= {TEXT_PREFIX + name: value for name, value in text.state_dict().items()}
    return {key: value.contiguous() for key, value in tensors.items()}


def write_tiny_checkpoint(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tiny_tensors(seed), path, TINY_METADATA)
    return path
