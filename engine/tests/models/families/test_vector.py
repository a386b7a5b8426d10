"""SDXL's class vector: pooled text, then sizes as sinusoids, in ComfyUI's order and with its defaults."""

from dataclasses import replace

import pytest
import torch

from studio_engine.errors import EngineError
from studio_engine.models.families.unet.sinusoids import sinusoids
from studio_engine.models.families.unet.vector import SIZE_WIDTH, score_vector, sizes_vector
from studio_engine.sampling.conditioning import Cond, SizeHint
from tests.models.families.tiny_source import run_of

RUN = run_of((1, 4, 64, 128))
COND = Cond(torch.zeros(1, 77, 2048), torch.arange(1280.0)[None])


def sizes(*values: float) -> torch.Tensor:
    return sinusoids(torch.tensor(values), SIZE_WIDTH).reshape(1, -1)


def test_sizes_default_to_the_pictures() -> None:
    vector = sizes_vector(COND, 0, RUN)
    assert vector.shape == (1, 2816)
    assert torch.equal(vector[:, :1280], COND.pooled)
    assert torch.equal(vector[:, 1280:], sizes(512, 1024, 0, 0, 512, 1024))


def test_sizes_are_height_width_crop_and_target() -> None:
    hint = SizeHint(width=1, height=2, crop_width=3, crop_height=4, target_width=5, target_height=6)
    assert torch.equal(sizes_vector(replace(COND, size=hint), 0, RUN)[:, 1280:], sizes(2, 1, 4, 3, 6, 5))


@pytest.mark.parametrize(("prompt", "score"), [(0, 6.0), (1, 2.5)])
def test_the_refiner_is_told_how_fine_the_picture_shall_be(prompt: int, score: float) -> None:
    vector = score_vector(COND, prompt, RUN)
    assert vector.shape == (1, 2560)
    assert torch.equal(vector[:, 1280:], sizes(512, 1024, 0, 0, score))
    told = score_vector(replace(COND, size=SizeHint(aesthetic_score=9.0)), prompt, RUN)
    assert torch.equal(told[:, -256:], sizes(9.0))


def test_sinusoids_are_cosines_then_sines() -> None:
    wave = sinusoids(torch.tensor([0.0, 1.0]), SIZE_WIDTH)
    assert torch.equal(wave[0], torch.cat([torch.ones(128), torch.zeros(128)]))
    torch.testing.assert_close(wave[1, [0, 128]], torch.tensor([0.5403, 0.8415]), atol=1e-4, rtol=0)


def test_a_prompt_without_pooled_text_is_refused() -> None:
    with pytest.raises(EngineError, match="no pooled text"):
        sizes_vector(replace(COND, pooled=None), 0, RUN)
