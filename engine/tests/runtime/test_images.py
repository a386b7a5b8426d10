"""Reading and writing pictures as ComfyUI does."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio_engine.errors import EngineError
from studio_engine.jobs.previews import MAX_PREVIEW_BYTES, encode_preview
from studio_engine.runtime.images import decode_image, encode_png, to_bytes8


def encoded(image: Image.Image, kind: str, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def test_values_are_truncated_not_rounded() -> None:
    image = torch.tensor([[[0.0, 0.999, 1.0], [-0.5, 2.0, 0.5]]])
    assert to_bytes8(image).tolist() == [[[0, 254, 255], [0, 255, 127]]]


@given(st.integers(0, 255))
def test_every_byte_survives_a_round_trip(value: int) -> None:
    data = encoded(Image.new("RGB", (2, 2), (value, value, value)), "PNG")
    assert to_bytes8(decode_image(data)[0][0]).tolist()[0][0] == [value] * 3


def test_alpha_becomes_a_mask() -> None:
    image = Image.new("RGBA", (3, 2), (255, 0, 0, 255))
    image.putpixel((0, 0), (255, 0, 0, 0))
    picture, mask = decode_image(encoded(image, "PNG"))
    assert picture.shape == (1, 2, 3, 3)
    assert mask[0, 0].tolist() == [1.0, 0.0, 0.0]


def test_a_picture_without_alpha_has_an_empty_mask() -> None:
    assert decode_image(encoded(Image.new("RGB", (5, 5)), "JPEG"))[1].shape == (1, 64, 64)


def test_a_photo_is_turned_upright() -> None:
    image, exif = Image.new("RGB", (4, 2)), Image.Exif()
    exif[0x0112] = 6
    assert decode_image(encoded(image, "JPEG", exif=exif))[0].shape == (1, 4, 2, 3)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, b"%!PS-Adobe-3.0 EPSF"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(EngineError, match="not a PNG"):
        decode_image(data)


def test_a_truncated_picture_is_refused() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(EngineError, match="not a PNG"):
        decode_image(encoded(noise, "PNG")[:2000])


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(EngineError, match="megapixels"):
        decode_image(encoded(Image.new("1", (9000, 9000)), "PNG"))


def test_a_png_is_the_same_every_time() -> None:
    image = torch.rand(16, 16, 3)
    assert encode_png(image, {"1": {"inputs": {"seed": 2**63}}}) == encode_png(
        image, {"1": {"inputs": {"seed": 2**63}}}
    )


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_preview_fits_the_contract(height: int, width: int) -> None:
    data = encode_preview(torch.rand(height, width, 3))
    assert len(data) <= MAX_PREVIEW_BYTES
    assert max(Image.open(io.BytesIO(data)).size) >= 256 or max(height, width) > 256
