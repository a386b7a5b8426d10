"""Trains the autoencoder, or only its decoder once latents are cached and the encoder must not move.

Losses: absolute and squared pixel error, error of the gradients (edges), a light KL term. An adversarial loss hurt at
this size. Small batches of crops learn faster per second on a CPU than large batches of whole pictures.
"""

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from .concepts import Artwork
from .device import autocast, choose_device, place
from .examples import Composer
from .models import LATENT_FACTOR, Widths, build_autoencoder, load_autoencoder

KL_WEIGHT = 2e-4
EDGE_WEIGHT = 0.5
# Latents that a UNet paints are off by about this share of a channel's deviation: the decoder learns to forgive it.
DECODER_NOISE = 0.08
# Small shapes of few pixels are most of what is recognised in a picture, so one batch in this many is whole pictures.
WHOLE_EVERY = 5
SAVE_EVERY_SECONDS = 120.0


@dataclass(frozen=True)
class AutoencoderPlan:
    """minutes counts all resumed runs together; is_encoder_frozen trains the decoder alone."""

    folder: Path
    minutes: float
    widths: Widths
    is_encoder_frozen: bool = False
    batch: int = 8
    crop_px: int = 64
    learning_rate: float = 4e-4

    @property
    def file(self) -> Path:
        return self.folder / "autoencoder.safetensors"

    @property
    def clock(self) -> Path:
        return self.folder / ("decoder.json" if self.is_encoder_frozen else "autoencoder.json")


class Crops:
    """Batches of random crops, and now and then of whole pictures of about the same number of pixels."""

    def __init__(self, artwork: Artwork, plan: AutoencoderPlan) -> None:
        self.composer = Composer(artwork, random.SystemRandom().getrandbits(32), plain_share=0.55, is_moved=True)
        self.plan = plan
        self.whole_batch = max(1, plan.batch * plan.crop_px**2 // artwork.size_px**2)
        self.drawn = 0

    def draw(self) -> Tensor:
        """[n, 3, h, w] in -1..1. Crops start on the latent's grid, as the pixels of a whole picture do."""
        self.drawn += 1
        is_whole = self.drawn % WHOLE_EVERY == 0
        pictures = [self.composer.draw().pixels for _ in range(self.whole_batch if is_whole else self.plan.batch)]
        if not is_whole:
            pictures = [self._crop(picture) for picture in pictures]
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1

    def _crop(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        side = self.plan.crop_px
        places = range(0, picture.shape[0] - side + 1, LATENT_FACTOR)
        left, top = self.composer.rng.choice(places), self.composer.rng.choice(places)
        return picture[top : top + side, left : left + side]


def _edges(pixels: Tensor) -> tuple[Tensor, Tensor]:
    return pixels[..., :, 1:] - pixels[..., :, :-1], pixels[..., 1:, :] - pixels[..., :-1, :]


def reconstruction_loss(painted: Tensor, pixels: Tensor) -> Tensor:
    """Both [n, 3, h, w] in -1..1."""
    edges = sum(
        ((ours - theirs).abs().mean() for ours, theirs in zip(_edges(painted), _edges(pixels), strict=True)),
        start=torch.zeros((), device=pixels.device),
    )
    return F.l1_loss(painted, pixels) + F.mse_loss(painted, pixels) + EDGE_WEIGHT * edges


def _step(autoencoder: AutoencoderKL, pixels: Tensor, is_encoder_frozen: bool) -> tuple[Tensor, Tensor]:
    """The loss to descend and the plain absolute error to report."""
    with autocast(pixels.device), torch.set_grad_enabled(not is_encoder_frozen):
        posterior = autoencoder.encode(pixels).latent_dist
    latent = posterior.sample()
    if is_encoder_frozen:
        strength = DECODER_NOISE * torch.rand(len(latent), 1, 1, 1, device=latent.device)
        latent = latent + strength * latent.std((0, 2, 3), keepdim=True) * torch.randn_like(latent)
    with autocast(pixels.device):
        painted = autoencoder.decode(latent).sample.float()
    loss = reconstruction_loss(painted, pixels)
    if not is_encoder_frozen:
        loss = loss + KL_WEIGHT * posterior.kl().mean() / pixels[0].numel()
    return loss, F.l1_loss(painted.detach(), pixels)


def _trainable(autoencoder: AutoencoderKL, is_encoder_frozen: bool) -> list[nn.Parameter]:
    if is_encoder_frozen:
        for name, parameter in autoencoder.named_parameters():
            parameter.requires_grad_(name.startswith(("decoder.", "post_quant_conv.")))
    return [parameter for parameter in autoencoder.parameters() if parameter.requires_grad]


def train_autoencoder(artwork: Artwork, plan: AutoencoderPlan) -> None:
    """Trains until `plan.minutes` are used up, from the saved weights if there are any, and saves averaged weights."""
    device = choose_device()
    autoencoder = load_autoencoder(plan.file, plan.widths) if plan.file.exists() else build_autoencoder(plan.widths)
    place(autoencoder, device)
    autoencoder.train()
    parameters = _trainable(autoencoder, plan.is_encoder_frozen)
    average = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, plan.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    before = json.loads(plan.clock.read_text())["seconds"] if plan.clock.exists() else 0.0
    crops = Crops(artwork, plan)
    started = saved = time.monotonic()
    step, smooth = 0, 0.0
    while (share := (before + time.monotonic() - started) / 60 / plan.minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * min(1.0, (step + 1) / 100) * max(0.03, 1 - share)
        pixels = crops.draw().to(device).contiguous(memory_format=torch.channels_last)
        loss, error = _step(autoencoder, pixels, plan.is_encoder_frozen)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        decay = min(0.995, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, [value.detach() for value in parameters], 1 - decay)
        smooth = float(error) if smooth == 0 else 0.99 * smooth + 0.01 * float(error)
        if time.monotonic() - saved > SAVE_EVERY_SECONDS:
            saved = time.monotonic()
            _save(autoencoder, average, plan, before + saved - started)
            print(f"autoencoder {share:.0%}, step {step}, absolute error {smooth:.4f}", flush=True)  # noqa: T201
    _save(autoencoder, average, plan, before + time.monotonic() - started)


def _save(autoencoder: AutoencoderKL, average: list[Tensor], plan: AutoencoderPlan, seconds: float) -> None:
    trained = {name for name, parameter in autoencoder.named_parameters() if parameter.requires_grad}
    names = [name for name, _ in autoencoder.named_parameters() if name in trained]
    averaged = dict(zip(names, average, strict=True))
    latest = {name: averaged.get(name, value) for name, value in autoencoder.state_dict().items()}
    tensors = {name: value.detach().half().contiguous() for name, value in latest.items()}
    partial = plan.file.with_suffix(".partial")
    save_file(tensors, partial)
    partial.rename(plan.file)
    plan.clock.write_text(json.dumps({"seconds": seconds}))
