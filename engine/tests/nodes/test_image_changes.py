"""Nodes that filter, compose and draw: how sockets reach the functions behind them."""

import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.nodes import (
    background,
    image_colour,
    image_composite,
    image_effects,
    image_transform,
    preprocessors,
)
from tests.nodes.picture_context import PictureContext

CTX = PictureContext()


def picture(channels: int = 3) -> torch.Tensor:
    return torch.rand(2, 12, 16, channels, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_any_kind_pass_through_every_effect(channels: int) -> None:
    image = picture(channels)
    nodes = [
        image_effects.ImageInvert(image=image),
        image_effects.ImageAddNoise(image=image, seed=2**64 - 1, strength=0.2),
        image_effects.ImageBlend(image1=image, image2=picture(), blend_factor=0.5, blend_mode="overlay"),
        image_effects.ImageBlur(image=image, blur_radius=31, sigma=1.0),
        image_effects.ImageSharpen(image=image, sharpen_radius=1, sigma=1.0, alpha=1.0),
        image_effects.ImageQuantize(image=image, colors=5, dither="bayer-4"),
        image_effects.Morphology(image=image, operation="gradient", kernel_size=4),
        image_colour.ImageRGBToYUV(image=image),
        preprocessors.Canny(image=image, low_threshold=0.1, high_threshold=0.2),
        preprocessors.LineArtPreprocessor(image=image, line_width=1.0, detail=0.5),
        preprocessors.ScribblePreprocessor(image=image, smoothing=0.0, thickness=0),
        preprocessors.NormalFromDepthPreprocessor(depth=image, strength=1.0),
        preprocessors.TilePreprocessor(image=image, factor=64.0),
    ]
    for node in nodes:
        result = node.run(CTX)[0]
        assert result.shape[:3] == image.shape[:3]
        assert torch.isfinite(result).all()


def test_two_channels_are_refused() -> None:
    with pytest.raises(EngineError, match="2 channels"):
        image_effects.ImageQuantize(image=picture(2), colors=5, dither="none").run(CTX)


def test_the_same_seed_adds_the_same_grain() -> None:
    node = image_effects.ImageAddNoise(image=picture(), seed=7, strength=0.2)
    assert torch.equal(node.run(CTX)[0], node.run(CTX)[0])


def test_yuv_nodes_undo_each_other() -> None:
    y, u, v = image_colour.ImageRGBToYUV(image=picture()).run(CTX)
    assert torch.allclose(image_colour.ImageYUVToRGB(Y=y, U=u, V=v).run(CTX)[0], picture(), atol=2e-3)


def test_compositing_shows_the_source_where_the_mask_is_1() -> None:
    mask = torch.zeros(1, 12, 16)
    mask[:, :6] = 1
    node = image_composite.ImageCompositeMasked(
        destination=torch.zeros(2, 12, 16, 3), source=torch.ones(1, 5, 5, 4), x=0, y=0, resize_source=True, mask=mask
    )
    (result,) = node.run(CTX)
    assert result[:, :6].min() == 1
    assert result[:, 6:].max() == 0


def test_porter_duff_scales_everything_to_the_destination() -> None:
    node = image_composite.PorterDuffImageComposite(
        source=picture(4),
        source_alpha=torch.zeros(3, 9, 9),
        destination=torch.rand(1, 10, 8, 3),
        destination_alpha=torch.ones(2, 4, 4),
        mode="SRC_OVER",
    )
    image, mask = node.run(CTX)
    assert image.shape == (1, 10, 8, 3)
    assert mask.shape == (1, 10, 8)
    assert mask.abs().max() < 1e-6


def test_alpha_is_split_from_what_it_was_joined_with() -> None:
    mask = torch.rand(2, 12, 16)
    (joined,) = image_composite.JoinImageWithAlpha(image=picture(), alpha=mask).run(CTX)
    colours, split = image_composite.SplitImageWithAlpha(image=joined).run(CTX)
    assert torch.equal(colours, picture())
    assert torch.allclose(split, mask, atol=1e-6)


def test_a_picture_without_alpha_is_opaque() -> None:
    assert image_composite.SplitImageWithAlpha(image=picture()).run(CTX)[1].max() == 0


def test_flips_turn_the_axis_they_name() -> None:
    image = torch.arange(4.0).reshape(1, 2, 2, 1)
    upside = image_transform.ImageFlip(image=image, flip_method="x-axis: vertically").run(CTX)[0]
    sideways = image_transform.ImageFlip(image=image, flip_method="y-axis: horizontally").run(CTX)[0]
    assert upside.flatten().tolist() == [2, 3, 0, 1]
    assert sideways.flatten().tolist() == [1, 0, 3, 2]


def test_stitching_one_picture_leaves_it() -> None:
    image = picture()
    node = image_transform.ImageStitch(
        image1=image, direction="up", match_image_size=True, spacing_width=4, spacing_color="red"
    )
    assert node.run(CTX)[0] is image


def test_the_background_is_replaced_where_the_mask_says() -> None:
    mask = torch.zeros(1, 12, 16)
    mask[..., 8:] = 1
    node = background.ReplaceBackground(image=picture(), mask=mask, background=torch.zeros(1, 40, 20, 3), softness=0.0)
    (result,) = node.run(CTX)
    assert torch.equal(result[:, :, :8], picture()[:, :, :8])
    assert result[:, :, 8:].max() == 0


def test_a_curve_bends_only_its_channel() -> None:
    node = image_colour.ImageCurves(image=picture(), curve="0,1 1,0", channel="green")
    (result,) = node.run(CTX)
    assert torch.allclose(result[..., 1], 1 - picture()[..., 1], atol=1e-4)
    assert torch.equal(result[..., 0], picture()[..., 0])
