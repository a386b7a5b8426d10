"""What a graph passes around for Stable Diffusion 1: light names of weights, resolved when they compute.

A handle keeps no weights alive, so the result cache may hold it while the store drops and reloads the file.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from studio_engine.models.families.sd1.load import Sd1Weights
from studio_engine.models.families.sd1.lora import LoraUse, Part
from studio_engine.models.files import ModelFile
from studio_engine.models.text.chunks import Chunk, chunk_prompt, empty_chunk
from studio_engine.models.text.tokenizer import token_ids
from studio_engine.runtime.memory import check_fits
from studio_engine.runtime.plan import ComputePlan
from studio_engine.sampling.conditioning import Cond, Conditioning, NetInput, RunInfo
from studio_engine.sampling.hooks import NetworkHooks

# Activations that live at once, in tensors of the first level's size: fp32, 512², 0.3 GB for a pair of rows in the
# UNet and 1 GB for one picture in the decoder.
_UNET_COPIES = 24
_VAE_COPIES = 8


class Sd1Source(Protocol):
    """Finds the weights behind a handle, loading them when they are not in memory."""

    @property
    def plan(self) -> ComputePlan: ...

    def weights(self, file: ModelFile, part: Part = "unet", loras: tuple[LoraUse, ...] = ()) -> Sd1Weights:
        """The LoRAs change only `part`."""
        ...

    def preview_factors(self, file: ModelFile) -> Tensor:
        """`[latent channels + 1, 3]`: a linear map from scaled latents (and 1) to red, green, blue in 0…1."""
        ...


@dataclass(frozen=True, eq=False)
class Sd1Network:
    """A Network."""

    source: Sd1Source
    file: ModelFile
    loras: tuple[LoraUse, ...] = ()
    family: str = "sd1"

    @property
    def batch_key(self) -> Hashable:
        return (self.file.sha256, tuple((use.file.sha256, use.strength) for use in self.loras))

    @property
    def device(self) -> torch.device:
        return self.source.plan.device

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        return NetInput(cond.context.to(run.device))

    @torch.no_grad()
    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        plan = self.source.plan
        weights = self.source.weights(self.file, "unet", self.loras)
        cells = x.shape[0] * x.shape[2] * x.shape[3]
        check_fits(cells * weights.config.unet.widths[0] * weights.unet_dtype.itemsize * _UNET_COPIES, plan.device)
        layout = torch.channels_last if plan.is_channels_last else torch.contiguous_format
        scaled = x.to(weights.unet_dtype).contiguous(memory_format=layout)
        context = inputs.context.to(device=plan.device, dtype=weights.unet_dtype)
        output: Tensor = weights.unet(scaled, timestep, context, return_dict=False)[0]
        return output.float()

    @torch.no_grad()
    def to_rgb(self, latents: Tensor) -> Tensor:
        """Rough colours of scaled latents `[batch, c, h, w]`: `[batch, h, w, 3]` in 0…1, one pixel per latent cell."""
        factors = self.source.preview_factors(self.file)
        cells = latents.detach().float().cpu().permute(0, 2, 3, 1)
        return (cells @ factors[:-1] + factors[-1]).clamp(0.0, 1.0)

    def with_lora(self, lora: LoraUse) -> Sd1Network:
        return replace(self, loras=(*self.loras, lora))


@dataclass(frozen=True, eq=False)
class Sd1Text:
    """A TextEncoder: last layer, final layer norm."""

    source: Sd1Source
    file: ModelFile
    loras: tuple[LoraUse, ...] = ()

    @torch.no_grad()
    def encode(self, text: str) -> Conditioning:
        encoder = self.source.weights(self.file, "text", self.loras).text
        length = int(encoder.config.max_position_embeddings)
        chunks = chunk_prompt(text, length, token_ids)
        is_weighted = any(weight != 1.0 for chunk in chunks for weight in chunk.weights)
        batch = [empty_chunk(length), *chunks] if is_weighted else chunks
        ids = torch.tensor([chunk.ids for chunk in batch], device=self.source.plan.device)
        states: Tensor = encoder(input_ids=ids).last_hidden_state.float().cpu()
        if is_weighted:
            states = _apply_weights(states[1:], states[:1], chunks)
        return (Cond(states.reshape(1, -1, states.shape[-1])),)

    def with_lora(self, lora: LoraUse) -> Sd1Text:
        return replace(self, loras=(*self.loras, lora))


@dataclass(frozen=True, eq=False)
class Sd1Vae:
    """An Autoencoder. Latents are raw: the latent scale is the sampler's affair."""

    source: Sd1Source
    file: ModelFile

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        weights, plan = self.source.weights(self.file), self.source.plan
        pixels = _cropped(images, weights.config.vae.downscale).permute(0, 3, 1, 2) * 2.0 - 1.0
        placed = pixels.to(device=plan.device, dtype=weights.vae_dtype)
        rows = [weights.vae.encode(row[None]).latent_dist.mode() for row in placed]
        return torch.cat(rows).float().cpu()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        weights, plan = self.source.weights(self.file), self.source.plan
        config = weights.config.vae
        pixels = latents.shape[2] * latents.shape[3] * config.downscale**2
        check_fits(pixels * config.widths[0] * weights.vae_dtype.itemsize * _VAE_COPIES, plan.device)
        placed = latents.to(device=plan.device, dtype=weights.vae_dtype)
        # One picture at a time: the decoder's memory then does not grow with the batch.
        rows = [weights.vae.decode(row[None], return_dict=False)[0].float().cpu() for row in placed]
        return ((torch.cat(rows) + 1.0) / 2.0).clamp(0.0, 1.0).permute(0, 2, 3, 1).contiguous()


def _apply_weights(states: Tensor, empty: Tensor, chunks: list[Chunk]) -> Tensor:
    """z = (z − z of the empty prompt) · weight + z of the empty prompt, per token, as ComfyUI does."""
    weights = torch.tensor([chunk.weights for chunk in chunks])[:, :, None]
    return torch.where(weights == 1.0, states, (states - empty) * weights + empty)


def _cropped(images: Tensor, multiple: int) -> Tensor:
    """The centre, with both sides cut to multiples of the autoencoder's cell."""
    height, width = images.shape[1:3]
    rows, columns = height // multiple * multiple, width // multiple * multiple
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns, :3]
