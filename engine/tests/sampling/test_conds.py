"""Where, when and how strongly each prompt of a list counts. The model answers with the mean of the prompt's tokens."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from gaussian_model import GaussianModel, prompt, run_of
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.sampling.answers import RunAnswers
from studio_engine.sampling.conditioning import Area, ControlInput, ControlUse, NetInput
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model import Model
from studio_engine.sampling.regions import bounds

SIZE = 32
SAMPLING = discrete_sampling()


@dataclass
class MeanNetwork:
    """Its output is minus the mean of the prompt's tokens, at sigma 1: the clean latents then are that mean."""

    calls: list[NetInput] = field(default_factory=list)
    shapes: list[torch.Size] = field(default_factory=list)
    family: str = "mean"
    batch_key: str = "mean"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def prepare(self, cond, prompt, run):
        return NetInput(cond.context, concat=cond.concat_latent)

    def predict(self, x, timestep, inputs, hooks, sigma):
        self.calls.append(inputs)
        self.shapes.append(x.shape)
        mean = inputs.context.mean(dim=(1, 2)).view(-1, 1, 1, 1)
        return (-mean / sigma.view(-1, 1, 1, 1)).expand(x.shape)


def ask(*lists, sigma=1.0, rows=1, network=None):
    """The answers to lists of prompts, for latents of `SIZE` cells."""
    model = Model(network or MeanNetwork(), SAMPLING)
    shape = (rows, 4, SIZE, SIZE)
    answers = RunAnswers(model, run_of(shape))
    return answers(model, answers.prepare(*lists), torch.zeros(shape), torch.full((rows,), sigma))


def test_prompts_that_share_the_picture_are_averaged_by_strength():
    (answer,) = ask(prompt(1.0) + prompt(4.0, strength=2.0))
    torch.testing.assert_close(answer, torch.full_like(answer, 3.0))


@given(st.floats(0.01, 10.0), st.floats(-3, 3))
def test_the_strength_of_a_lone_prompt_does_not_matter(strength, mean):
    (answer,) = ask(prompt(mean, strength=strength))
    torch.testing.assert_close(answer, torch.full_like(answer, mean))


def test_a_list_without_prompts_answers_zero():
    (answer,) = ask(())
    assert not answer.any()


def test_an_area_is_computed_alone_and_fades_towards_the_inside():
    network = MeanNetwork()
    (answer,) = ask(prompt(0.0) + prompt(1.0, area=Area(16, 32, 16, 0)), network=network)
    assert sorted(shape[-2:] for shape in network.shapes) == [(16, 32), (32, 32)]
    assert not answer[..., :16, :].any()
    # Over a quarter of 16 cells the weight rises from 1/4 to 1, against the other prompt's 1.
    weights = torch.tensor([0.25, 0.5, 0.75, 1.0])
    torch.testing.assert_close(answer[0, 0, 16:20, 5], weights / (1 + weights))
    torch.testing.assert_close(answer[0, 0, 20:, 5], torch.full((12,), 0.5))


def test_an_area_at_the_picture_s_edge_does_not_fade_there():
    (answer,) = ask(prompt(0.0) + prompt(1.0, area=Area(16, 16, 0, 0)))
    assert answer[0, 0, 0, 0] == 0.5
    assert answer[0, 0, 15, 0] == pytest.approx(0.25 / 1.25)
    assert answer[0, 0, 15, 15] == pytest.approx(0.0625 / 1.0625)


@given(
    *[st.floats(0.0, 1.0)] * 2,
    *[st.floats(0.0, 0.95)] * 2,
)
def test_shares_are_rounded_to_cells(height, width, y, x):
    network = MeanNetwork()
    ask(prompt(1.0, area=Area(height, width, y, x, is_share=True)), network=network)
    ((rows, columns),) = [shape[-2:] for shape in network.shapes]
    assert rows == min(max(1, round(height * SIZE)), SIZE - round(y * SIZE))
    assert columns == min(max(1, round(width * SIZE)), SIZE - round(x * SIZE))


@pytest.mark.parametrize("area", [Area(8, 8, SIZE, 0), Area(8, 8, 0, 40), Area(8, 8, -1, 0), Area(0, 8, 0, 0)])
def test_an_area_outside_of_the_picture_is_refused(area):
    with pytest.raises(EngineError, match="move it into the picture"):
        ask(prompt(1.0, area=area))


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_a_strength_must_be_finite(strength):
    with pytest.raises(EngineError, match="strength"):
        ask(prompt(1.0, strength=strength))


