"""How nets are added to prompts."""

import torch

from studio_engine.models.control.use import Steering
from studio_engine.nodes.controlnet import SetUnionControlNetType
from studio_engine.sampling.conditioning import Cond
from tests.models.control.conftest import noise

POSITIVE, NEGATIVE = (Cond(noise(1, 7, 8)), Cond(noise(1, 7, 8, seed=1))), (Cond(noise(1, 7, 8, seed=2)),)
IMAGE = torch.zeros(1, 8, 8, 3)


class Net:
    batch_key = 0


def steering(strength: float = 1.0, start: float = 0.0, end: float = 1.0) -> Steering:
    return Steering(Net(), IMAGE, strength, start, end)  # type: ignore[arg-type]


def test_every_prompt_gets_the_net_and_shares_its_use() -> None:
    positive, negative = steering(0.7, 0.1, 0.9).added_to(POSITIVE, NEGATIVE)
    use = positive[0].control
    assert use is not None
    assert (use.strength, use.start_percent, use.end_percent, use.previous) == (0.7, 0.1, 0.9, None)
    assert positive[1].control is use
    assert negative[0].control is use
    assert not negative[0].is_control_for_all
    assert POSITIVE[0].control is None


def test_nets_follow_one_another() -> None:
    first = steering(0.5).added_to(POSITIVE)[0]
    second = steering(0.8).added_to(first)[0]
    use = second[0].control
    assert use is not None
    assert use.previous is first[0].control


def test_prompts_with_different_nets_before_get_uses_of_their_own() -> None:
    mixed = (steering(0.5).added_to(POSITIVE)[0][0], POSITIVE[1])
    first, second = steering(0.8).added_to(mixed)[0]
    assert first.control is not second.control


def test_no_strength_leaves_the_prompts_themselves() -> None:
    assert steering(0.0).added_to(POSITIVE, NEGATIVE) == (POSITIVE, NEGATIVE)


def test_the_old_node_steers_the_negative_prompt_too() -> None:
    assert all(cond.is_control_for_all for cond in steering().added_to(POSITIVE, is_for_all=True)[0])


def test_nets_of_one_kind_need_not_be_told() -> None:
    net = Net()
    assert SetUnionControlNetType(control_net=net, type="depth").run(None) == (net,)  # type: ignore[arg-type]
