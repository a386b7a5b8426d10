"""Colours, levels, curves and palettes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.imaging import colours
from studio_engine.imaging.quantize import bayer, quantize


def image() -> torch.Tensor:
    return torch.rand(1, 6, 5, 4, generator=torch.Generator().manual_seed(1))


def test_neutral_settings_change_nothing() -> None:
    picture = image()
    lit = colours.adjust_light(picture, brightness=1, contrast=1, gamma=1)
    toned = colours.adjust_colour(lit, saturation=1, hue_degrees=0, temperature=0)
    levelled = colours.levels(toned, black=0, white=1, gamma=1, darkest=0, lightest=1)
    curved = colours.apply_curve(levelled, [(0, 0), (1, 1)], (0, 1, 2))
    assert torch.allclose(curved, picture, atol=1e-5)


@given(st.floats(0, 3), st.floats(0, 3), st.floats(0.1, 5), st.floats(-180, 180), st.floats(-1, 1))
def test_results_stay_in_range_and_alpha_as_it_was(
    brightness: float, contrast: float, gamma: float, hue: float, temperature: float
) -> None:
    picture = colours.adjust_light(image(), brightness=brightness, contrast=contrast, gamma=gamma)
    picture = colours.adjust_colour(picture, saturation=contrast, hue_degrees=hue, temperature=temperature)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert torch.equal(picture[..., 3], image()[..., 3])


@given(st.floats(-180, 180))
def test_a_turn_of_the_hue_keeps_brightness_and_grey(degrees: float) -> None:
    muted = 0.5 + 0.02 * (image() - 0.5)
    turned = colours.adjust_colour(muted, saturation=1, hue_degrees=degrees, temperature=0)
    assert torch.allclose(colours.luma(turned), colours.luma(muted), atol=1e-5)
    grey = torch.full((1, 1, 1, 3), 0.4)
    assert torch.allclose(
        colours.adjust_colour(grey, saturation=1, hue_degrees=degrees, temperature=0), grey, atol=1e-6
    )


def test_a_full_turn_of_the_hue_ends_where_it_began() -> None:
    assert torch.allclose(
        colours.adjust_colour(image(), saturation=1, hue_degrees=360, temperature=0), image(), atol=1e-5
    )


def test_no_saturation_is_grey() -> None:
    result = colours.adjust_colour(image(), saturation=0, hue_degrees=0, temperature=0)
    assert torch.allclose(result[..., 0], result[..., 2], atol=1e-6)


def test_levels_send_black_and_white_to_the_ends() -> None:
    greys = torch.tensor([0.1, 0.2, 0.5, 0.8, 0.9])[None, None, :, None].expand(1, 1, 5, 3)
    result = colours.levels(greys, black=0.2, white=0.8, gamma=1, darkest=0.1, lightest=1.0)[0, 0, :, 0]
    assert torch.allclose(result, torch.tensor([0.1, 0.1, 0.55, 1.0, 1.0]), atol=1e-6)


def test_levels_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(EngineError, match="below the white point"):
        colours.levels(image(), black=0.5, white=0.5, gamma=1, darkest=0, lightest=1)


def test_a_curve_goes_through_its_points() -> None:
    greys = torch.tensor([0.25, 0.5, 0.75])[None, None, :, None].expand(1, 1, 3, 3)
    points = colours.parse_curve("0,0 0.25,0.4; 0.5,0.5 0.75,0.9 1,1")
    result = colours.apply_curve(greys, points, (0, 1, 2))[0, 0, :, 0]
    assert torch.allclose(result, torch.tensor([0.4, 0.5, 0.9]), atol=1e-4)


def test_a_rising_curve_keeps_the_order_of_greys() -> None:
    greys = torch.linspace(0, 1, 300)[None, None, :, None].expand(1, 1, 300, 3)
    result = colours.apply_curve(greys, colours.parse_curve("0,0 0.1,0.8 0.9,0.81 1,1"), (0,))
    assert (result[0, 0, :, 0].diff() >= -1e-6).all()
    assert torch.equal(result[..., 1], greys[..., 1])


@pytest.mark.parametrize("text", ["", "0,0", "0,0 0,1", "0,0 2,1", "0;1", "a,b", "0,0 .,. 1,1", "0,0 1.5,1"])
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="curve"):
        colours.parse_curve(text)


def test_yuv_returns_to_the_same_colours() -> None:
    picture = image()[..., :3]
    assert torch.allclose(colours.yuv_to_rgb(*colours.rgb_to_yuv(picture)), picture, atol=2e-3)


@pytest.mark.parametrize("dither", ["none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-16"])
@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_no_more_colours_than_asked_for(dither: str, count: int) -> None:
    picture = torch.rand(1, 20, 24, 3)
    assert len(quantize(picture, count, dither)[0].reshape(-1, 3).unique(dim=0)) <= count


def test_bayers_matrix_orders_each_cell_once() -> None:
    assert bayer(1).flatten().tolist() == [-0.375, 0.125, 0.375, -0.125]
    assert len(bayer(3).unique()) == 64
    assert bayer(4).abs().max() < 0.5
