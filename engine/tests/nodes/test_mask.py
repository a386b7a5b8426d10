"""Mask nodes: how sockets reach the functions behind them."""

import io

import torch
from PIL import Image

from studio_engine.nodes import mask
from tests.nodes.picture_context import PictureContext

CTX = PictureContext()


def rgba() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (3, 2), (255, 0, 51, 102)).save(buffer, "PNG")
    return buffer.getvalue()


def test_alpha_is_loaded_inverted_and_colours_as_they_are() -> None:
    ctx = PictureContext(files={"a": rgba()})
    values = {
        channel: mask.LoadImageMask(image="a", channel=channel).run(ctx)[0] for channel in ("alpha", "red", "blue")
    }
    assert values["alpha"].shape == (1, 2, 3)
    assert torch.allclose(values["alpha"], torch.tensor(0.6))
    assert torch.allclose(values["red"], torch.tensor(1.0))
    assert torch.allclose(values["blue"], torch.tensor(0.2))


def test_a_mask_of_two_dimensions_counts_as_one_mask() -> None:
    flat = torch.rand(4, 6)
    assert mask.MaskToImage(mask=flat).run(CTX)[0].shape == (1, 4, 6, 3)
    assert mask.GrowMask(mask=flat, expand=1, tapered_corners=True).run(CTX)[0].shape == (1, 4, 6)
    assert mask.CropMask(mask=flat, x=1, y=1, width=9, height=2).run(CTX)[0].shape == (1, 2, 5)


def test_a_preview_is_grey_and_not_kept() -> None:
    ctx = PictureContext()
    mask.MaskPreview(mask=torch.rand(2, 4, 6)).run(ctx)
    assert ctx.images[0].shape == (2, 4, 6, 3)
    assert ctx.kept == []


def test_inverting_twice_changes_nothing() -> None:
    values = torch.rand(1, 4, 4)
    once = mask.InvertMask(mask=values).run(CTX)[0]
    assert torch.allclose(mask.InvertMask(mask=once).run(CTX)[0], values)


def test_a_solid_mask_has_one_value_and_a_threshold_cuts_above_it() -> None:
    (solid,) = mask.SolidMask(value=0.5, width=3, height=2).run(CTX)
    assert solid.shape == (1, 2, 3)
    assert mask.ThresholdMask(mask=solid, value=0.5).run(CTX)[0].max() == 0
    assert mask.ThresholdMask(mask=solid, value=0.49).run(CTX)[0].min() == 1
