"""The names and shapes of published text encoders' files, enumerated from their architectures."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from studio_engine.checkpoint.header import TensorEntry
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.models.fill import StoredTensors
from studio_engine.models.parts import Blueprint

Shapes = Mapping[str, tuple[int, ...]]
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}


def header_of(shapes: Shapes, dtype: str = "F16", **metadata: str) -> SafetensorsHeader:
    entries: dict[str, TensorEntry] = {}
    position = 0
    for name, shape in shapes.items():
        size = torch.Size(shape).numel() * BYTES[dtype]
        entries[name] = TensorEntry(dtype, shape, position, position + size)
        position += size
    return SafetensorsHeader(Path("published.safetensors"), position, 0, metadata, entries)


def check_all_explained(blueprint: Blueprint, header: SafetensorsHeader) -> None:
    """Every parameter finds a stored tensor of its shape, and every stored tensor is used or known to be idle."""
    stored = {name: torch.empty(entry.shape, device="meta") for name, entry in header.tensors.items()}
    used = set()
    for name, target in blueprint.empty().state_dict().items():
        origin = blueprint.source(name)
        tensor = StoredTensors(header, stored).find(origin.key)
        if tensor is None:
            assert origin.default is not None, f"{name}: no {origin.key}"
            assert origin.default().shape == target.shape
            continue
        used.add(origin.key)
        taken = tensor if origin.take is None else origin.take(tensor)
        assert taken.shape == target.shape, f"{name}: {taken.shape}"
    assert [key for key in stored if key not in used and not blueprint.is_idle(key)] == []


def pair(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def transformers_clip(width: int, layers: int, *, projection: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "text_model.embeddings.token_embedding.weight", (49408, width)
    yield "text_model.embeddings.position_embedding.weight", (77, width)
    yield "text_model.embeddings.position_ids", (1, 77)
    for layer in range(layers):
        at = f"text_model.encoder.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from pair(f"{at}.self_attn.{name}", width, width)
        yield from pair(f"{at}.mlp.fc1", 4 * width, width)
        yield from pair(f"{at}.mlp.fc2", width, 4 * width)
        for number in (1, 2):
            yield from pair(f"{at}.layer_norm{number}", width)
    yield from pair("text_model.final_layer_norm", width)
    if projection:
        yield "text_projection.weight", (width, width)


def open_clip(width: int, layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "positional_embedding", (77, width)
    yield "text_projection", (width, width)
    yield "logit_scale", ()
    yield "token_embedding.weight", (49408, width)
    for layer in range(layers):
        at = f"transformer.resblocks.{layer}"
        for number in (1, 2):
            yield from pair(f"{at}.ln_{number}", width)
        yield f"{at}.attn.in_proj_weight", (3 * width, width)
        yield f"{at}.attn.in_proj_bias", (3 * width,)
        yield from pair(f"{at}.attn.out_proj", width, width)
        yield from pair(f"{at}.mlp.c_fc", 4 * width, width)
        yield from pair(f"{at}.mlp.c_proj", width, 4 * width)
    yield from pair("ln_final", width)


def t5_xxl() -> Iterator[tuple[str, tuple[int, ...]]]:
    width, inner = 4096, 10240
    yield "shared.weight", (32128, width)
    yield "encoder.embed_tokens.weight", (32128, width)
    for block in range(24):
        at = f"encoder.block.{block}.layer"
        for name in "qkvo":
            yield f"{at}.0.SelfAttention.{name}.weight", (width, width)
        if block == 0:
            yield f"{at}.0.SelfAttention.relative_attention_bias.weight", (32, 64)
        yield f"{at}.0.layer_norm.weight", (width,)
        yield f"{at}.1.DenseReluDense.wi_0.weight", (inner, width)
        yield f"{at}.1.DenseReluDense.wi_1.weight", (inner, width)
        yield f"{at}.1.DenseReluDense.wo.weight", (width, inner)
        yield f"{at}.1.layer_norm.weight", (width,)
    yield "encoder.final_layer_norm.weight", (width,)


def prefixed(prefix: str, shapes: Iterator[tuple[str, tuple[int, ...]]]) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in shapes}
