"""One encoder's answer to a prompt in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import torch
from torch import Tensor

from studio_engine.models.text.chunks import Chunk, ChunkRules, empty_chunk
from studio_engine.models.text.clip import ClipText
from studio_engine.models.text.recipes import Encoded, EncoderRules
from studio_engine.models.text.t5 import T5Encoder
from studio_engine.runtime.memory import check_fits

EncoderModule: TypeAlias = ClipText | T5Encoder

# OpenCLIP-H's. Files for diffusers leave out the last, whose states Stable Diffusion 2 never reads.
_CLIP_H_LAYERS: Final = 24
# A prompt may be as long as a book: its chunks are encoded so many at a time, in some 100 MB.
_MAX_ROWS: Final = 64
# T5's distances and its attention's scores, fp32 each.
_SCORE_BYTES: Final = 8


def fitted(rules: ChunkRules, module: EncoderModule) -> ChunkRules:
    """Chunks as long as the encoder has positions: 77, or 248 in Long-CLIP."""
    return replace(rules, length=module.positions) if isinstance(module, ClipText) else rules


def encode_chunks(
    module: EncoderModule, chunks: Sequence[Chunk], rules: EncoderRules, *, layer: int | None, device: torch.device
) -> Encoded:
    """`layer` counts as in `EncoderRules`; one that the encoder does not have is the last, normed.

    Weights move a token's states away from those of the empty prompt, which is encoded along. Without chunks the
    answer is that of the shortest empty prompt. Raises ValueError for chunks of unequal lengths.
    """
    is_weighted = any(chunk.is_weighted for chunk in chunks)
    batch = list(chunks)
    if is_weighted or not chunks:
        length = max((len(chunk.tokens) for chunk in chunks), default=0)
        batch.append(empty_chunk(fitted(rules.chunks, module), length))
    states, pooled = _run(module, batch, rules=rules, layer=layer, device=device)
    first = None if pooled is None else pooled[:1]
    if is_weighted:
        weights = torch.tensor([chunk.weights for chunk in chunks])[:, :, None]
        empty, states = states[-1:], states[:-1]
        states = torch.where(weights == 1.0, states, (states - empty) * weights + empty)
    return Encoded(states.reshape(1, -1, states.shape[-1]), first)


def _run(
    module: EncoderModule, batch: Sequence[Chunk], *, rules: EncoderRules, layer: int | None, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """States, one row per chunk, and pooled vectors of the first ones, fp32 on the CPU."""
    if isinstance(module, T5Encoder):
        tokens = len(batch[0].tokens)
        check_fits(len(batch) * module.heads * tokens**2 * _SCORE_BYTES, device)
        return module(_embedded(module, batch, device), _existing(layer, module.layers)).cpu(), None
    if len(batch) > _MAX_ROWS:
        starts = range(0, len(batch), _MAX_ROWS)
        runs = [
            _run(module, batch[start : start + _MAX_ROWS], rules=rules, layer=layer, device=device) for start in starts
        ]
        return torch.cat([states for states, _ in runs]), runs[0][1]
    if rules.part == "clip_h" and layer is not None and module.layers == _CLIP_H_LAYERS - 1:
        layer = min(layer + 1, -1)
    x = _embedded(module, batch, device)
    ends = torch.tensor([chunk.end for chunk in batch], device=device)
    states, pooled = module(x, ends, _existing(layer, module.layers), is_normed=rules.is_normed)
    return states.cpu(), (module.project(pooled) if rules.is_projected else pooled).cpu()


def _embedded(module: EncoderModule, batch: Sequence[Chunk], device: torch.device) -> Tensor:
    """`[rows, tokens, width]`; learned vectors stand where a token is one."""
    ids = [[token if isinstance(token, int) else 0 for token in chunk.tokens] for chunk in batch]
    x = module.embed(torch.tensor(ids, device=device))
    for row, chunk in enumerate(batch):
        for column, token in enumerate(chunk.tokens):
            if not isinstance(token, int):
                x[row, column] = token.to(x)
    return x


def _existing(layer: int | None, layers: int) -> int | None:
    return None if layer is None or abs(layer) > layers else layer
