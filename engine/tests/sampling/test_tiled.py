"""Large pictures in tiles: covered, seamless, and each net and mask in its place."""

from itertools import pairwise

import pytest
import torch
from gaussian_model import GaussianModel, prompt, run_of
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.answers import RunAnswers
from studio_engine.sampling.conditioning import Area, ControlInput, ControlUse
from studio_engine.sampling.tiled import TiledAsk, tile_grid


@given(st.integers(1, 300), st.integers(1, 300), st.integers(2, 64), st.data())
def test_tiles_of_one_size_cover_the_picture_and_overlap_enough(height, width, tile, data):
    overlap = data.draw(st.integers(0, tile // 2))
    boxes = tile_grid(height, width, tile, overlap)
    covered = torch.zeros(height, width)
    for box in boxes:
        assert (box.height, box.width) == (min(tile, height), min(tile, width))
        covered[box.y : box.y + box.height, box.x : box.x + box.width] += 1
    assert covered.min() >= 1
    columns = sorted({box.x for box in boxes})
    assert all(left + min(tile, width) - right >= overlap for left, right in pairwise(columns))


def asked(model, shape, prompts, ask):
    answers = RunAnswers(model, run_of(shape))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    sigma = torch.full((shape[0],), 1.5)
    plain = answers(model, answers.prepare(*prompts), x, sigma)
    return plain, ask(answers, model, answers.prepare(*prompts), x, sigma), model


def test_a_network_that_looks_at_single_places_draws_the_same_in_tiles():
    plain, tiled, model = asked(GaussianModel(), (2, 4, 40, 52), (prompt(1.0), prompt(0.2)), TiledAsk(16, 4))
    for one, other in zip(plain, tiled, strict=True):
        torch.testing.assert_close(one, other)
    assert len(model.calls) > 1


def test_a_picture_of_one_tile_is_asked_whole():
    _, _, model = asked(GaussianModel(), (1, 4, 16, 16), (prompt(1.0),), TiledAsk(16, 4))
    assert [rows for rows, _ in model.calls] == [1, 1]


def test_a_prompt_with_an_area_keeps_it():
    area = prompt(1.0, area=Area(8, 8, 0, 0))
    plain, tiled, _ = asked(GaussianModel(), (1, 4, 32, 32), (area,), TiledAsk(16, 4))
    torch.testing.assert_close(plain[0], tiled[0])


class HintMeans:
    """A net that tells of the picture that it was given."""

    batch_key = "hints"

    def __init__(self):
        self.seen = []

    def prepare(self, use, latent):
        self.seen.append((use.hint.mean().item(), tuple(latent.samples.shape[-2:])))
        return ControlInput(self, use.hint[:1, :1, :1].movedim(-1, 1), use.strength)


def test_a_net_sees_the_part_of_its_picture_under_each_tile_once_per_run():
    hint = torch.cat([torch.zeros(1, 128, 64, 3), torch.ones(1, 128, 64, 3)], dim=2)
    net = HintMeans()
    controlled = prompt(1.0, control=ControlUse(net, hint, 1.0))
    model, ask = GaussianModel(), TiledAsk(8, 0)
    answers = RunAnswers(model, run_of((1, 4, 16, 16)))
    lists = answers.prepare(controlled)
    for sigma in (2.0, 1.0):
        ask(answers, model, lists, torch.zeros(1, 4, 16, 16), torch.tensor([sigma]))
    assert net.seen == [(pytest.approx(mean), (8, 8)) for mean in (0.0, 1.0, 0.0, 1.0)]
