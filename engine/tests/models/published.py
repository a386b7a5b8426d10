"""The published single files' tensors, name by name with shapes, enumerated from the papers' architectures.

`python -m tests.models.published` writes them to `fixtures/`. Nothing here uses the engine's own mapping, which the
tests compare with these lists.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIXTURES = Path(__file__).with_name("fixtures")
Shapes = dict[str, tuple[int, ...]]
Named = Iterator[tuple[str, tuple[int, ...]]]
TIME = 4


@dataclass(frozen=True)
class Unet:
    width: int
    multiples: tuple[int, ...]
    depths: tuple[int, ...]
    """Transformer layers per level."""
    middle: int
    context: int
    is_linear: bool
    channels: int = 4
    vector: int | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(self.width * multiple for multiple in self.multiples)


SD15 = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 768, is_linear=False)
SD15_INPAINT = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 768, is_linear=False, channels=9)
PIX2PIX = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 768, is_linear=False, channels=8)
SD21 = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 1024, is_linear=True)
SD2_INPAINT = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 1024, is_linear=True, channels=9)
UNCLIP_H = Unet(320, (1, 2, 4, 4), (1, 1, 1, 0), 1, 1024, is_linear=True, vector=2048)
SDXL = Unet(320, (1, 2, 4), (0, 2, 10), 10, 2048, is_linear=True, vector=2816)
SDXL_INPAINT = Unet(320, (1, 2, 4), (0, 2, 10), 10, 2048, is_linear=True, channels=9, vector=2816)
REFINER = Unet(384, (1, 2, 4, 4), (0, 4, 4, 0), 4, 1280, is_linear=True, vector=2560)


def pair(name: str, *shape: int) -> Named:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def unet(spec: Unet) -> Named:
    levels, time = len(spec.widths), spec.width * TIME
    yield from pair("time_embed.0", time, spec.width)
    yield from pair("time_embed.2", time, time)
    if spec.vector is not None:
        yield from pair("label_emb.0.0", time, spec.vector)
        yield from pair("label_emb.0.2", time, time)
    yield from pair("input_blocks.0.0", spec.width, spec.channels, 3, 3)
    skips, width, block = [spec.width], spec.width, 1
    for level, target in enumerate(spec.widths):
        for _ in range(2):
            yield from _resnet(f"input_blocks.{block}.0", (width, target), time)
            yield from _transformer(f"input_blocks.{block}.1", target, spec.depths[level], spec)
            width, block = target, block + 1
            skips.append(width)
        if level < levels - 1:
            yield from pair(f"input_blocks.{block}.0.op", width, width, 3, 3)
            skips.append(width)
            block += 1
    yield from _resnet("middle_block.0", (width, width), time)
    yield from _transformer("middle_block.1", width, spec.middle, spec)
    yield from _resnet("middle_block.2", (width, width), time)
    block = 0
    for level in reversed(range(levels)):
        for index in range(3):
            yield from _resnet(f"output_blocks.{block}.0", (width + skips.pop(), spec.widths[level]), time)
            width = spec.widths[level]
            yield from _transformer(f"output_blocks.{block}.1", width, spec.depths[level], spec)
            if index == 2 and level > 0:
                place = 2 if spec.depths[level] else 1
                yield from pair(f"output_blocks.{block}.{place}.conv", width, width, 3, 3)
            block += 1
    yield from pair("out.0", spec.width)
    yield from pair("out.2", 4, spec.width, 3, 3)


def _resnet(at: str, widths: tuple[int, int], time: int) -> Named:
    width_in, width = widths
    yield from pair(f"{at}.in_layers.0", width_in)
    yield from pair(f"{at}.in_layers.2", width, width_in, 3, 3)
    yield from pair(f"{at}.emb_layers.1", width, time)
    yield from pair(f"{at}.out_layers.0", width)
    yield from pair(f"{at}.out_layers.3", width, width, 3, 3)
    if width_in != width:
        yield from pair(f"{at}.skip_connection", width, width_in, 1, 1)


def _transformer(at: str, width: int, depth: int, spec: Unet) -> Named:
    if depth == 0:
        return
    kernel = () if spec.is_linear else (1, 1)
    yield from pair(f"{at}.norm", width)
    yield from pair(f"{at}.proj_in", width, width, *kernel)
    yield from pair(f"{at}.proj_out", width, width, *kernel)
    for layer in range(depth):
        block = f"{at}.transformer_blocks.{layer}"
        for attention, context in (("attn1", width), ("attn2", spec.context)):
            yield f"{block}.{attention}.to_q.weight", (width, width)
            yield f"{block}.{attention}.to_k.weight", (width, context)
            yield f"{block}.{attention}.to_v.weight", (width, context)
            yield from pair(f"{block}.{attention}.to_out.0", width, width)
        yield from pair(f"{block}.ff.net.0.proj", width * 8, width)
        yield from pair(f"{block}.ff.net.2", width, width * 4)
        for number in (1, 2, 3):
            yield from pair(f"{block}.norm{number}", width)


def vae(latent: int = 4, *, has_quant: bool = True) -> Named:
    widths, width = (128, 256, 512, 512), 128
    yield from pair("encoder.conv_in", 128, 3, 3, 3)
    for level, target in enumerate(widths):
        for index in range(2):
            yield from _vae_resnet(f"encoder.down.{level}.block.{index}", width, target)
            width = target
        if level < 3:
            yield from pair(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    yield from _vae_middle("encoder.mid")
    yield from pair("encoder.norm_out", 512)
    yield from pair("encoder.conv_out", 2 * latent, 512, 3, 3)
    if has_quant:
        yield from pair("quant_conv", 2 * latent, 2 * latent, 1, 1)
        yield from pair("post_quant_conv", latent, latent, 1, 1)
    yield from pair("decoder.conv_in", 512, latent, 3, 3)
    yield from _vae_middle("decoder.mid")
    for level in (3, 2, 1, 0):
        for index in range(3):
            yield from _vae_resnet(f"decoder.up.{level}.block.{index}", width, widths[level])
            width = widths[level]
        if level > 0:
            yield from pair(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    yield from pair("decoder.norm_out", 128)
    yield from pair("decoder.conv_out", 3, 128, 3, 3)


def _vae_resnet(at: str, width_in: int, width: int) -> Named:
    yield from pair(f"{at}.norm1", width_in)
    yield from pair(f"{at}.conv1", width, width_in, 3, 3)
    yield from pair(f"{at}.norm2", width)
    yield from pair(f"{at}.conv2", width, width, 3, 3)
    if width_in != width:
        yield from pair(f"{at}.nin_shortcut", width, width_in, 1, 1)


def _vae_middle(at: str) -> Named:
    yield from _vae_resnet(f"{at}.block_1", 512, 512)
    yield from pair(f"{at}.attn_1.norm", 512)
    for name in ("q", "k", "v", "proj_out"):
        yield from pair(f"{at}.attn_1.{name}", 512, 512, 1, 1)
    yield from _vae_resnet(f"{at}.block_2", 512, 512)


def clip_l() -> Named:
    yield "embeddings.position_ids", (1, 77)
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


def open_clip(width: int, layers: int) -> Named:
    yield "positional_embedding", (77, width)
    yield "text_projection", (width, width)
    yield "logit_scale", ()
    yield "token_embedding.weight", (49408, width)
    yield from pair("ln_final", width)
    for layer in range(layers):
        at = f"transformer.resblocks.{layer}"
        yield f"{at}.attn.in_proj_weight", (3 * width, width)
        yield f"{at}.attn.in_proj_bias", (3 * width,)
        yield from pair(f"{at}.attn.out_proj", width, width)
        yield from pair(f"{at}.mlp.c_fc", 4 * width, width)
        yield from pair(f"{at}.mlp.c_proj", width, 4 * width)
        for number in (1, 2):
            yield from pair(f"{at}.ln_{number}", width)


def under(prefix: str, named: Named) -> Shapes:
    return {prefix + name: shape for name, shape in named}


def checkpoint(spec: Unet, text: Shapes) -> Shapes:
    return under("model.diffusion_model.", unet(spec)) | under("first_stage_model.", vae()) | text


def sd1(spec: Unet) -> Shapes:
    return checkpoint(spec, under("cond_stage_model.transformer.text_model.", clip_l()))


def sd2(spec: Unet) -> Shapes:
    """OpenCLIP-H, whose last layer the files still hold."""
    return checkpoint(spec, under("cond_stage_model.model.", open_clip(1024, 24)))


def sdxl(spec: Unet) -> Shapes:
    low = under("conditioner.embedders.0.transformer.text_model.", clip_l())
    return checkpoint(spec, low | under("conditioner.embedders.1.model.", open_clip(1280, 32)))


def files() -> dict[str, Shapes]:
    return {
        "sd1": sd1(SD15),
        "sd1_inpaint": sd1(SD15_INPAINT),
        "sd1_pix2pix": sd1(PIX2PIX),
        "sd2": sd2(SD21),
        "sd2_inpaint": sd2(SD2_INPAINT),
        "sd2_unclip": sd2(UNCLIP_H) | {f"noise_augmentor.data_{name}": (1, 1024) for name in ("mean", "std")},
        "sdxl": sdxl(SDXL),
        "sdxl_inpaint_unet": under("model.diffusion_model.", unet(SDXL_INPAINT)),
        "sdxl_refiner": checkpoint(REFINER, under("conditioner.embedders.0.model.", open_clip(1280, 32))),
        "vae": dict(vae()),
        "vae_16": dict(vae(16, has_quant=False)),
    }


def stored(name: str) -> Shapes:
    text = gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes())
    return {key: tuple(shape) for key, shape in json.loads(text).items()}


def main() -> None:
    for name, shapes in files().items():
        text = json.dumps(shapes, separators=(",", ":"), sort_keys=True).encode()
        (FIXTURES / f"{name}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    main()
