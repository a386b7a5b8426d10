"""The names of Stable Diffusion 1.5's published file, enumerated from its architecture, against our mapping."""

from collections.abc import Iterator

import pytest

from studio_engine.models.families.unet import keys as unet_keys
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.text.clip import ClipConfig, empty_clip
from studio_engine.models.vae import keys as vae_keys
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.modules import empty_vae

UNET = UnetConfig(
    in_channels=4,
    out_channels=4,
    widths=(320, 640, 1280, 1280),
    layers_per_block=2,
    down_depths=((1, 1), (1, 1), (1, 1), (0, 0)),
    up_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    middle_depth=1,
    context_width=768,
    uses_linear_projection=False,
    heads=(8, 8, 8, 8),
    norm_groups=32,
)
VAE = VaeConfig(3, 3, 4, (128, 256, 512, 512), 2, 32)
TEXT = ClipConfig(49408, 77, 768, 3072, 12, 12, is_quick=True, projection=None)
Shapes = dict[str, tuple[int, ...]]


def pair(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def unet_resnet(at: str, width_in: int, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from pair(f"{at}.in_layers.0", width_in)
    yield from pair(f"{at}.in_layers.2", width, width_in, 3, 3)
    yield from pair(f"{at}.emb_layers.1", width, 1280)
    yield from pair(f"{at}.out_layers.0", width)
    yield from pair(f"{at}.out_layers.3", width, width, 3, 3)
    if width_in != width:
        yield from pair(f"{at}.skip_connection", width, width_in, 1, 1)


def unet_attention(at: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from pair(f"{at}.norm", width)
    yield from pair(f"{at}.proj_in", width, width, 1, 1)
    yield from pair(f"{at}.proj_out", width, width, 1, 1)
    block = f"{at}.transformer_blocks.0"
    for attention, context in (("attn1", width), ("attn2", 768)):
        yield f"{block}.{attention}.to_q.weight", (width, width)
        yield f"{block}.{attention}.to_k.weight", (width, context)
        yield f"{block}.{attention}.to_v.weight", (width, context)
        yield from pair(f"{block}.{attention}.to_out.0", width, width)
    yield from pair(f"{block}.ff.net.0.proj", width * 8, width)
    yield from pair(f"{block}.ff.net.2", width, width * 4)
    for number in (1, 2, 3):
        yield from pair(f"{block}.norm{number}", width)


def published_unet() -> Iterator[tuple[str, tuple[int, ...]]]:
    widths = (320, 640, 1280, 1280)
    yield from pair("time_embed.0", 1280, 320)
    yield from pair("time_embed.2", 1280, 1280)
    yield from pair("input_blocks.0.0", 320, 4, 3, 3)
    skips, width, block = [320], 320, 1
    for level, target in enumerate(widths):
        for _ in range(2):
            yield from unet_resnet(f"input_blocks.{block}.0", width, target)
            if level < 3:
                yield from unet_attention(f"input_blocks.{block}.1", target)
            width, block = target, block + 1
            skips.append(width)
        if level < 3:
            yield from pair(f"input_blocks.{block}.0.op", width, width, 3, 3)
            skips.append(width)
            block += 1
    yield from unet_resnet("middle_block.0", 1280, 1280)
    yield from unet_attention("middle_block.1", 1280)
    yield from unet_resnet("middle_block.2", 1280, 1280)
    block = 0
    for level in (3, 2, 1, 0):
        for index in range(3):
            yield from unet_resnet(f"output_blocks.{block}.0", width + skips.pop(), widths[level])
            width = widths[level]
            if level < 3:
                yield from unet_attention(f"output_blocks.{block}.1", width)
            if index == 2 and level > 0:
                yield from pair(f"output_blocks.{block}.{2 if level < 3 else 1}.conv", width, width, 3, 3)
            block += 1
    yield from pair("out.0", 320)
    yield from pair("out.2", 4, 320, 3, 3)


def vae_resnet(at: str, width_in: int, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from pair(f"{at}.norm1", width_in)
    yield from pair(f"{at}.conv1", width, width_in, 3, 3)
    yield from pair(f"{at}.norm2", width)
    yield from pair(f"{at}.conv2", width, width, 3, 3)
    if width_in != width:
        yield from pair(f"{at}.nin_shortcut", width, width_in, 1, 1)


def vae_middle(at: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from vae_resnet(f"{at}.block_1", 512, 512)
    yield from pair(f"{at}.attn_1.norm", 512)
    for name in ("q", "k", "v", "proj_out"):
        yield from pair(f"{at}.attn_1.{name}", 512, 512, 1, 1)
    yield from vae_resnet(f"{at}.block_2", 512, 512)


def published_vae() -> Iterator[tuple[str, tuple[int, ...]]]:
    widths, width = (128, 256, 512, 512), 128
    yield from pair("encoder.conv_in", 128, 3, 3, 3)
    for level, target in enumerate(widths):
        for index in range(2):
            yield from vae_resnet(f"encoder.down.{level}.block.{index}", width, target)
            width = target
        if level < 3:
            yield from pair(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    yield from vae_middle("encoder.mid")
    yield from pair("encoder.norm_out", 512)
    yield from pair("encoder.conv_out", 8, 512, 3, 3)
    yield from pair("quant_conv", 8, 8, 1, 1)
    yield from pair("post_quant_conv", 4, 4, 1, 1)
    yield from pair("decoder.conv_in", 512, 4, 3, 3)
    yield from vae_middle("decoder.mid")
    for level in (3, 2, 1, 0):
        for index in range(3):
            yield from vae_resnet(f"decoder.up.{level}.block.{index}", width, widths[level])
            width = widths[level]
        if level > 0:
            yield from pair(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    yield from pair("decoder.norm_out", 128)
    yield from pair("decoder.conv_out", 3, 128, 3, 3)


def published_text() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "embeddings.token_embedding.weight", (49408, 768)
    yield "embeddings.position_embedding.weight", (77, 768)
    for layer in range(12):
        at = f"encoder.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from pair(f"{at}.self_attn.{name}", 768, 768)
        yield from pair(f"{at}.mlp.fc1", 3072, 768)
        yield from pair(f"{at}.mlp.fc2", 768, 3072)
        for number in (1, 2):
            yield from pair(f"{at}.layer_norm{number}", 768)
    yield from pair("final_layer_norm", 768)


PUBLISHED: dict[str, tuple[int, Shapes]] = {
    "unet": (686, dict(published_unet())),
    "vae": (248, dict(published_vae())),
    "text": (196, dict(published_text())),
}


@pytest.mark.parametrize("part", ["unet", "vae", "text"])
def test_every_published_tensor_has_its_place(part: str) -> None:
    count, shapes = PUBLISHED[part]
    assert len(shapes) == count
    module, mapping = {
        "unet": (empty_unet(UNET), lambda name: unet_keys.ldm_key(name, UNET)),
        "vae": (empty_vae(VAE), lambda name: vae_keys.ldm_key(name, VAE)),
        "text": (empty_clip(TEXT), lambda name: name.removeprefix("text_model.")),
    }[part]
    mapped = {mapping(name): tuple(value.shape) for name, value in module.state_dict().items()}
    # The autoencoder's attention runs as linear layers and is stored as 1×1 convolutions.
    stored = {name: shape[:2] if ".attn_1." in name else shape for name, shape in shapes.items()}
    assert mapped == stored
