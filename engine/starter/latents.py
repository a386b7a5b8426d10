"""Encodes composed examples once, so that diffusion training never touches a pixel."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from .device import autocast
from .examples import Composer

BATCH = 16


@dataclass(frozen=True)
class LatentSet:
    """latents: [n, 4, h, w] with zero mean and unit deviation per channel; mean, deviation: [4], to undo that."""

    latents: Tensor
    captions: list[str]
    mean: Tensor
    deviation: Tensor


def encode_examples(composer: Composer, autoencoder: AutoencoderKL, count: int) -> LatentSet:
    device = next(autoencoder.parameters()).device
    encoded: list[Tensor] = []
    captions: list[str] = []
    while len(captions) < count:
        examples = [composer.draw() for _ in range(BATCH)]
        captions += [example.caption for example in examples]
        pixels = torch.from_numpy(np.stack([example.pixels for example in examples])).to(device)
        with torch.no_grad(), autocast(device):
            moments = autoencoder.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).latent_dist
        encoded.append(moments.mode().float().cpu())
    latents = torch.cat(encoded)
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    return LatentSet((latents - mean.view(1, 4, 1, 1)) / deviation.view(1, 4, 1, 1), captions, mean, deviation)


def save_latents(folder: Path, latents: LatentSet) -> None:
    tensors = {"latents": latents.latents.half().contiguous(), "mean": latents.mean, "deviation": latents.deviation}
    (folder / "captions.json").write_text(json.dumps(latents.captions))
    save_file(tensors, folder / "latents.safetensors")


def load_latents(folder: Path) -> LatentSet:
    tensors = load_file(folder / "latents.safetensors")
    captions = json.loads((folder / "captions.json").read_text())
    return LatentSet(tensors["latents"].float(), captions, tensors["mean"], tensors["deviation"])
