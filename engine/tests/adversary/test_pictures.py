"""Uploaded pictures that lie, and pictures that image nodes do not expect."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from studio_engine.nodes import NODES
from studio_engine.runtime.memory import HOST, pool_of
from tests.adversary.studio import Graph, Studio, n, picture, pixels, shown


def png_of(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that announces a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


LOADERS: dict[str, Graph] = {
    "image": {"1": n("LoadImage", image="in.png"), "2": n("PreviewImage", images=["1", 0])},
    "mask": {"1": n("LoadImageMask", image="in.png", channel="red"), "2": n("MaskPreview", mask=["1", 0])},
}
WHOLE = picture((64, 64))
BAD = {
    "empty": b"",
    "text": b"hello",
    "begin": WHOLE[:20],
    "header": WHOLE[:60],
    "half": WHOLE[: len(WHOLE) // 2],
    "jpeg_half": picture((64, 64), kind="JPEG")[:700],
    "gif_half": picture((64, 64), kind="GIF")[:400],
    "webp_half": picture((64, 64), kind="WEBP", lossless=True)[:400],
    "bomb": png_of(60_000, 60_000),
    "wide": png_of(2**31 - 1, 1),
    "flat": png_of(0, 10),
    "little_data": png_of(500, 500),
    "tiff": picture(kind="TIFF"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_file_that_is_no_sound_picture_is_refused(studio: Studio, loader: str) -> None:
    for name, data in BAD.items():
        error = studio.refuses(LOADERS[loader], "engine.node_failed", "1", "picture", in__png=data)
        assert ("megapixels" in error.message) == (name in ("bomb", "wide")), (name, error)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_file_that_nobody_uploaded_is_not_found(studio: Studio, loader: str) -> None:
    for name in ("gone.png", "../in.png", "/etc/passwd", "", "\0"):
        graph = {**LOADERS[loader], "1": {**LOADERS[loader]["1"]}}
        graph["1"]["inputs"] = {**graph["1"]["inputs"], "image": name}
        studio.refuses(graph, "blob.not_found", "1", "upload it again", in__png=WHOLE)


@pytest.mark.parametrize(
    ("mode", "kind", "settings"),
    [
        ("L", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {}),
        ("P", "PNG", {"transparency": 0}),
        ("1", "PNG", {}),
        ("RGBA", "WEBP", {}),
        ("CMYK", "JPEG", {}),
        ("P", "GIF", {}),
        ("L", "JPEG", {}),
    ],
)
def test_pictures_of_any_kind_load_as_rgb(studio: Studio, mode: str, kind: str, settings: dict[str, Any]) -> None:
    for graph in LOADERS.values():
        (shown,) = pixels(studio.run(graph, in__png=picture((24, 16), mode, kind, **settings)))
        assert shown.shape[:2] == (16, 24)
        assert shown.std() > 1


def test_sixteen_bits_are_read_as_eight(studio: Studio) -> None:
    row = b"\0" + b"".join(struct.pack(">H", value * 257) for value in (0, 100, 200, 255))
    head, data = png_of(4, 1, depth=16, colour=0), zlib.compress(row)
    start = head.index(b"IDAT") - 4
    body = b"IDAT" + data
    whole = head[:start] + struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body)) + head[-12:]
    (shown,) = pixels(studio.run(LOADERS["image"], in__png=whole))
    assert abs(shown[0, :, 0].astype(int) - [0, 100, 200, 255]).max() <= 1


def test_frames_of_an_animation_are_a_batch(studio: Studio) -> None:
    others = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    data = picture(kind="GIF", save_all=True, append_images=others)
    assert len(pixels(studio.run(LOADERS["image"], in__png=data))) == 3


LATENTS = {
    "text": b"hello",
    "none": save({"other": torch.zeros(1)}),
    "flat": save({"latent_tensor": torch.zeros(4)}),
    "empty": save({"latent_tensor": torch.zeros(0, 4, 8, 8)}),
}


def test_a_file_without_latents_is_corrupt(studio: Studio) -> None:
    graph = shown(n("LoadLatent", latent="in.latent"))
    for data in LATENTS.values():
        studio.refuses(graph, "model.file_corrupt", "1", "upload", in__latent=data)
    invalid = save({"latent_tensor": torch.full((1, 4, 8, 8), float("nan"))})
    studio.refuses(graph, "engine.non_finite", "1", in__latent=invalid)


HUGE: list[tuple[str, dict[str, object]]] = [
    ("EmptyImage", {"width": 16384, "height": 16384, "batch_size": 4096, "color": 0}),
    ("EmptyLatentImage", {"width": 16384, "height": 16384, "batch_size": 4096}),
    ("EmptySD3LatentImage", {"width": 16384, "height": 16384, "batch_size": 4096}),
    ("SolidMask", {"value": 1.0, "width": 16384, "height": 16384}),
    ("ImageScale", {"width": 16384, "height": 16384, "crop": "disabled", "upscale_method": "lanczos"}),
    ("ImageScale", {"width": 16384, "height": 0, "crop": "center", "upscale_method": "area"}),
    ("ResizeAndPadImage", {"target_width": 16384, "target_height": 16384, "padding_color": "white"}),
    ("ImagePadForOutpaint", {"left": 16384, "top": 16384, "right": 16384, "bottom": 16384, "feathering": 0}),
    ("LatentUpscale", {"width": 16384, "height": 16384, "crop": "disabled", "upscale_method": "bislerp"}),
    ("RepeatImageBatch", {"amount": 4096}),
    ("RepeatLatentBatch", {"amount": 64}),
    ("ImageScaleToMaxDimension", {"upscale_method": "area", "largest_size": 16384}),
    ("ImageStitch", {"direction": "right", "match_image_size": True, "spacing_width": 1024, "spacing_color": "white"}),
]


@pytest.mark.parametrize(("name", "settings"), HUGE, ids=[f"{name}{i}" for i, (name, _) in enumerate(HUGE)])
def test_what_cannot_fit_is_refused_before_it_is_allocated(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, name: str, settings: dict[str, object]
) -> None:
    monkeypatch.setattr(pool_of(HOST), "budget_bytes", 100_000_000)
    links: dict[str, object] = {"IMAGE": ["a", 0], "MASK": ["b", 0], "LATENT": ["c", 0]}
    inputs = {field: links[spec.type] for field, spec in NODES[name].spec.inputs.items() if spec.type in links}
    graph: Graph = {
        "a": n("EmptyImage", width=64, height=64, batch_size=1, color=0),
        "b": n("SolidMask", value=1.0, width=64, height=64),
        "c": n("EmptyLatentImage", width=512, height=512, batch_size=64),
        "1": {"class_type": name, "inputs": {"interpolation": "area", **settings, **inputs}},
        "2": n("PreviewAny", source=["1", 0]),
    }
    if name == "ImageStitch":
        graph["a"] = n("EmptyImage", width=1, height=2000, batch_size=1, color=0)
        graph["d"] = n("EmptyImage", width=300, height=1, batch_size=1, color=0)
        graph["1"]["inputs"]["image2"] = ["d", 0]
    studio.refuses(graph, "engine.out_of_memory", "1", "use a smaller size")