def test_a_mask_weighs_each_place():
    mask = torch.zeros(1, 64, 64)
    mask[:, :, 32:] = 1.0
    (answer,) = ask(prompt(0.0) + prompt(1.0, mask=mask, mask_strength=3.0))
    assert not answer[..., :15].any()
    torch.testing.assert_close(answer[..., 17:], torch.full((1, 4, SIZE, 15), 0.75))


def test_masks_for_single_rows_of_the_batch_are_used_in_turn():
    mask = torch.stack([torch.zeros(SIZE, SIZE), torch.ones(SIZE, SIZE)])
    (answer,) = ask(prompt(0.0) + prompt(1.0, mask=mask), rows=4)
    assert answer.mean(dim=(1, 2, 3)).tolist() == [0.0, 0.5, 0.0, 0.5]


def test_the_area_of_a_mask_is_the_rectangle_around_it():
    network, mask = MeanNetwork(), torch.zeros(1, SIZE, SIZE)
    mask[0, 4:20, 10:22] = 1.0
    (answer,) = ask(prompt(0.0) + prompt(1.0, mask=mask, is_area_of_mask=True), network=network)
    assert (16, 12) in [shape[-2:] for shape in network.shapes]
    # A mask has the edge that it has: nothing fades.
    torch.testing.assert_close(answer[0, 0], mask[0] / 2)


def test_bounds_hold_every_drawn_place():
    mask = torch.zeros(2, 20, 20)
    mask[0, 3, 5], mask[1, 17, 6] = 0.1, -1.0
    assert bounds(mask).height == 15
    assert (bounds(mask).y, bounds(mask).x, bounds(mask).width) == (3, 5, 8)


def test_an_empty_mask_counts_nowhere():
    network = MeanNetwork()
    empty = torch.zeros(1, 8, 8)
    (answer,) = ask(prompt(2.0) + prompt(1.0, mask=empty, is_area_of_mask=True), network=network)
    torch.testing.assert_close(answer, torch.full_like(answer, 2.0))
    assert (8, 8) in [shape[-2:] for shape in network.shapes]


@pytest.mark.parametrize(("percent", "is_asked"), [(0.3, True), (0.5, True), (0.501, False)])
def test_a_prompt_counts_from_its_start(percent, is_asked):
    sigma = SAMPLING.percent_to_sigma(0.5)
    (answer,) = ask(prompt(2.0, start_percent=percent), sigma=sigma)
    assert bool(answer.any()) == is_asked


@pytest.mark.parametrize(("percent", "is_asked"), [(0.7, True), (0.5, True), (0.499, False), (1.0, True)])
def test_a_prompt_counts_to_its_end(percent, is_asked):
    sigma = SAMPLING.percent_to_sigma(0.5)
    (answer,) = ask(prompt(2.0, end_percent=percent), sigma=sigma)
    assert bool(answer.any()) == is_asked


def test_a_default_prompt_counts_where_no_other_does():
    mask = torch.zeros(1, SIZE, SIZE)
    mask[..., :8] = 1.0
    mask[..., 8:16] = 0.25
    (answer,) = ask(prompt(1.0, mask=mask) + prompt(5.0, is_default=True))
    assert answer[0, 0, 0, [0, 10, 20]].tolist() == [1.0, 4.0, 5.0]


def test_a_default_prompt_that_no_place_is_left_for_is_not_asked():
    network = MeanNetwork()
    ask(prompt(1.0) + prompt(5.0, is_default=True), network=network)
    assert len(network.calls) == 1


def test_the_other_list_is_asked_in_the_same_area():
    network = MeanNetwork()
    area = Area(16, 16, 0, 0)
    positive, negative = ask(prompt(1.0) + prompt(3.0, area=area), prompt(-1.0), network=network)
    assert sorted(shape[0] for shape in network.shapes) == [2, 2]
    torch.testing.assert_close(negative, torch.full_like(negative, -1.0))
    assert positive[0, 0, 0, 0] == 2.0


def test_the_opposite_of_an_area_is_the_smallest_prompt_around_it():
    area = Area(16, 16, 4, 4)
    around = prompt(5.0, area=Area(24, 24, 0, 0)) + prompt(7.0, area=Area(30, 30, 0, 0)) + prompt(9.0)
    network = MeanNetwork()
    ask(prompt(1.0, area=area), around, network=network)
    asked = [
        (float(row.mean()), tuple(shape[-2:]))
        for inputs, shape in zip(network.calls, network.shapes, strict=True)
        for row in inputs.context
    ]
    assert (5.0, (16, 16)) in asked
    assert sum(size == (16, 16) for _, size in asked) == 2


