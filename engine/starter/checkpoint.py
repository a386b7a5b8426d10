"""Reads a run's averaged weights back into modules of the full vocabulary."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel

from .latents import load_latents
from .models import DEFAULT_WIDTHS, Widths, build_text_encoder, build_unet, load_autoencoder
from .tokenizer import VOCABULARY_SIZE
from .train_diffusion import SHORT_CONTEXT

TOKEN_KEY = "embeddings.token_embedding.weight"
POSITION_KEY = "embeddings.position_embedding.weight"


@dataclass(frozen=True)
class Trained:
    """The three networks and the normalisation ([4] each) between the autoencoder and the UNet."""

    text: CLIPTextModel
    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    mean: Tensor
    deviation: Tensor
    steps: int
    examples: int


def load_trained(folder: Path, widths: Widths = DEFAULT_WIDTHS) -> Trained:
    """Raises FileNotFoundError before the first save of a run. Words that no caption used embed as zero."""
    record = json.loads((folder / "state.json").read_text())
    tensors = load_file(folder / "state.safetensors")
    state = {key.removeprefix("average."): value for key, value in tensors.items() if key.startswith("average.")}
    text_state = {key.removeprefix("text."): value for key, value in state.items() if key.startswith("text.")}
    embedding = torch.zeros(VOCABULARY_SIZE, widths.text)
    embedding[tensors["vocabulary"]] = text_state[TOKEN_KEY]
    text_state[TOKEN_KEY] = embedding
    if not record["is_full_context"]:
        text_state[POSITION_KEY][SHORT_CONTEXT:] = text_state[POSITION_KEY][SHORT_CONTEXT - 1]
    text, unet = build_text_encoder(widths), build_unet(widths)
    text.load_state_dict(text_state)
    unet.load_state_dict({key.removeprefix("unet."): value for key, value in state.items() if key.startswith("unet.")})
    latents = load_latents(folder)
    return Trained(
        text.train(False),
        unet.train(False),
        load_autoencoder(folder / "autoencoder.safetensors", widths),
        latents.mean,
        latents.deviation,
        record["step"],
        record["examples"],
    )
