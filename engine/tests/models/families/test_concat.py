"""Extra input channels of inpainting and editing networks, as ComfyUI fills them."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.families.unet.concat import (
    ZERO_PIXELS,
    edit_channels,
    inpaint_channels,
    scaled_edit_channels,
)
from studio_engine.sampling.conditioning import Cond
from studio_engine.sampling.model import LatentFormat
from tests.models.families.tiny_source import run_of

SHAPE = (2, 4, 6, 8)
FORMAT = LatentFormat(scale=0.5)
COND = Cond(torch.zeros(1, 77, 768))


def test_without_a_mask_all_is_drawn_over_black() -> None:
    channels = inpaint_channels(COND, run_of(SHAPE), FORMAT)
    assert torch.equal(channels[:, :1], torch.ones(2, 1, 6, 8))
    assert channels[1, 1:, 3, 3].tolist() == pytest.approx(ZERO_PIXELS)


def test_the_prompts_picture_is_scaled_and_its_mask_rounded() -> None:
    picture = torch.randn(1, 4, 6, 8)
    cond = replace(COND, concat_latent=picture, concat_mask=torch.full((1, 6, 8), 0.6))
    channels = inpaint_channels(cond, run_of(SHAPE), FORMAT)
    assert torch.equal(channels[:, :1], torch.ones(2, 1, 6, 8))
    assert torch.equal(channels[:, 1:], picture.repeat(2, 1, 1, 1) * 0.5)


def test_the_runs_mask_and_latents_stand_in() -> None:
    mask = torch.zeros(2, 1, 6, 8)
    mask[:, :, :3] = 1
    latent = torch.randn(SHAPE)
    channels = inpaint_channels(COND, run_of(SHAPE, latent=latent, mask=mask), FORMAT)
    assert torch.equal(channels, torch.cat([mask, latent], dim=1))


def test_other_sizes_are_fitted() -> None:
    cond = replace(COND, concat_latent=torch.ones(1, 4, 12, 16), concat_mask=torch.ones(1, 1, 48, 64))
    channels = inpaint_channels(cond, run_of(SHAPE), FORMAT)
    assert channels.shape == (2, 5, 6, 8)
    assert torch.equal(channels[:, :1], torch.ones(2, 1, 6, 8))


def test_a_picture_to_edit_is_read_raw_or_scaled() -> None:
    picture = torch.randn(SHAPE)
    cond = replace(COND, concat_latent=picture)
    assert torch.equal(edit_channels(cond, run_of(SHAPE), FORMAT), picture)
    assert torch.equal(scaled_edit_channels(cond, run_of(SHAPE), FORMAT), picture * 0.5)
    assert not edit_channels(COND, run_of(SHAPE), FORMAT).any()


@given(st.integers(1, 6), st.integers(1, 6))
def test_rows_are_spread_over_the_batch(given_rows: int, wanted: int) -> None:
    picture = torch.arange(float(given_rows)).view(-1, 1, 1, 1).expand(-1, 4, 6, 8)
    channels = edit_channels(replace(COND, concat_latent=picture), run_of((wanted, *SHAPE[1:])), FORMAT)
    rows = channels[:, 0, 0, 0].tolist()
    assert len(rows) == wanted
    assert rows == sorted(rows)
    assert rows[0] == 0
    assert wanted == 1 or rows[-1] == given_rows - 1
