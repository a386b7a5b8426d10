"""Nodes that make hooks, and give them to prompts."""

from dataclasses import dataclass, replace

import pytest
import torch

from studio_engine.models.prompt_changes import HookedText
from studio_engine.sampling.conditioning import Cond
from studio_engine.sampling.prompt_hooks import Keyframe, PromptHook
from tests.nodes.node_runner import one, run

POSITIVE, NEGATIVE = (Cond(torch.ones(1, 77, 8)),), (Cond(torch.zeros(1, 77, 8)),)


@dataclass(frozen=True)
class Words:
    """A text encoder whose tokens tell its strength."""

    strength: float = 0.0

    def encode(self, text, *, parts=None, leaves_out_empty=False):
        return (Cond(torch.full((1, 77, 8), self.strength)),)

    def with_layer(self, layer):
        return replace(self, strength=100.0)

    def with_t5_padding(self, min_padding, min_length):
        return self


@dataclass(frozen=True)
class Stronger:
    def applied_to_text(self, clip, strength):
        return replace(clip, strength=clip.strength + strength)


HOOK = PromptHook(Stronger(), 1.0, 0.5)
OTHER = PromptHook(Stronger(), 2.0, 0.25)


def test_hooks_are_put_together_in_order():
    assert one("CombineHooks2", hooks={"hooks_A": (HOOK,), "hooks_B": None}) == (HOOK,)
    assert one("CombineHooks8", hooks={"hooks_A": (OTHER,), "hooks_C": (HOOK,)}) == (OTHER, HOOK)


def test_keyframes_are_kept_by_rising_share():
    frames = one("CreateHookKeyframe", strength_mult=0.5, start_percent=0.6)
    frames = one("CreateHookKeyframe", strength_mult=1.0, start_percent=0.2, prev_hook_kf=frames)
    assert [(each.strength, each.start_percent) for each in frames] == [(1.0, 0.2), (0.5, 0.6)]
    (hook,) = one("SetHookKeyframes", hooks=(HOOK,), hook_kf=frames)
    assert (hook.keyframes, hook.strength) == (frames, 1.0)
    assert one("SetHookKeyframes", hooks=(HOOK,), hook_kf=None) == (HOOK,)


@pytest.mark.parametrize(
    ("interpolation", "middle"), [("linear", 0.5), ("ease_in", 0.25), ("ease_out", 0.75), ("ease_in_out", 0.5)]
)
def test_interpolated_keyframes_go_from_one_strength_to_another(interpolation, middle):
    settings = {"strength_start": 0.0, "strength_end": 1.0, "start_percent": 0.2, "end_percent": 0.6}
    frames = one("CreateHookKeyframesInterpolated", interpolation=interpolation, keyframes_count=3, **settings)
    assert [each.strength for each in frames] == pytest.approx([0.0, middle, 1.0])
    assert [each.start_percent for each in frames] == pytest.approx([0.2, 0.4, 0.6])
    assert [each.least_steps for each in frames] == [1, 0, 0]


@pytest.mark.parametrize(("given", "strengths"), [([0.5, 1.0], [0.5, 1.0]), (0.25, [0.25])])
def test_keyframes_are_made_from_numbers(given, strengths):
    frames = one("CreateHookKeyframesFromFloats", floats_strength=given, start_percent=0.0, end_percent=1.0)
    assert [each.strength for each in frames] == strengths


def test_all_of_a_prompt_is_set_at_once():
    mask = torch.ones(4, 4)
    settings = {"mask": mask, "strength": 2.0, "hooks": (HOOK,), "timesteps": (0.2, 0.7)}
    (cond,) = one("ConditioningSetProperties", cond_NEW=POSITIVE, set_cond_area="mask bounds", **settings)
    assert (cond.mask.shape, cond.mask_strength, cond.is_area_of_mask) == ((1, 4, 4), 2.0, True)
    assert (cond.start_percent, cond.end_percent, cond.hooks) == (0.2, 0.7, (HOOK,))
    (again,) = one("ConditioningSetProperties", cond_NEW=(cond,), hooks=(OTHER,))
    assert again.hooks == (HOOK, OTHER)
    assert again.mask is cond.mask


def test_pairs_are_set_and_added_side_by_side():
    pair = {"positive_NEW": POSITIVE, "negative_NEW": NEGATIVE, "hooks": (HOOK,)}
    positive, negative = run("PairConditioningSetProperties", **pair)
    assert (positive[0].hooks, negative[0].hooks) == ((HOOK,), (HOOK,))
    added = run("PairConditioningSetPropertiesAndCombine", positive=POSITIVE, negative=NEGATIVE, **pair)
    assert [[len(cond.hooks) for cond in each] for each in added] == [[0, 1], [0, 1]]
    both = run(
        "PairConditioningCombine", positive_A=POSITIVE, negative_A=NEGATIVE, positive_B=NEGATIVE, negative_B=POSITIVE
    )
    assert both == (POSITIVE + NEGATIVE, NEGATIVE + POSITIVE)
    combined = one("ConditioningSetPropertiesAndCombine", cond=POSITIVE, cond_NEW=NEGATIVE, hooks=(HOOK,))
    assert [len(cond.hooks) for cond in combined] == [0, 1]


def test_default_prompts_are_added_as_such():
    combined = one("ConditioningSetDefaultCombine", cond=POSITIVE, cond_DEFAULT=NEGATIVE, hooks=(HOOK,))
    assert [(cond.is_default, len(cond.hooks)) for cond in combined] == [(False, 0), (True, 1)]
    positive, negative = run(
        "PairConditioningSetDefaultCombine",
        positive=POSITIVE,
        negative=NEGATIVE,
        positive_DEFAULT=POSITIVE,
        negative_DEFAULT=NEGATIVE,
    )
    assert [each[1].is_default for each in (positive, negative)] == [True, True]


def test_a_range_has_a_before_and_an_after():
    assert run("ConditioningTimestepsRange", start_percent=0.25, end_percent=0.75) == (
        (0.25, 0.75),
        (0.0, 0.25),
        (0.75, 1.0),
    )


def test_a_hooked_text_encoder_is_changed_and_hands_hooks_on():
    clip = one("SetClipHooks", clip=Words(), hooks=(HOOK, OTHER))
    (cond,) = clip.encode("a")
    assert cond.context.unique().tolist() == [0.75]
    assert (cond.hooks, cond.encoded_for) == ((HOOK, OTHER), (0.0, 1.0))
    (cond,) = one("SetClipHooks", clip=Words(), hooks=(HOOK,), apply_to_conds=False).encode("a")
    assert cond.hooks == ()
    assert one("SetClipHooks", clip=Words(), hooks=None) == Words()


def test_clip_skip_reaches_a_hooked_text_encoder():
    clip = one("SetClipHooks", clip=Words(), hooks=(HOOK,)).with_layer(-2).with_t5_padding(0, 0)
    assert isinstance(clip, HookedText)
    assert clip.encode("a")[0].context.unique().tolist() == [100.5]


def test_prompts_are_encoded_for_every_keyframe_where_scheduled():
    frames = (Keyframe(1.0), Keyframe(0.5, 0.4), Keyframe(2.0, 0.8))
    hook = replace(HOOK, keyframes=frames)
    conds = one("SetClipHooks", clip=Words(), hooks=(hook,), schedule_clip=True).encode("a")
    assert [cond.encoded_for for cond in conds] == [(0.0, 0.4), (0.4, 0.8), (0.8, 1.0)]
    assert [cond.context.unique().tolist() for cond in conds] == [[0.5], [0.25], [1.0]]
