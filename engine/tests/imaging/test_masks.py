"""Growing, feathering and combining masks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.imaging import masks


def dot(side: int = 9) -> Tensor:
    mask = torch.zeros(1, side, side)
    mask[0, side // 2, side // 2] = 1.0
    return mask


def brute(mask: Tensor, steps: int, corners: bool) -> Tensor:
    """Dilation a step at a time, straight from its definition."""
    for _ in range(steps):
        grown = mask.clone()
        height, width = mask.shape[-2:]
        for y in range(height):
            for x in range(width):
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        is_near = corners or 0 in (dx, dy)
                        if is_near and 0 <= y + dy < height and 0 <= x + dx < width:
                            grown[0, y, x] = max(grown[0, y, x], mask[0, y + dy, x + dx])
        mask = grown
    return mask


@pytest.mark.parametrize("corners", [True, False])
def test_growing_spreads_a_dot_as_defined(corners: bool) -> None:
    mask = torch.rand(1, 6, 7)
    assert torch.equal(masks.grow(mask, 2, tapered_corners=not corners), brute(mask, 2, corners))


def test_tapered_corners_make_a_diamond_and_others_a_square() -> None:
    assert masks.grow(dot(), 2, tapered_corners=True).sum() == 13
    assert masks.grow(dot(), 2, tapered_corners=False).sum() == 25


@given(st.integers(0, 6), st.booleans())
def test_shrinking_is_growing_of_what_is_not_masked(pixels: int, tapered: bool) -> None:
    mask = torch.rand(2, 8, 6)
    shrunk = masks.grow(mask, -pixels, tapered_corners=tapered)
    assert torch.allclose(shrunk, 1 - masks.grow(1 - mask, pixels, tapered_corners=tapered))


@pytest.mark.parametrize("tapered", [True, False])
def test_the_largest_growth_ends_soon(tapered: bool) -> None:
    assert masks.grow(dot(), 16384, tapered_corners=tapered).min() == 1.0


def test_feathering_rises_from_the_left_and_top() -> None:
    result = masks.feather(torch.ones(1, 4, 4), (4, 2, 0, 0))
    assert result[0, 3].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert result[0, :, 3].tolist() == [0.5, 1.0, 1.0, 1.0]


def test_the_right_ramp_starts_at_the_left_edge_as_in_comfyui() -> None:
    assert masks.feather(torch.ones(1, 1, 5), (0, 0, 4, 0))[0, 0].tolist() == [0.25, 1.0, 1.0, 0.75, 0.5]


def test_feathering_more_than_there_is_stops_at_the_side() -> None:
    assert masks.feather(torch.ones(1, 2, 2), (9, 0, 0, 0))[0, 0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("multiply", 0.0), ("add", 1.0), ("subtract", 0.0), ("and", 0.0), ("or", 1.0), ("xor", 1.0)],
)
def test_operations_apply_below_the_source_only(operation: masks.MaskOperation, expected: float) -> None:
    destination, source = torch.zeros(1, 4, 4), torch.ones(1, 9, 9)
    result = masks.combine(destination, source, x=2, y=1, operation=operation)
    assert result[0, 1:, 2:].unique().tolist() == [expected]
    assert result[0, 0].sum() == 0
    assert result[0, :, :2].sum() == 0


@given(st.integers(0, 30), st.integers(0, 30))
def test_only_what_lies_below_the_source_changes(x: int, y: int) -> None:
    result = masks.combine(torch.ones(2, 10, 10), torch.zeros(1, 5, 5), x=x, y=y, operation="multiply")
    expected = torch.ones(2, 10, 10)
    expected[:, y : y + 5, x : x + 5] = 0
    assert torch.equal(result, expected)


def test_combining_does_not_change_what_came_in() -> None:
    destination = torch.zeros(1, 4, 4)
    masks.combine(destination, torch.ones(1, 4, 4), x=0, y=0, operation="add")
    assert destination.sum() == 0


def test_a_crop_outside_the_mask_is_refused() -> None:
    with pytest.raises(EngineError, match="corner inside"):
        masks.crop_mask(torch.ones(1, 8, 8), x=8, y=0, size=(4, 4))


def test_a_missing_channel_is_refused() -> None:
    with pytest.raises(EngineError, match="no alpha"):
        masks.channel_mask(torch.rand(1, 4, 4, 3), "alpha")


@given(st.integers(0, 0xFFFFFF))
def test_a_colour_selects_itself_only(colour: int) -> None:
    pixel = torch.tensor([colour >> 16, colour >> 8 & 255, colour & 255]) / 255
    assert masks.colour_mask(pixel.expand(1, 1, 1, 3), colour) == 1
    assert masks.colour_mask(pixel.expand(1, 1, 1, 3), colour ^ 1) == 0


def test_a_colour_range_fades_between_its_two_distances() -> None:
    greys = torch.tensor([0.0, 0.2, 0.3, 0.4, 1.0])[None, None, :, None].expand(1, 1, 5, 3)
    result = masks.colour_range_mask(greys, 0x000000, tolerance=0.2, softness=0.2)[0, 0]
    assert torch.allclose(result, torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0]), atol=1e-5)


@given(st.floats(0, 20))
def test_blurring_keeps_a_full_mask_full(sigma: float) -> None:
    assert torch.allclose(masks.blur_mask(torch.ones(1, 5, 3), sigma), torch.ones(1, 5, 3), atol=1e-5)


def test_bounds_enclose_what_is_set() -> None:
    mask = torch.zeros(2, 10, 12)
    mask[0, 2, 3] = mask[1, 5, 9] = 0.1
    assert masks.bounds(mask) == (3, 2, 7, 4)


def test_an_empty_mask_has_no_bounds() -> None:
    with pytest.raises(EngineError, match="empty"):
        masks.bounds(torch.zeros(1, 4, 4))
