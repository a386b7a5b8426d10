"""Nodes that read, hand out, batch and scale pictures."""

import io
import json

import pytest
import torch
from PIL import Image

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node
from studio_engine.nodes import image, image_batch, image_scale
from tests.nodes.picture_context import PictureContext

CTX = PictureContext()


def gif(colours: list[int]) -> bytes:
    buffer = io.BytesIO()
    first, *others = [Image.new("L", (5, 4), colour) for colour in colours]
    first.save(buffer, "GIF", save_all=True, append_images=others)
    return buffer.getvalue()


def test_each_frame_of_an_animation_is_a_picture_of_the_batch() -> None:
    ctx = PictureContext(files={"a": gif([0, 128, 255])})
    pictures, masks = image.LoadImage(image="a").run(ctx)
    assert pictures.shape == (3, 4, 5, 3)
    assert len(masks) == 3
    assert pictures[2].min() == 1.0


def test_a_missing_upload_is_told() -> None:
    with pytest.raises(EngineError) as caught:
        image.LoadImageOutput(image="b").run(CTX)
    assert caught.value.code == "blob.not_found"


def test_previews_are_not_kept() -> None:
    ctx = PictureContext()
    pictures = torch.rand(1, 4, 4, 3)
    image.PreviewImage(images=pictures).run(ctx)
    image.SaveImageWebsocket(images=pictures).run(ctx)
    image.SaveImage(images=pictures, filename_prefix="x").run(ctx)
    assert len(ctx.images) == 3
    assert len(ctx.kept) == 1


def test_an_animated_png_holds_all_frames_and_the_graph_behind_them() -> None:
    ctx = PictureContext()
    prompt = {"1": {"class_type": "SaveAnimatedPNG", "inputs": {}}}
    image.SaveAnimatedPNG(
        images=torch.rand(3, 8, 6, 3), filename_prefix="x", fps=4.0, compress_level=4, prompt=prompt
    ).run(ctx)
    [(content_type, size, data)] = ctx.encoded
    opened = Image.open(io.BytesIO(data))
    assert (content_type, size) == ("image/png", (6, 8))
    assert opened.n_frames == 3
    assert opened.info["duration"] == 250
    text = data[data.index(b"comf") + 4 :]
    assert data.index(b"comf") > data.index(b"IDAT")
    assert text.startswith(b"prompt\0" + json.dumps(prompt).encode())


def test_an_animated_webp_holds_all_frames_and_the_graph_in_exif() -> None:
    ctx = PictureContext()
    frames = torch.rand(2, 8, 6, 3)
    node = image.SaveAnimatedWEBP(
        images=frames,
        filename_prefix="x",
        fps=10.0,
        lossless=True,
        quality=80,
        method="fastest",
        prompt={"1": {}},
        extra_pnginfo={"workflow": {"nodes": []}},
    )
    node.run(ctx)
    opened = Image.open(io.BytesIO(ctx.encoded[0][2]))
    assert opened.n_frames == 2
    exif = opened.getexif()
    assert exif[0x0110] == 'prompt:{"1": {}}'
    assert exif[0x010F] == 'workflow:{"nodes": []}'


def test_an_empty_image_has_the_colour() -> None:
    (picture,) = image_batch.EmptyImage(width=3, height=2, batch_size=4, color=0xFF8000).run(CTX)
    assert picture.shape == (4, 2, 3, 3)
    assert torch.allclose(picture[3, 1, 2], torch.tensor([1.0, 128 / 255, 0.0]))


def test_an_enormous_batch_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        image_batch.EmptyImage(width=16384, height=16384, batch_size=4096, color=0).run(CTX)
    assert caught.value.code == "engine.out_of_memory"


def test_a_batch_takes_the_first_size_and_the_most_channels() -> None:
    first, second = torch.rand(2, 6, 8, 3), torch.rand(1, 30, 10, 4)
    (batch,) = image_batch.ImageBatch(image1=first, image2=second).run(CTX)
    assert batch.shape == (3, 6, 8, 4)
    assert batch[0, ..., 3].min() == 1.0


def test_taking_beyond_the_end_gives_the_last() -> None:
    pictures = torch.arange(3.0).reshape(3, 1, 1, 1)
    (part,) = image_batch.ImageFromBatch(image=pictures, batch_index=9, length=5).run(CTX)
    assert part.flatten().tolist() == [2.0]


def test_rebatching_deals_out_every_picture_in_order() -> None:
    given = [torch.arange(3.0).reshape(3, 1, 1, 1), torch.arange(3.0, 5.0).reshape(2, 1, 1, 1)]
    (batches,) = image_batch.RebatchImages(images=given, batch_size=[2]).run(CTX)
    assert [batch.flatten().tolist() for batch in batches] == [[0.0, 1.0], [2.0, 3.0], [4.0]]


def test_sizes_are_told_across_down_and_count() -> None:
    assert image_batch.GetImageSize(image=torch.rand(2, 4, 7, 3), unique_id="1").run(CTX) == (7, 4, 2)


def test_scaling_with_both_sides_0_changes_nothing() -> None:
    picture = torch.rand(1, 4, 6, 3)
    node = image_scale.ImageScale(image=picture, upscale_method="area", width=0, height=0, crop="center")
    assert node.run(CTX)[0] is picture


WIDE = torch.rand(1, 4, 6, 3)
SCALED = [
    (image_scale.ImageScale(image=WIDE, upscale_method="area", width=0, height=8, crop="center"), (8, 12)),
    (image_scale.ImageScaleBy(image=WIDE, upscale_method="lanczos", scale_by=1.5), (6, 9)),
    (image_scale.ImageScaleToMaxDimension(image=WIDE, upscale_method="area", largest_size=12), (8, 12)),
    (image_scale.ImageScaleToTotalPixels(image=WIDE[:, :, :4], upscale_method="area", megapixels=0.01), (102, 102)),
    (image_scale.FluxKontextImageScale(image=WIDE[:, :, :4]), (1024, 1024)),
]


@pytest.mark.parametrize(("node", "shape"), SCALED)
def test_scaled_pictures_have_the_size_asked_for(node: Node, shape: tuple[int, int]) -> None:
    assert node.run(CTX)[0].shape[1:3] == shape


def test_scaling_to_nothing_is_refused() -> None:
    with pytest.raises(EngineError, match="at least 1×1"):
        image_scale.ImageScaleBy(image=torch.rand(1, 4, 6, 3), upscale_method="area", scale_by=0.01).run(CTX)
