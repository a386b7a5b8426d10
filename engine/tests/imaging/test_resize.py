"""Sizes, numbers and refusals of resizing."""

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio_engine.errors import EngineError
from studio_engine.imaging.resize import IMAGE_METHODS, LATENT_METHODS, bislerp, crop_to_aspect, resize

SIDES = st.integers(1, 40)
METHODS = sorted({*IMAGE_METHODS, *LATENT_METHODS})


@given(st.sampled_from(METHODS), SIDES, SIDES, SIDES, SIDES, st.sampled_from(["disabled", "center"]))
def test_the_result_has_the_size_asked_for(
    method: str, old_width: int, old_height: int, width: int, height: int, crop: str
) -> None:
    image = torch.rand(2, 3, old_height, old_width)
    assert resize(image, width, height, method=method, crop=crop).shape == (2, 3, height, width)


@given(st.sampled_from(METHODS), st.floats(0, 1, width=32), SIDES, SIDES)
def test_a_uniform_picture_stays_uniform(method: str, value: float, width: int, height: int) -> None:
    result = resize(torch.full((1, 3, 9, 7), value), width, height, method=method)
    # Lanczos goes over 8 bits, cut off below.
    assert (result - value).abs().max() <= (1 / 255 + 1e-5 if method == "lanczos" else 1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lanczos_is_pillows_over_truncated_bytes(channels: int) -> None:
    image = torch.rand(1, channels, 12, 10) * 1.2 - 0.1
    result = resize(image, 7, 19, method="lanczos")
    for channel in range(channels if channels < 4 else 0):
        plane = (image[0, channel].numpy() * 255).clip(0, 255).astype(numpy.uint8)
        expected = numpy.array(Image.fromarray(plane).resize((7, 19), Image.Resampling.LANCZOS)) / 255
        assert numpy.allclose(result[0, channel].numpy(), expected, atol=1e-6)


def test_a_centre_crop_cuts_the_longer_side_alike_at_both_ends() -> None:
    image = torch.arange(10.0).expand(1, 1, 4, 10)
    assert crop_to_aspect(image, 50, 50)[0, 0, 0].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert crop_to_aspect(image.transpose(2, 3), 50, 50)[0, 0, :, 0].tolist() == [3.0, 4.0, 5.0, 6.0]


def test_a_centre_crop_of_a_sliver_leaves_something() -> None:
    assert resize(torch.rand(1, 3, 1, 1000), 8, 8, method="bilinear", crop="center").shape == (1, 3, 8, 8)


@given(st.integers(1, 30), st.integers(1, 30))
def test_bislerp_keeps_the_length_of_vectors(width: int, height: int) -> None:
    vectors = torch.randn(1, 4, 6, 5)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    assert torch.allclose(bislerp(unit, width, height).norm(dim=1), torch.ones(1, height, width), atol=2e-3)


def test_bislerp_goes_along_the_arc() -> None:
    ends = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    middle = bislerp(ends, 3, 1)[0, :, 0, 1]
    assert torch.allclose(middle, torch.full((2,), 0.5**0.5), atol=1e-6)


def test_bislerp_between_opposite_and_zero_vectors_is_finite() -> None:
    values = torch.tensor([1.0, -1.0, 0.0, 0.0, 2.0, 2.0]).reshape(1, 1, 1, 6)
    assert torch.isfinite(bislerp(values, 17, 3)).all()


@pytest.mark.parametrize(("width", "height"), [(0, 8), (8, 0), (-4, 8)])
def test_an_empty_size_is_refused(width: int, height: int) -> None:
    with pytest.raises(EngineError, match="at least 1×1"):
        resize(torch.rand(1, 3, 8, 8), width, height, method="bilinear")


def test_a_size_that_cannot_fit_is_refused_before_it_is_tried() -> None:
    with pytest.raises(EngineError) as caught:
        resize(torch.rand(1, 3, 8, 8).expand(4096, 3, 8, 8), 16384, 16384, method="bilinear")
    assert caught.value.code == "engine.out_of_memory"
