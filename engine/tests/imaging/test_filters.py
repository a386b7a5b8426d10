"""Blur, sharpen and morphology."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.imaging import filters
from studio_engine.imaging.morphology import MORPHOLOGY, dilate


@given(st.integers(1, 31), st.floats(0.1, 10), st.integers(1, 12), st.integers(1, 12))
def test_blurring_keeps_a_uniform_picture_of_any_size(radius: int, sigma: float, height: int, width: int) -> None:
    image = torch.full((1, 3, height, width), 0.3)
    assert torch.allclose(filters.blur(image, radius, sigma), image, atol=1e-5)


@given(st.floats(0.1, 10), st.floats(0, 5))
def test_sharpening_keeps_a_uniform_picture(sigma: float, alpha: float) -> None:
    image = torch.full((1, 1, 6, 6), 0.3)
    assert torch.allclose(filters.sharpen(image, radius=2, sigma=sigma, alpha=alpha), image, atol=1e-4)


def test_the_border_is_mirrored_about_its_outermost_pixels() -> None:
    row = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 1, 1, 3)
    assert filters.mirror(row, 3, 0)[0, 0, 0].tolist() == [1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0]


def test_sigma_of_comfyuis_kernel_is_in_radii() -> None:
    kernel = filters.blur_kernel(2, 1.0)
    assert torch.allclose(kernel[2, 4] / kernel[2, 2], torch.exp(torch.tensor(-0.5)))


def test_sharpening_overshoots_at_an_edge() -> None:
    edge = torch.tensor([0.4, 0.4, 0.6, 0.6]).expand(1, 1, 4, 4)
    sharp = filters.sharpen(edge, radius=1, sigma=1.0, alpha=0.1)[0, 0, 0]
    assert sharp[1] < 0.4 < 0.6 < sharp[2]


@pytest.mark.parametrize("side", [3, 4, 7])
def test_dilation_is_the_brightest_in_the_square(side: int) -> None:
    image = torch.rand(1, 1, 8, 9)
    result = dilate(image, side)
    for y in range(8):
        for x in range(9):
            rows = slice(max(0, y - side // 2), y + side - side // 2)
            columns = slice(max(0, x - side // 2), x + side - side // 2)
            assert result[0, 0, y, x] == image[0, 0, rows, columns].max()


@given(st.integers(3, 9).filter(lambda side: side % 2 == 1))
def test_opening_lies_below_and_closing_above(side: int) -> None:
    image = torch.rand(1, 2, 10, 10)
    assert (MORPHOLOGY["open"](image, side) <= image).all()
    assert (MORPHOLOGY["close"](image, side) >= image).all()
    for hat in ("top_hat", "bottom_hat", "gradient"):
        assert (MORPHOLOGY[hat](image, side) >= 0).all()


def test_the_largest_kernel_works_on_a_small_picture() -> None:
    image = torch.rand(1, 3, 5, 5)
    assert torch.equal(dilate(image, 999), image.amax(dim=(2, 3), keepdim=True).expand_as(image))
