"""Tiles and their seams."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from studio_engine.imaging.tiles import Tiling, apply_in_tiles

SIDES = st.integers(1, 50)


@given(SIDES, SIDES, st.integers(1, 7))
def test_tiles_cover_every_pixel_and_are_no_larger_than_allowed(height: int, width: int, overlap: int) -> None:
    covered = torch.zeros(height, width)
    for top, left, tall, wide in Tiling(16, overlap).boxes(height, width):
        assert 1 <= tall <= 16
        assert 1 <= wide <= 16
        covered[top : top + tall, left : left + wide] += 1
    assert covered.min() >= 1


@given(SIDES, SIDES, st.integers(1, 4))
def test_what_needs_no_neighbours_is_the_same_in_tiles(height: int, width: int, scale: int) -> None:
    image = torch.rand(2, 3, height, width)

    def enlarge(tile: torch.Tensor) -> torch.Tensor:
        return tile.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    assert torch.allclose(apply_in_tiles(image, enlarge, Tiling(16, 4, scale)), enlarge(image), atol=1e-6)


def test_seams_of_a_network_with_small_reach_are_invisible() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 3, 3, padding=1)).requires_grad_(
        False
    )
    image = torch.rand(1, 3, 90, 70)
    difference = apply_in_tiles(image, network, Tiling(48, 32, margin=8)) - network(image)
    assert difference.abs().max() < 1e-6


def test_each_tile_is_told() -> None:
    seen = []
    tiling = Tiling(16, 4)
    apply_in_tiles(torch.rand(2, 3, 30, 20), lambda tile: tile, tiling, on_tile=lambda: seen.append(1))
    assert len(seen) == 2 * len(tiling.boxes(30, 20))
