"""Opens IP-Adapters, and lets pictures prompt a model through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.errors import EngineError
from studio_engine.models.adapters.image_prompt.blueprint import read_image_prompt_config
from studio_engine.models.adapters.image_prompt.hook import ImagePromptHook, attention_places, paired
from studio_engine.models.adapters.image_prompt.modules import ImagePrompt, ImagePromptConfig
from studio_engine.models.adapters.origin import LABELS, label_of_context
from studio_engine.models.blueprints import blueprint_of
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.hooks import NetworkHooks

if TYPE_CHECKING:
    from studio_engine.models.vision.encoder import VisionEncoder, VisionOutput
    from studio_engine.sampling.model import Model


@dataclass(frozen=True, eq=False)
class ImagePromptAdapter:
    """IPADAPTER: the adapter's weights under a light name."""

    source: PartSource
    ref: PartRef
    config: ImagePromptConfig

    def tokens(self, encoder: VisionEncoder, images: Tensor) -> Tensor:
        """`[2, tokens, context]`: of the pictures, one after the other, and of nothing."""
        part, device = self.source.part(self.ref), self.source.plan.device
        module = part.module
        assert isinstance(module, ImagePrompt)
        seen, blank = (
            each.to(device, part.dtype) for each in (self._read(encoder.encode(images)), self._blank(encoder))
        )
        with torch.no_grad():
            return self.source.batcher.alone(lambda: paired(module.tokens(seen), module.tokens(blank)))

    def _blank(self, encoder: VisionEncoder) -> Tensor:
        if self.config.kind == "plain":
            return torch.zeros(1, self.config.embedding)
        return self._read(encoder.encode_blank())

    def _read(self, output: VisionOutput) -> Tensor:
        said = output.image_embeds if self.config.kind == "plain" else output.penultimate_hidden_states
        if said.shape[-1] != self.config.embedding:
            raise EngineError(
                "model.family_unknown",
                f"{self.ref.files[0].name} reads pictures as vectors of {self.config.embedding} numbers, and this CLIP "
                f"vision model gives {said.shape[-1]}; load the one that it was trained with (ViT-H, or ViT-bigG).",
            )
        return said


def open_image_prompt(source: PartSource, file: ModelFile) -> ImagePromptAdapter:
    """Raises `model.family_unknown`, `model.untrained` and `model.file_corrupt`."""
    config = read_image_prompt_config(read_header(file.path))
    return ImagePromptAdapter(source, PartRef((file,), "ip_adapter", "ip_adapter"), config)


def prompted_by_images(
    model: Model, adapter: ImagePromptAdapter, tokens: Tensor, *, weight: float, share: tuple[float, float]
) -> Model:
    """The model with attention to these tokens in a share (0…1) of its steps; the very same without weight."""
    places = list(attention_places(_unet_config(model, adapter)))
    if len(places) != len(adapter.config.layer_widths):
        made = label_of_context(adapter.config.context)
        family = model.network.family
        raise EngineError(
            "model.family_unknown",
            f"This IP-Adapter was made for {made}; the loaded model is {LABELS.get(family, family)}. "
            f"Choose another than {adapter.ref.files[0].name}.",
        )
    if weight == 0.0:
        return model
    start, end = (model.sampling.percent_to_sigma(each) for each in share)
    layers = {place: number for number, place in enumerate(places)}
    hook = ImagePromptHook(adapter.source, adapter.ref, layers, tokens, weight, (start, end))
    return model.with_hooks(NetworkHooks(attention=(("attn2", None, hook),)))


def _unet_config(model: Model, adapter: ImagePromptAdapter) -> UnetConfig:
    ref = getattr(model.network, "ref", None)
    if isinstance(ref, PartRef):
        headers = [read_header(file.path) for file in ref.files]
        config = blueprint_of(ref.base, headers, adapter.source.plan).config
        if isinstance(config, UnetConfig):
            return config
    raise EngineError(
        "model.family_unknown", f"{adapter.ref.files[0].name} changes a UNet's attention, which this model has not."
    )