def test_rows_of_one_shape_share_a_call_with_the_last_list_first():
    network = MeanNetwork()
    ask(prompt(1.0) + prompt(2.0), prompt(-1.0), rows=2, network=network)
    (inputs,) = network.calls
    assert inputs.context.mean(dim=(1, 2)).tolist() == [-1, -1, 2, 2, 1, 1]
    assert inputs.prompt_of_row == (1, 1, 0, 0, 0, 0)


def test_extra_channels_are_cut_to_the_area():
    network = MeanNetwork()
    extra = torch.arange(SIZE * SIZE).reshape(1, 1, SIZE, SIZE).float()
    ask(prompt(1.0, area=Area(8, 8, 16, 4), concat_latent=extra), network=network)
    assert torch.equal(network.calls[0].concat, extra[..., 16:24, 4:12])


def test_too_many_rows_for_the_memory_are_asked_in_turn(monkeypatch):
    monkeypatch.setattr("studio_engine.sampling.answers.ALWAYS_FITS_CELLS", 0)
    monkeypatch.setattr("studio_engine.sampling.answers.available_bytes", lambda device: 2 * 42_000 * SIZE * SIZE)
    network = MeanNetwork()
    answers = ask(prompt(1.0) + prompt(2.0) + prompt(3.0), prompt(-1.0), network=network)
    assert [shape[0] for shape in network.shapes] == [2, 2]
    assert [float(each.mean()) for each in answers] == pytest.approx([2.0, -1.0])


@dataclass(frozen=True, eq=False)
class Net:
    """Its hint is the size of the latents that it is prepared for."""

    batch_key: str = "net"
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def prepare(self, use, latent):
        self.sizes.append(tuple(latent.samples.shape[-2:]))
        return ControlInput(self, use.hint, use.strength)


def control(strength=1.0, rows=1, **changes):
    return ControlUse(Net(), torch.arange(rows).view(-1, 1, 1, 1).float(), strength, **changes)


def strengths(network):
    return [[each.strength for each in inputs.controls] for inputs in network.calls]


def test_a_chain_of_nets_is_given_in_the_order_of_its_making():
    network = MeanNetwork()
    ask(prompt(1.0, control=control(0.5, previous=control(0.25))), network=network)
    assert strengths(network) == [[0.25, 0.5]]


def test_a_net_steers_only_in_its_share_of_the_steps():
    network = MeanNetwork()
    use = control(0.5, start_percent=0.6, previous=control(0.25, end_percent=0.6))
    for percent in (0.5, 0.7):
        ask(prompt(1.0, control=use), sigma=SAMPLING.percent_to_sigma(percent), network=network)
    assert strengths(network) == [[0.25], [0.5]]


def test_prompts_with_different_nets_are_asked_apart():
    network = MeanNetwork()
    ask(prompt(1.0, control=control()), prompt(-1.0), network=network)
    assert strengths(network) == [[1.0], []]


def test_a_net_for_all_steers_the_negative_prompt_too_in_one_call():
    network = MeanNetwork()
    ask(prompt(1.0, control=control(), is_control_for_all=True), prompt(-1.0), network=network)
    assert strengths(network) == [[1.0]]
    assert network.shapes[0][0] == 2


def test_a_negative_prompt_with_a_net_keeps_its_own():
    network = MeanNetwork()
    own = prompt(-1.0, control=control(0.5))
    ask(prompt(1.0, control=control(), is_control_for_all=True), own, network=network)
    assert strengths(network) == [[1.0], [0.5]]


def test_hints_are_used_in_turn_for_the_rows():
    network = MeanNetwork()
    ask(prompt(1.0, control=control(rows=2)), rows=3, network=network)
    assert network.calls[0].controls[0].hint.flatten().tolist() == [0.0, 1.0, 0.0]


def test_a_hint_is_prepared_once_for_each_area():
    use = control()
    model = Model(MeanNetwork(), SAMPLING)
    run = run_of((1, 4, SIZE, SIZE))
    answers = RunAnswers(model, run)
    whole, part = prompt(1.0, control=use), prompt(1.0, control=use, area=Area(8, 16, 0, 0))
    lists = answers.prepare(whole + part)
    for _ in range(3):
        answers(model, lists, torch.zeros(run.shape), torch.ones(1))
    assert sorted(use.net.sizes) == [(8, 16), (SIZE, SIZE)]


def test_a_model_with_other_hooks_is_asked_with_the_same_prompts():
    first, second = GaussianModel(), GaussianModel()
    run = run_of((1, 4, 8, 8))
    answers = RunAnswers(first, run)
    lists = answers.prepare(prompt(1.0))
    for model in (first, second):
        answers(replace(model), lists, torch.zeros(run.shape), torch.ones(1))
    assert len(first.calls) == len(second.calls) == 1
