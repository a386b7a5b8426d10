"""Canny and the drawings for ControlNet."""

import pytest
import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.imaging import edges
from studio_engine.imaging.normals import normals_from_depth


def square() -> Tensor:
    """A bright square of 12 pixels in the middle of 24."""
    image = torch.zeros(1, 3, 24, 24)
    image[..., 6:18, 6:18] = 1.0
    return image


def test_canny_draws_the_outline_one_pixel_wide() -> None:
    result = edges.canny(square(), 0.4, 0.8)
    assert result.unique().tolist() == [0.0, 1.0]
    assert result[0, 0, 12].sum() == 2
    assert result[0, 0, 12, 8:16].sum() == 0
    assert 40 <= result.sum() <= 52


def test_canny_sees_nothing_in_a_uniform_picture() -> None:
    assert edges.canny(torch.full((2, 3, 16, 16), 0.7), 0.01, 0.02).sum() == 0


def test_weak_edges_stay_only_where_a_strong_one_continues_them() -> None:
    ramp = torch.zeros(1, 1, 24, 48)
    ramp[..., 12:, :24] = torch.linspace(1, 0.2, 24)
    alone = torch.zeros(1, 1, 24, 48)
    alone[..., 12:, :24] = 0.2
    assert edges.canny(alone, 0.2, 0.9).sum() == 0
    assert edges.canny(ramp, 0.2, 0.9)[..., 20].sum() == 1


def test_thresholds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(EngineError, match="exchange"):
        edges.canny(square(), 0.8, 0.4)


def test_canny_equals_a_step_by_step_hysteresis() -> None:
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 9, 9), size=(36, 36), mode="bicubic").clamp(0, 1)
    low = edges.canny(image, 0.1, 0.1)
    high = edges.canny(image, 0.6, 0.6)
    linked = high
    while True:
        spread = torch.nn.functional.max_pool2d(linked, 3, stride=1, padding=1) * low
        if torch.equal(spread, linked):
            break
        linked = spread
    assert torch.equal(edges.canny(image, 0.1, 0.6), linked)


def test_lines_are_white_where_the_picture_has_dark_strokes() -> None:
    image = torch.ones(1, 3, 24, 24)
    image[..., 12, :] = 0
    result = edges.line_drawing(image, width=1.0, detail=0.5)
    assert result[0, 0, 12].min() > 0.8
    assert result[0, 0, 2].max() < 0.05


def test_more_detail_shows_fainter_lines() -> None:
    image = torch.ones(1, 3, 24, 24)
    image[..., 12, :] = 0.95
    faint, clear = (edges.line_drawing(image, width=1.0, detail=detail).max() for detail in (0.0, 1.0))
    assert clear > 2 * faint


def test_a_scribble_is_thicker_than_an_edge_and_black_or_white() -> None:
    result = edges.scribble(square(), width=1.0, thickness=2)
    assert result.unique().tolist() == [0.0, 1.0]
    assert result.sum() > 2 * edges.canny(square(), 0.4, 0.8).sum()
    assert edges.scribble(torch.zeros(1, 3, 8, 8), width=1.0, thickness=2).sum() == 0


def test_normals_of_a_flat_depth_face_the_viewer() -> None:
    normal = normals_from_depth(torch.full((1, 3, 6, 6), 0.4), 1.0)
    assert torch.allclose(normal[0, :, 3, 3], torch.tensor([0.5, 0.5, 1.0]))


def test_what_comes_nearer_to_the_right_faces_left_and_downwards_faces_up() -> None:
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert normals_from_depth(ramp, 1.0)[0, 0, 4, 4] < 0.4
    assert normals_from_depth(ramp.transpose(2, 3), 1.0)[0, 1, 4, 4] > 0.6
