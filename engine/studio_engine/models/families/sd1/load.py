"""A Stable Diffusion 1 single file, ready to compute."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_tensors
from studio_engine.models.families.sd1 import keys
from studio_engine.models.families.sd1.config import Sd1Config, read_config
from studio_engine.models.families.sd1.fill import fill, unexplained
from studio_engine.runtime.plan import ComputePlan

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sd1Weights:
    config: Sd1Config
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text: CLIPTextModel
    unet_dtype: torch.dtype
    vae_dtype: torch.dtype
    owned_bytes: int
    """Memory that goes away with this object: shared weights of a LoRA's copy do not count."""


def load_sd1(header: SafetensorsHeader, plan: ComputePlan) -> Sd1Weights:
    """Raises `model.untrained` and `model.file_corrupt`."""
    # Imported here because diffusers and transformers cost 4 s, which the engine must not wait for to register.
    from studio_engine.models.families.sd1.modules import empty_text, empty_unet, empty_vae

    config = read_config(header)
    tensors = read_tensors(header)
    unet, vae, text = empty_unet(config.unet), empty_vae(config.vae), empty_text(config.text)
    put = functools.partial(fill, tensors=tensors, path=header.path)
    unet_dtype = plan.dtype_for(plan.unet_dtype, config.unet.widths)
    vae_dtype = plan.dtype_for(plan.vae_dtype, config.vae.widths)
    used = put(
        unet,
        source_key=lambda name: keys.unet_source_key(name, config.unet),
        placement=functools.partial(placed, plan=plan, dtype=unet_dtype),
    )
    used |= put(
        vae,
        source_key=lambda name: keys.vae_source_key(name, config.vae),
        placement=functools.partial(placed, plan=plan, dtype=vae_dtype),
    )
    used |= put(
        text,
        source_key=keys.text_source_key,
        # The text encoder is 1 % of the work: full precision costs nothing that anyone notices.
        placement=functools.partial(placed, plan=plan, dtype=torch.float32),
    )
    nn.Module.to(text, plan.device)
    left = unexplained(tensors, used)
    if left:
        log.warning("%s holds %d tensors that are not used, first %s", header.path.name, len(left), left[0])
    owned_bytes = sum(_tensor_bytes(tensor) for module in (unet, vae, text) for tensor in module.parameters())
    return Sd1Weights(config, unet, vae, text, unet_dtype, vae_dtype, owned_bytes)


def placed(tensor: Tensor, *, plan: ComputePlan, dtype: torch.dtype) -> Tensor:
    """A private copy on the device: never a view of the mapped file."""
    copy = tensor.to(device=plan.device, dtype=dtype, copy=True)
    if plan.is_channels_last and copy.ndim == 4:
        return copy.contiguous(memory_format=torch.channels_last)
    return copy


def unshared_bytes(module: nn.Module, base: nn.Module) -> int:
    shared = {id(tensor) for tensor in base.parameters()}
    return sum(_tensor_bytes(tensor) for tensor in module.parameters() if id(tensor) not in shared)


def _tensor_bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
