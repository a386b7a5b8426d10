"""The names and shapes of published transformers' files, enumerated from their architectures."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.models.text.published import pair

Named = Iterator[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Sd3Shape:
    width: int = 1536
    layers: int = 24
    positions: int = 192
    is_normed: bool = False
    dual_layers: int = 0
    channels: int = 16
    context: int = 4096
    vector: int = 2048
    head: int = 64


MEDIUM_3 = Sd3Shape()
MEDIUM_35 = Sd3Shape(positions=384, is_normed=True, dual_layers=13)
LARGE_35 = Sd3Shape(width=2432, layers=38, is_normed=True)


def sd3(shape: Sd3Shape) -> Named:
    width = shape.width
    yield "pos_embed", (1, shape.positions**2, width)
    yield from pair("x_embedder.proj", width, shape.channels, 2, 2)
    yield from pair("t_embedder.mlp.0", width, 256)
    yield from pair("t_embedder.mlp.2", width, width)
    yield from pair("y_embedder.mlp.0", width, shape.vector)
    yield from pair("y_embedder.mlp.2", width, width)
    yield from pair("context_embedder", width, shape.context)
    for layer in range(shape.layers):
        at = f"joint_blocks.{layer}"
        is_last = layer == shape.layers - 1
        is_dual = layer < shape.dual_layers
        yield from _sd3_stream(f"{at}.x_block", shape, 9 if is_dual else 6, is_whole=True)
        if is_dual:
            yield from _sd3_attention(f"{at}.x_block.attn2", shape)
            yield from pair(f"{at}.x_block.attn2.proj", width, width)
        yield from _sd3_stream(f"{at}.context_block", shape, 2 if is_last else 6, is_whole=not is_last)
    yield from pair("final_layer.adaLN_modulation.1", 2 * width, width)
    yield from pair("final_layer.linear", 4 * shape.channels, width)


def _sd3_stream(at: str, shape: Sd3Shape, modulations: int, *, is_whole: bool) -> Named:
    width = shape.width
    yield from pair(f"{at}.adaLN_modulation.1", modulations * width, width)
    yield from _sd3_attention(f"{at}.attn", shape)
    if is_whole:
        yield from pair(f"{at}.attn.proj", width, width)
        yield from pair(f"{at}.mlp.fc1", 4 * width, width)
        yield from pair(f"{at}.mlp.fc2", width, 4 * width)


def _sd3_attention(at: str, shape: Sd3Shape) -> Named:
    yield from pair(f"{at}.qkv", 3 * shape.width, shape.width)
    if shape.is_normed:
        yield f"{at}.ln_q.weight", (shape.head,)
        yield f"{at}.ln_k.weight", (shape.head,)


@dataclass(frozen=True)
class FluxShape:
    in_channels: int = 64
    has_guidance: bool = True
    width: int = 3072
    head: int = 128
    double: int = 19
    single: int = 38
    context: int = 4096
    vector: int = 768
    out: int = 64


DEV = FluxShape()
SCHNELL = FluxShape(has_guidance=False)
FILL = FluxShape(in_channels=384)
CANNY = FluxShape(in_channels=128)


def flux(shape: FluxShape) -> Named:
    width = shape.width
    yield from pair("img_in", width, shape.in_channels)
    yield from pair("txt_in", width, shape.context)
    embedders = {"time_in": 256, "vector_in": shape.vector} | ({"guidance_in": 256} if shape.has_guidance else {})
    for name, inner in embedders.items():
        yield from pair(f"{name}.in_layer", width, inner)
        yield from pair(f"{name}.out_layer", width, width)
    for block in range(shape.double):
        for stream in ("img", "txt"):
            at = f"double_blocks.{block}.{stream}"
            yield from pair(f"{at}_mod.lin", 6 * width, width)
            yield from pair(f"{at}_attn.qkv", 3 * width, width)
            yield f"{at}_attn.norm.query_norm.scale", (shape.head,)
            yield f"{at}_attn.norm.key_norm.scale", (shape.head,)
            yield from pair(f"{at}_attn.proj", width, width)
            yield from pair(f"{at}_mlp.0", 4 * width, width)
            yield from pair(f"{at}_mlp.2", width, 4 * width)
    for block in range(shape.single):
        at = f"single_blocks.{block}"
        yield from pair(f"{at}.modulation.lin", 3 * width, width)
        yield from pair(f"{at}.linear1", 7 * width, width)
        yield from pair(f"{at}.linear2", width, 5 * width)
        yield f"{at}.norm.query_norm.scale", (shape.head,)
        yield f"{at}.norm.key_norm.scale", (shape.head,)
    yield from pair("final_layer.adaLN_modulation.1", 2 * width, width)
    yield from pair("final_layer.linear", shape.out, width)
