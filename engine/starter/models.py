"""The three networks in Stable Diffusion 1's topology, narrower, and the noise schedule."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from .tokenizer import CONTEXT_TOKENS, VOCABULARY_SIZE

TRAIN_STEPS = 1000
LATENT_FACTOR = 8
# SD1 has 32 groups. At 32 channels those are an instance norm, which erases flat colour (measured: 19 dB).
GROUPS_VAE = 8
GROUPS_UNET = 8


@dataclass(frozen=True)
class Widths:
    """Channel counts per level (SD1: unet 320-640-1280-1280, vae 128-256-512-512, text 768 in 12 layers)."""

    unet: tuple[int, int, int, int] = (48, 96, 160, 160)
    unet_heads: int = 2
    vae: tuple[int, int, int, int] = (32, 64, 128, 128)
    text: int = 192
    text_layers: int = 3
    text_heads: int = 3


DEFAULT_WIDTHS = Widths()
TINY_WIDTHS = Widths(unet=(32, 32, 64, 64), vae=(16, 16, 32, 32), text=32, text_layers=1, text_heads=2)


def build_autoencoder(widths: Widths = DEFAULT_WIDTHS) -> AutoencoderKL:
    """[n, 3, h, w] in -1..1 <-> [n, 4, h/8, w/8]. One residual layer per level where SD1 has two."""
    autoencoder: AutoencoderKL = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=GROUPS_VAE,
        block_out_channels=widths.vae,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    return autoencoder


def build_unet(widths: Widths = DEFAULT_WIDTHS) -> UNet2DConditionModel:
    """SD1's blocks one for one, so that block numbers mean the same. attention_head_dim is diffusers' head count."""
    unet: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        layers_per_block=2,
        norm_num_groups=GROUPS_UNET,
        block_out_channels=widths.unet,
        attention_head_dim=widths.unet_heads,
        cross_attention_dim=widths.text,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    )
    if not torch.cuda.is_available():
        # Plain matrix products: on a CPU the fused kernel's backward took 40 % of a step at these sizes.
        unet.set_attn_processor(AttnProcessor())
    return unet


def build_text_encoder(widths: Widths = DEFAULT_WIDTHS, vocabulary: int = VOCABULARY_SIZE) -> CLIPTextModel:
    """[n, 77] token numbers -> [n, 77, text]."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=widths.text,
            intermediate_size=widths.text * 4,
            num_hidden_layers=widths.text_layers,
            num_attention_heads=widths.text_heads,
            max_position_embeddings=CONTEXT_TOKENS,
            hidden_act="quick_gelu",
            projection_dim=widths.text,
            # The last two numbers, also where training renumbers the tokens.
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )


def load_autoencoder(file: Path, widths: Widths = DEFAULT_WIDTHS) -> AutoencoderKL:
    autoencoder = build_autoencoder(widths)
    autoencoder.load_state_dict({key: value.float() for key, value in load_file(file).items()})
    return autoencoder.train(False)


def alphas_cumprod() -> Tensor:
    """[1000] SD1's scaled-linear schedule."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0).float()
