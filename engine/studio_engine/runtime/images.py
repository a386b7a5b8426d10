"""Pictures between bytes and tensors, as ComfyUI reads and writes them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import numpy
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from studio_engine.errors import EngineError

# Decoders are an attack surface: only what people upload.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 64_000_000
_PNG_COMPRESSION = 4
# EXIF's Model, where ComfyUI keeps the prompt; others follow below it.
_FIRST_EXIF_TAG = 0x0110
# Grey of 16 bits has 257 steps for each of 8 bits. ComfyUI shows almost all of it white, as Pillow does.
_STEPS_OF_16_BITS = 257
# What ComfyUI hands out as the mask of a picture without transparency.
_EMPTY_MASK_SIDE = 64


def decode_image(data: bytes) -> tuple[Tensor, Tensor]:
    """Images `[frames, h, w, 3]` in 0…1 and masks `[frames, h, w]`, 1 where transparent. Raises `engine.node_failed`.

    Frames of another size than the first are left out.
    """
    frames = _frames(data)
    images = torch.cat([_as_tensor(frame.convert("RGB")) for frame in frames])
    if not any(_has_alpha(frame) for frame in frames):
        return images, torch.zeros(len(frames), _EMPTY_MASK_SIDE, _EMPTY_MASK_SIDE)
    return images, torch.cat([1.0 - _as_tensor(frame.convert("RGBA").getchannel("A")) for frame in frames])


def decode_mask(data: bytes, channel: str) -> Tensor:
    """One of alpha, red, green, blue as a mask `[1, h, w]`; alpha is inverted, so 1 is transparent."""
    frame = _frames(data)[0]
    mask = _as_tensor(frame.convert("RGBA").getchannel(channel[0].upper()))
    return 1.0 - mask if channel == "alpha" else mask


def _frames(data: bytes) -> list[Image.Image]:
    """Upright pictures of one size, the first one first."""
    frames: list[Image.Image] = []
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height * getattr(opened, "n_frames", 1) > MAX_PIXELS:
                raise _too_large()
            for frame in ImageSequence.Iterator(opened):
                upright = ImageOps.exif_transpose(frame)
                upright.load()
                if upright.mode.startswith("I"):
                    upright = upright.convert("I").point(lambda value: value / _STEPS_OF_16_BITS)
                if not frames or upright.size == frames[0].size:
                    frames.append(upright)
    except Image.DecompressionBombError:
        raise _too_large() from None
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError) as cause:
        raise EngineError("engine.node_failed", "The file is not a PNG, JPEG, WebP, GIF or BMP picture.") from cause
    return frames


def _too_large() -> EngineError:
    return EngineError("engine.node_failed", "The picture has more than 64 megapixels; use a smaller one.")


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def to_bytes8(image: Tensor) -> numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.uint8]]:
    """`[h, w, channels]` in 0…1 to 8 bits by truncation, as ComfyUI does: 0.999 is 254."""
    scaled = (image.float() * 255.0).clamp(0.0, 255.0)
    return scaled.to(torch.uint8).cpu().numpy()


def encode_png(image: Tensor, prompt: Mapping[str, object]) -> bytes:
    """A PNG of `[h, w, 1, 3 or 4]`; the graph travels in the text chunk `prompt`, from which ComfyUI restores it."""
    info = PngInfo()
    info.add_text("prompt", json.dumps(prompt))
    buffer = io.BytesIO()
    _picture(image).save(buffer, "PNG", compress_level=_PNG_COMPRESSION, pnginfo=info)
    return buffer.getvalue()


def encode_animated_png(images: Tensor, texts: Mapping[str, object], *, fps: float, compression: int) -> bytes:
    """An animated PNG of `[frames, h, w, channels]`; each text is JSON in a chunk `comf` after the picture data."""
    info = PngInfo()
    for key, value in texts.items():
        info.add(b"comf", f"{key}\0{json.dumps(value)}".encode("latin-1"), after_idat=True)
    buffer = io.BytesIO()
    first, *others = [_picture(image) for image in images]
    first.save(
        buffer,
        "PNG",
        pnginfo=info,
        compress_level=compression,
        save_all=True,
        append_images=others,
        duration=int(1000 / fps),
    )
    return buffer.getvalue()


def encode_animated_webp(
    images: Tensor, texts: Mapping[str, object], *, fps: float, is_lossless: bool, quality: int, effort: int
) -> bytes:
    """An animated WebP of `[frames, h, w, channels]`; texts are JSON in EXIF, from tag 0x0110 downwards."""
    buffer = io.BytesIO()
    first, *others = [_picture(image) for image in images]
    exif = first.getexif()
    for tag, (key, value) in zip(range(_FIRST_EXIF_TAG, 0, -1), texts.items(), strict=False):
        exif[tag] = f"{key}:{json.dumps(value)}"
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=int(1000 / fps),
        exif=exif,
        lossless=is_lossless,
        quality=quality,
        method=effort,
    )
    return buffer.getvalue()


def _picture(image: Tensor) -> Image.Image:
    pixels = to_bytes8(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _as_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(numpy.array(image).astype(numpy.float32) / 255.0)[None]
