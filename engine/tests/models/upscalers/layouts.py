"""Published layouts of upscaler files, written from their own naming rules, with random weights."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.models.files import ModelFile

Shapes = dict[str, tuple[int, ...]]


def conv(name: str, channels: int, out: int) -> Shapes:
    return {f"{name}.weight": (out, channels, 3, 3), f"{name}.bias": (out,)}


def dense(name: str, width: int, growth: int, ending: str = "") -> Shapes:
    shapes: Shapes = {}
    for number in range(1, 6):
        out = width if number == 5 else growth
        shapes |= conv(f"{name}.conv{number}{ending}", width + (number - 1) * growth, out)
    return shapes


def real_esrgan(*, width: int = 64, growth: int = 32, blocks: int = 23, fold: int = 1) -> Shapes:
    """Real-ESRGAN: x4plus has 23 blocks, the anime model 6; x2plus and x1 fold pixels."""
    shapes = conv("conv_first", 3 * fold**2, width)
    for block in range(blocks):
        for part in (1, 2, 3):
            shapes |= dense(f"body.{block}.rdb{part}", width, growth)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        shapes |= conv(name, width, width)
    return shapes | conv("conv_last", width, 3)


def bsrgan(*, width: int = 64, growth: int = 32, blocks: int = 23, doublings: int = 2) -> Shapes:
    shapes = conv("conv_first", 3, width)
    for block in range(blocks):
        for part in (1, 2, 3):
            shapes |= dense(f"RRDB_trunk.{block}.RDB{part}", width, growth)
    for name in ("trunk_conv", *(f"upconv{number + 1}" for number in range(doublings)), "HRconv"):
        shapes |= conv(name, width, width)
    return shapes | conv("conv_last", width, 3)


def old_esrgan(*, width: int = 64, growth: int = 32, blocks: int = 23, doublings: int = 2) -> Shapes:
    """ESRGAN's first release, and most community models: numbered layers."""
    shapes = conv("model.0", 3, width)
    for block in range(blocks):
        for part in (1, 2, 3):
            shapes |= dense(f"model.1.sub.{block}.RDB{part}", width, growth, ending=".0")
    shapes |= conv(f"model.1.sub.{blocks}", width, width)
    for number in range(doublings):
        shapes |= conv(f"model.{3 * (number + 1)}", width, width)
    shapes |= conv(f"model.{3 * doublings + 2}", width, width)
    return shapes | conv(f"model.{3 * doublings + 4}", width, 3)


def compact(*, width: int = 64, layers: int = 32, scale: int = 4) -> Shapes:
    """realesr-general-x4v3 has 32 layers, realesr-animevideov3 16."""
    shapes: Shapes = {**conv("body.0", 3, width), "body.1.weight": (width,)}
    for number in range(layers):
        shapes |= conv(f"body.{2 * number + 2}", width, width)
        shapes[f"body.{2 * number + 3}.weight"] = (width,)
    return shapes | conv(f"body.{2 * layers + 2}", width, 3 * scale**2)


def random_weights(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * (0.5 / max(1, torch.Size(shape[1:]).numel()) ** 0.5)
        for name, shape in shapes.items()
    }


def write(path: Path, tensors: dict[str, Tensor], prefix: str = "") -> ModelFile:
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, path)
    return ModelFile(path.name, "upscale_model", path, path.stem, path.stat().st_size, path.stem, None)
