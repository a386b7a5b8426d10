"""Pictures of the starter model against recorded ones: whatever changes a pixel shows here.

`python -m tests.truth.record` records them anew, where a change was meant.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.truth.cases import AGAIN, CASES
from tests.truth.studio import Studio, thumbnail

RECORDED = Path(__file__).with_name("pictures.npz")
TOLERANCE = 2
"""Levels of 255. Processors round differently, and threads add in other orders; more is another picture."""


@pytest.fixture(scope="module")
def recorded():
    return np.load(RECORDED)


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Studio(tmp_path_factory.mktemp("models"))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", CASES)
def test_it_draws_the_recorded_picture(name, studio, recorded):
    drawn = thumbnail(studio.pixels(CASES[name](studio)))
    assert np.abs(drawn.astype(int) - recorded[name]).max() <= TOLERANCE


def test_every_case_is_recorded(recorded):
    assert set(recorded.files) == set(CASES)
    assert RECORDED.stat().st_size <= 300_000


def test_no_two_cases_draw_the_same(recorded):
    by_picture = {}
    for name in CASES:
        by_picture.setdefault(recorded[name].tobytes(), []).append(name)
    assert [names for names in by_picture.values() if len(names) > 1] == []


@pytest.mark.parametrize("name", AGAIN)
def test_it_draws_the_same_again(name, studio):
    first, second = (studio.pixels(CASES[name](studio)) for _ in range(2))
    assert torch.equal(first, second)
