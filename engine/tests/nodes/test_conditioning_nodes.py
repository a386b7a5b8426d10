"""Nodes that join and limit prompts, and show pictures to models."""

from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.sampling.conditioning import Area, Cond
from studio_engine.sampling.model import Latent
from tests.nodes.node_runner import one, run

PROMPT = (Cond(torch.ones(1, 77, 8), torch.ones(1, 4)),)
OTHER = (Cond(torch.full((1, 77, 8), 3.0), torch.full((1, 4), 3.0)),)


@dataclass
class CellMeans:
    """A VAE whose latents are the means of 8 × 8 pixels. Keeps what it is shown."""

    seen: list = field(default_factory=list)

    def encode(self, images, on_part=lambda: None):
        on_part()
        self.seen.append(images)
        return torch.nn.functional.avg_pool2d(images.movedim(-1, 1), 8)


def test_combined_prompts_stand_side_by_side():
    assert one("ConditioningCombine", conditioning_1=PROMPT, conditioning_2=OTHER) == PROMPT + OTHER


def test_concatenated_prompts_are_one_longer_prompt():
    longer = one("ConditioningConcat", conditioning_to=PROMPT * 2, conditioning_from=OTHER)
    assert [cond.context.shape for cond in longer] == [(1, 154, 8)] * 2
    assert longer[0].context[0, [0, 76, 77, 153], 0].tolist() == [1, 1, 3, 3]
    assert longer[0].pooled is PROMPT[0].pooled


@given(st.floats(0.0, 1.0), st.integers(1, 100))
def test_averaged_prompts_lie_between(share, tokens):
    other = (Cond(torch.full((1, tokens, 8), 3.0), torch.full((1, 4), 3.0)),)
    (mixed,) = one(
        "ConditioningAverage", conditioning_to=PROMPT, conditioning_from=other, conditioning_to_strength=share
    )
    torch.testing.assert_close(mixed.context[0, 0], torch.full((8,), 3.0 - 2.0 * share))
    torch.testing.assert_close(mixed.pooled, torch.full((1, 4), 3.0 - 2.0 * share))
    # What the second prompt lacks counts as zeros.
    last = 3.0 * (1 - share) + share if tokens >= 77 else share
    torch.testing.assert_close(mixed.context[0, 76], torch.full((8,), last))


def test_a_prompt_takes_the_other_s_vector_where_it_has_none():
    plain = (Cond(torch.ones(1, 77, 8)),)
    settings = {"conditioning_to_strength": 0.5}
    (mixed,) = one("ConditioningAverage", conditioning_to=plain, conditioning_from=OTHER, **settings)
    torch.testing.assert_close(mixed.pooled, OTHER[0].pooled)
    (mixed,) = one("ConditioningAverage", conditioning_to=PROMPT, conditioning_from=plain, **settings)
    assert mixed.pooled is PROMPT[0].pooled


@pytest.mark.parametrize("node", ["ConditioningConcat", "ConditioningAverage"])
def test_prompts_of_different_families_cannot_be_joined(node):
    sdxl = (Cond(torch.ones(1, 77, 16)),)
    with pytest.raises(EngineError, match="same CLIP"):
        one(node, conditioning_to=PROMPT, conditioning_from=sdxl)
    assert one(node, conditioning_to=PROMPT, conditioning_from=()) == PROMPT


def test_an_area_is_told_in_cells_or_shares():
    (cond,) = one("ConditioningSetArea", conditioning=PROMPT, width=64, height=128, x=16, y=8, strength=0.5)
    assert (cond.area, cond.strength) == (Area(16, 8, 1, 2), 0.5)
    (cond,) = one("ConditioningSetAreaPercentage", conditioning=PROMPT, width=0.5, height=0.25, x=0.1, y=0.2)
    assert cond.area == Area(0.25, 0.5, 0.2, 0.1, is_share=True)


def test_settings_are_told_to_every_prompt():
    mask = torch.ones(4, 4)
    changed = one("ConditioningSetMask", conditioning=PROMPT + OTHER, mask=mask, strength=2.0)
    changed = one("ConditioningSetTimestepRange", conditioning=changed, start=0.2, end=0.7)
    changed = one("ConditioningSetAreaStrength", conditioning=changed, strength=3.0)
    for cond in changed:
        assert (cond.mask.shape, cond.mask_strength, cond.is_area_of_mask) == ((1, 4, 4), 2.0, False)
        assert (cond.start_percent, cond.end_percent, cond.strength) == (0.2, 0.7, 3.0)
    (bounded,) = one("ConditioningSetMask", conditioning=PROMPT, mask=mask, set_cond_area="mask bounds")
    assert bounded.is_area_of_mask


def test_zeros_take_the_place_of_words():
    (cond,) = one("ConditioningZeroOut", conditioning=PROMPT)
    assert not cond.context.any()
    assert not cond.pooled.any()
    assert PROMPT[0].context.all()


def test_guidance_is_set_and_taken_away():
    guided = one("FluxGuidance", conditioning=PROMPT, guidance=2.5)
    assert guided[0].guidance == 2.5
    assert one("FluxDisableGuidance", conditioning=guided)[0].guidance is None


def test_references_follow_one_another():
    latents = [Latent(torch.full((1, 4, 2, 2), float(value))) for value in (1, 2)]
    shown = PROMPT
    for latent in latents:
        shown = one("ReferenceLatent", conditioning=shown, latent=latent)
    assert [float(each.mean()) for each in shown[0].references] == [1.0, 2.0]
    assert one("ReferenceLatent", conditioning=PROMPT, latent=None) == PROMPT


def test_an_inpainting_model_sees_the_picture_without_the_masked_part():
    vae, mask = CellMeans(), torch.zeros(1, 16, 32)
    mask[..., :16] = 1.0
    pixels = torch.full((1, 20, 32, 3), 0.9)
    positive, negative, latent = run(
        "InpaintModelConditioning", positive=PROMPT, negative=OTHER, vae=vae, pixels=pixels, mask=mask
    )
    shown = positive[0].concat_latent
    torch.testing.assert_close(shown[0, 0], torch.tensor([[0.5, 0.5, 0.9, 0.9]] * 2))
    assert positive[0].concat_mask.shape == (1, 1, 16, 32)
    assert negative[0].concat_latent is shown
    assert latent.mask is positive[0].concat_mask
    torch.testing.assert_close(latent.samples[..., :2, :], torch.full((1, 3, 2, 4), 0.9))


def test_without_a_noise_mask_the_whole_picture_is_drawn():
    settings = {
        "positive": PROMPT,
        "negative": OTHER,
        "pixels": torch.rand(1, 16, 16, 3),
        "mask": torch.ones(1, 16, 16),
    }
    _, _, latent = run("InpaintModelConditioning", vae=CellMeans(), noise_mask=False, **settings)
    assert latent.mask is None


def test_an_editing_model_sees_the_picture_and_starts_from_nothing():
    pixels = torch.rand(1, 19, 32, 3)
    positive, negative, latent = run(
        "InstructPixToPixConditioning", positive=PROMPT, negative=OTHER, vae=CellMeans(), pixels=pixels
    )
    assert positive[0].concat_latent.shape == latent.samples.shape == (1, 3, 2, 4)
    torch.testing.assert_close(positive[0].concat_latent[0, 0, 0, 0], pixels[0, 1:9, :8, 0].mean())
    assert negative[0].concat_latent is positive[0].concat_latent
    assert not latent.samples.any()
