"""Prompts that change the model for themselves alone. A change here adds its strength to all answers."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from gaussian_model import prompt, run_of

from studio_engine.sampling.answers import RunAnswers
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model import Model
from studio_engine.sampling.prompt_hooks import Keyframe, PromptHook

SAMPLING = discrete_sampling()


@dataclass
class Shifted:
    """Answers the mean of the prompt's tokens, and a shift."""

    shift: float = 0.0
    calls: list[tuple[float, int]] = field(default_factory=list)
    family: str = "shifted"
    batch_key: str = "shifted"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def prepare(self, cond, prompt, run):
        return NetInput(cond.context)

    def predict(self, x, timestep, inputs, hooks, sigma):
        self.calls.append((self.shift, x.shape[0]))
        mean = inputs.context.mean(dim=(1, 2)).view(-1, 1, 1, 1) + self.shift
        return (-mean / sigma.view(-1, 1, 1, 1)).expand(x.shape)


@dataclass(frozen=True)
class Shift:
    name: str = "a"

    def applied(self, model, strength):
        return replace(model, network=replace(model.network, shift=model.network.shift + strength))


def answers_at(sigmas, *lists, network=None):
    """The answers to lists of prompts at each sigma of one run."""
    model = Model(network or Shifted(), SAMPLING)
    answers = RunAnswers(model, run_of())
    prepared = answers.prepare(*lists)
    x = torch.zeros(1, 4, 2, 2)
    return [
        [round(float(each.mean()), 4) for each in answers(model, prepared, x, torch.tensor([sigma]))]
        for sigma in sigmas
    ]


def sigmas(*percents):
    return [SAMPLING.percent_to_sigma(percent) if percent else SAMPLING.sigma_max for percent in percents]


def test_a_change_holds_for_its_prompt_alone():
    hooked = prompt(1.0, hooks=(PromptHook(Shift(), 0.5),))
    assert answers_at([1.0], hooked, prompt(-1.0)) == [[1.5, -1.0]]


def test_changes_of_one_prompt_add_up():
    hooked = prompt(1.0, hooks=(PromptHook(Shift("a"), 0.5), PromptHook(Shift("b"), 0.25)))
    assert answers_at([1.0], hooked) == [[1.75]]


def test_prompts_with_equal_changes_share_a_call():
    network = Shifted()
    hooks = (PromptHook(Shift(), 0.5),)
    answers_at([1.0], prompt(1.0, hooks=hooks), prompt(-1.0, hooks=hooks) + prompt(2.0), network=network)
    assert sorted(network.calls) == [(0.0, 1), (0.5, 2)]


def test_strengths_follow_the_run():
    frames = (Keyframe(1.0), Keyframe(0.5, 0.3), Keyframe(0.0, 0.6))
    hooked = prompt(0.0, hooks=(PromptHook(Shift(), 2.0, keyframes=frames),))
    drawn = answers_at(sigmas(0, 0.2, 0.3, 0.5, 0.7, 0.9), hooked)
    assert [each[0] for each in drawn] == [2.0, 2.0, 1.0, 1.0, 0.0, 0.0]


def test_a_keyframe_lasts_its_least_steps():
    frames = (Keyframe(1.0), Keyframe(0.5, 0.3), Keyframe(0.25, 0.31), Keyframe(0.0, 0.32))
    hooked = prompt(0.0, hooks=(PromptHook(Shift(), 1.0, keyframes=frames),))
    drawn = answers_at(sigmas(0, 0.5, 0.6, 0.7), hooked)
    assert [each[0] for each in drawn] == [1.0, 0.5, 0.25, 0.0]
    hasty = tuple(replace(each, least_steps=0) for each in frames)
    hooked = prompt(0.0, hooks=(PromptHook(Shift(), 1.0, keyframes=hasty),))
    assert [each[0] for each in answers_at(sigmas(0, 0.5), hooked)] == [1.0, 0.0]


def test_keyframes_before_a_late_start_are_passed_over():
    frames = (Keyframe(1.0, 0.1), Keyframe(0.5, 0.3), Keyframe(0.25, 0.5))
    hooked = prompt(0.0, hooks=(PromptHook(Shift(), 1.0, keyframes=frames),))
    assert [each[0] for each in answers_at(sigmas(0.6, 0.7), hooked)] == [0.25, 0.25]


def test_two_calls_at_one_level_are_one_step():
    frames = (Keyframe(1.0, least_steps=2), Keyframe(0.5, 0.1))
    hooked = prompt(0.0, hooks=(PromptHook(Shift(), 1.0, keyframes=frames),))
    drawn = answers_at(sigmas(0.5, 0.5, 0.6, 0.7), hooked)
    assert [each[0] for each in drawn] == [1.0, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(("percent", "share"), [(0.0, 1.0), (0.3, 0.5), (0.5, 0.5), (1.0, 0.25)])
def test_a_hook_knows_its_strength_by_share(percent, share):
    frames = (Keyframe(1.0, 0.1), Keyframe(0.5, 0.3), Keyframe(0.25, 0.6))
    assert PromptHook(Shift(), 1.0, keyframes=frames).share_from(percent) == share


def test_a_prompt_counts_within_both_of_its_ranges():
    late = prompt(1.0, start_percent=0.2, end_percent=0.9, encoded_for=(0.5, 1.0))
    drawn = answers_at(sigmas(0.3, 0.6, 0.95), late)
    assert [each[0] for each in drawn] == [0.0, 1.0, 0.0]
