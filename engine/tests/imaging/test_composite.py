"""Pasting, blending and Porter-Duff."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.imaging.composite import BLENDS, PORTER_DUFF, blend, paste, porter_duff

UNIT = st.floats(0, 1, width=32)


@given(st.integers(-12, 12), st.integers(-12, 12), st.integers(1, 9), st.integers(1, 9))
def test_only_the_overlap_changes(x: int, y: int, width: int, height: int) -> None:
    result = paste(torch.zeros(2, 3, 8, 8), torch.ones(1, 3, height, width), x=x, y=y)
    expected = torch.zeros(8, 8)
    expected[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = 1
    assert torch.equal(result, expected.expand(2, 3, 8, 8))


def test_the_mask_is_stretched_to_the_source_before_it_is_cut() -> None:
    result = paste(torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 1, 8), x=0, y=0, mask=torch.tensor([[[0.0, 1.0]]]))
    assert result[0, 0, 0, 0] == 0
    assert result[0, 0, 0, 3] < 0.5


def test_pasting_changes_nothing_that_came_in() -> None:
    destination = torch.zeros(1, 3, 4, 4)
    paste(destination, torch.ones(1, 3, 4, 4), x=0, y=0)
    assert destination.sum() == 0


@pytest.mark.parametrize("mode", BLENDS)
def test_a_blend_of_amount_0_is_the_first_picture(mode: str) -> None:
    first, second = torch.rand(1, 4, 4, 3), torch.rand(1, 4, 4, 3)
    assert torch.allclose(blend(first, second, mode=mode, amount=0.0), first)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", 0.6),
        ("multiply", 0.12),
        ("screen", 0.68),
        ("overlay", 0.24),
        ("soft_light", 0.2496),
        ("difference", 0),
    ],
)
def test_blends_follow_their_formulas(mode: str, expected: float) -> None:
    result = blend(torch.full((1,), 0.2), torch.full((1,), 0.6), mode=mode, amount=1.0)
    assert result.item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("mode", PORTER_DUFF)
@given(UNIT, UNIT, UNIT, UNIT)
def test_porter_duff_stays_in_range(
    mode: str, above: float, above_clear: float, below: float, below_clear: float
) -> None:
    layer = torch.full((1, 1, 3), above), torch.full((1, 1, 1), above_clear)
    other = torch.full((1, 1, 3), below), torch.full((1, 1, 1), below_clear)
    colour, clear = porter_duff(layer, other, mode)
    assert 0 <= colour.min() <= colour.max() <= 1
    assert -1e-5 <= clear.min() <= clear.max() <= 1 + 1e-5


@given(UNIT, UNIT)
def test_an_opaque_source_hides_what_is_below(above: float, below: float) -> None:
    opaque = torch.zeros(1, 1, 1)
    colour, clear = porter_duff(
        (torch.full((1, 1, 3), above), opaque), (torch.full((1, 1, 3), below), opaque), "SRC_OVER"
    )
    assert torch.allclose(colour, torch.full((1, 1, 3), above), atol=1e-6)
    assert clear.item() == 0


def test_half_over_opaque_is_the_mean() -> None:
    layer = torch.ones(1, 1, 3), torch.full((1, 1, 1), 0.5)
    colour, _ = porter_duff(layer, (torch.zeros(1, 1, 3), torch.zeros(1, 1, 1)), "SRC_OVER")
    assert torch.allclose(colour, torch.full((1, 1, 3), 0.5))
