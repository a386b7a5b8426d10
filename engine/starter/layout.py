"""Tensor names: from diffusers' and transformers' modules to the single file that the engine reads."""

from studio_engine.models.families.unet import keys as unet_keys
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.vae import keys as vae_keys
from studio_engine.models.vae.config import VaeConfig

from .models import DEFAULT_WIDTHS, GROUPS_UNET, GROUPS_VAE

TEXT_PREFIX = "cond_stage_model.transformer.text_model."
UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."

# Names depend on the number of layers and on which levels have transformers, not on widths.
_UNET = UnetConfig(
    in_channels=4,
    out_channels=4,
    widths=DEFAULT_WIDTHS.unet,
    layers_per_block=2,
    down_depths=((1, 1), (1, 1), (1, 1), (0, 0)),
    up_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    middle_depth=1,
    context_width=DEFAULT_WIDTHS.text,
    uses_linear_projection=False,
    heads=(DEFAULT_WIDTHS.unet_heads,) * 4,
    norm_groups=GROUPS_UNET,
)
_VAE = VaeConfig(
    in_channels=3,
    out_channels=3,
    latent_channels=4,
    widths=DEFAULT_WIDTHS.vae,
    layers_per_block=1,
    norm_groups=GROUPS_VAE,
)


def unet_key(name: str) -> str:
    """Raises KeyError for a name that SD1's UNet does not have."""
    return UNET_PREFIX + unet_keys.ldm_key(name, _UNET)


def vae_key(name: str) -> str:
    return VAE_PREFIX + vae_keys.ldm_key(name, _VAE)


def text_key(name: str) -> str:
    return TEXT_PREFIX + name.removeprefix("text_model.")
