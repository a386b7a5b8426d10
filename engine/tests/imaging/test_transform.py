"""Padding, stitching and sizes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.imaging import transform

SIDES = st.integers(1, 40)


def test_outpainting_marks_the_new_part_and_fades_into_the_old() -> None:
    image = torch.zeros(1, 20, 20, 3)
    padded, mask = transform.pad_for_outpaint(image, (8, 0, 0, 0), 4)
    assert padded.shape == (1, 20, 28, 3)
    assert padded[0, 0, 0, 0] == 0.5
    assert mask[0, 10, 6:14].tolist() == [1.0, 1.0, 1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]


def test_a_fade_wider_than_half_the_picture_is_left_out() -> None:
    _, mask = transform.pad_for_outpaint(torch.zeros(1, 8, 8, 3), (8, 0, 0, 0), 4)
    assert mask[0, :, 8:].sum() == 0


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_whole_picture_fits_into_the_canvas(width: int, height: int, target_width: int, target_height: int) -> None:
    image = torch.zeros(1, height, width, 3)
    result = transform.fit_into(image, (target_width, target_height), "area", colour=1.0)
    assert result.shape == (1, target_height, target_width, 3)
    assert (result == 0).any()


def test_a_quarter_turn_goes_clockwise() -> None:
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None]
    assert transform.rotate(image, 1)[0, :, :, 0].tolist() == [[3.0, 1.0], [4.0, 2.0]]


@given(st.sampled_from(["right", "left", "up", "down"]), st.booleans(), st.integers(0, 9), SIDES, SIDES)
def test_stitching_fits_any_two_pictures(direction: str, is_matched: bool, gap: int, width: int, height: int) -> None:
    first, second = torch.rand(1, 10, 12, 3), torch.rand(2, height, width, 4)
    result = transform.stitch(first, second, direction, is_matched=is_matched, gap=gap, colour="red")
    assert result.shape[0] == 2
    assert result.shape[3] == 4
    along = 2 if direction in ("left", "right") else 1
    if not is_matched:
        assert result.shape[along] == first.shape[along] + second.shape[along] + gap + gap % 2
        assert result.shape[3 - along] == max(first.shape[3 - along], second.shape[3 - along])


def test_the_second_picture_stands_where_asked_with_a_coloured_gap() -> None:
    black, white = torch.zeros(1, 2, 2, 3), torch.ones(1, 2, 2, 3)
    row = transform.stitch(black, white, "left", is_matched=False, gap=2, colour="green")[0, 0]
    assert row.tolist() == [[1, 1, 1]] * 2 + [[0, 1, 0]] * 2 + [[0, 0, 0]] * 2


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0.01, 16))
def test_total_pixels_are_met(width: int, height: int, megapixels: float) -> None:
    new_width, new_height = transform.total_pixels_size(width, height, megapixels)
    if min(new_width, new_height) > 100:
        assert new_width * new_height == pytest.approx(megapixels * 1024 * 1024, rel=0.02)


def test_a_side_of_0_follows_the_aspect() -> None:
    image = torch.zeros(1, 20, 40, 3)
    assert transform.missing_side(0, 10, image) == (20, 10)
    assert transform.missing_side(10, 0, image) == (10, 5)
    assert transform.missing_side(0, 0, image) == (40, 20)


def test_a_largest_size_of_0_is_refused() -> None:
    with pytest.raises(EngineError, match="at least 1 pixel"):
        transform.longest_side_size(10, 10, 0)


def test_kontext_takes_the_nearest_trained_aspect() -> None:
    assert transform.kontext_size(500, 500) == (1024, 1024)
    assert transform.kontext_size(1920, 1080) == (1392, 752)


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_crop_keeps_at_least_one_pixel(x: int, y: int) -> None:
    assert transform.crop_image(torch.rand(1, 8, 9, 3), x=x, y=y, size=(4, 5)).numel() > 0
