"""CLIP's text encoder of Stable Diffusion 1 (Radford et al. 2021, ViT-L/14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, PartSource, WeightPatch, WeightSource
from studio_engine.models.text.chunks import Chunk, chunk_prompt, empty_chunk
from studio_engine.models.text.tokenizer import END_TOKEN, START_TOKEN, token_ids
from studio_engine.runtime.plan import ComputePlan
from studio_engine.sampling.conditioning import Cond, Conditioning

PREFIX: Final = "cond_stage_model.transformer.text_model."
_IDLE: Final = frozenset({"embeddings.position_ids"})


@dataclass(frozen=True)
class TextConfig:
    vocabulary: int
    positions: int
    width: int
    inner_width: int
    layers: int
    heads: int


def read_text_config(keys: PartKeys) -> TextConfig:
    """Raises `model.untrained` when tensors that the sizes depend on are missing."""
    vocabulary, width = keys.shape("embeddings.token_embedding.weight")
    return TextConfig(
        vocabulary=vocabulary,
        positions=keys.shape("embeddings.position_embedding.weight")[0],
        width=width,
        inner_width=keys.shape("encoder.layers.0.mlp.fc1.weight")[0],
        layers=keys.count(r"encoder\.layers\.(\d+)\."),
        heads=keys.number("studio.text_heads", max(1, width // 64)),
    )


def empty_text(config: TextConfig) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    settings = CLIPTextConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        intermediate_size=config.inner_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        max_position_embeddings=config.positions,
        hidden_act="quick_gelu",
        bos_token_id=START_TOKEN,
        eos_token_id=END_TOKEN,
        pad_token_id=END_TOKEN,
    )
    with torch.device("meta"):
        text = CLIPTextModel(settings)
    text.train(False)
    return text


def clip_l_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    config = read_text_config(PartKeys(headers[0], PREFIX))
    return Blueprint(
        config=config,
        empty=lambda: empty_text(config),
        source=lambda name: WeightSource(PREFIX + name.removeprefix("text_model.")),
        # The text encoder is 1 % of the work: full precision costs nothing that anyone notices.
        dtype=torch.float32,
        is_idle=lambda key: not key.startswith(PREFIX) or key.removeprefix(PREFIX) in _IDLE,
    )


@dataclass(frozen=True, eq=False)
class ClipL:
    """A TextEncoder: last layer, final layer norm."""

    source: PartSource
    ref: PartRef

    @torch.no_grad()
    def encode(self, text: str) -> Conditioning:
        part = self.source.part(self.ref)
        assert isinstance(part.config, TextConfig)
        length = part.config.positions
        chunks = chunk_prompt(text, length, token_ids)
        is_weighted = any(weight != 1.0 for chunk in chunks for weight in chunk.weights)
        batch = [empty_chunk(length), *chunks] if is_weighted else chunks
        ids = torch.tensor([chunk.ids for chunk in batch], device=self.source.plan.device)
        states: Tensor = part.module(input_ids=ids).last_hidden_state.float().cpu()
        if is_weighted:
            states = _apply_weights(states[1:], states[:1], chunks)
        return (Cond(states.reshape(1, -1, states.shape[-1])),)

    def patched_by(self, patch: WeightPatch) -> ClipL:
        return replace(self, ref=self.ref.patched_by(patch))


def _apply_weights(states: Tensor, empty: Tensor, chunks: list[Chunk]) -> Tensor:
    """z = (z − z of the empty prompt) · weight + z of the empty prompt, per token, as ComfyUI does."""
    weights = torch.tensor([chunk.weights for chunk in chunks])[:, :, None]
    return torch.where(weights == 1.0, states, (states - empty) * weights + empty)
