"""Joining and cutting requests, and which of them may meet."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from studio_engine.denoise.request import Request, halves, joined, request_key
from studio_engine.sampling.conditioning import ControlInput, NetInput
from studio_engine.sampling.hooks import HookCall, NetworkHooks
from tests.denoise.linear_network import request


@dataclass(frozen=True)
class Scale:
    """A BlockHook of plain values."""

    factor: float

    def __call__(self, h: Tensor, call: HookCall) -> Tensor:
        return h * self.factor


@dataclass
class Canny:
    """A ControlNet, as far as keys are concerned."""

    batch_key: str = "canny"


def full(seed: int, rows: int = 2) -> Request:
    """A request that uses every field."""
    plain = request(seed, rows=rows)
    noise = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.randn(rows, *shape, generator=noise)

    return replace(
        plain,
        inputs=NetInput(
            context=rand(3, 8),
            vector=rand(5),
            concat=rand(5, 4, 4),
            guidance=rand(),
            references=(rand(4, 2, 2), rand(4, 6, 6)),
            controls=(ControlInput(Canny(), rand(3, 8, 8), 0.5, {"type": rand(6)}),),  # type: ignore[arg-type]
            extra={"boxes": rand(2)},
            prompt_of_row=tuple(number % 2 for number in range(rows)),
        ),
    )


def tensors(each: Request) -> list[Tensor]:
    inputs = each.inputs
    control = inputs.controls[0]
    optional = [inputs.vector, inputs.concat, inputs.guidance]
    return [
        each.x,
        each.timestep,
        each.sigma,
        inputs.context,
        *(tensor for tensor in optional if tensor is not None),
        *inputs.references,
        control.hint,
        control.extra["type"],
        inputs.extra["boxes"],
        torch.tensor(inputs.prompt_of_row),
    ]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_joined_rows_are_the_rows_of_all_in_order(rows: list[int]) -> None:
    parts = [full(seed, count) for seed, count in enumerate(rows)]
    for whole, *each in zip(tensors(joined(parts)), *map(tensors, parts), strict=True):
        assert torch.equal(whole, torch.cat(each))


@given(st.integers(2, 7))
def test_halves_joined_are_the_whole(rows: int) -> None:
    whole = full(1, rows)
    for one, other in zip(tensors(joined(halves(whole))), tensors(whole), strict=True):
        assert torch.equal(one, other)


def test_every_field_of_a_prompt_is_known() -> None:
    by_row = {"context", "vector", "concat", "guidance", "references", "controls", "extra", "prompt_of_row"}
    # A network's own: the same in all of its requests.
    assert {field.name for field in fields(NetInput)} == by_row | {"is_context_repeatable"}


def test_seeds_sigmas_and_prompts_may_differ() -> None:
    assert request_key(full(1)) == request_key(full(2, rows=5))


SMALL = torch.zeros(2, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"vector": None},
        {"concat": None},
        {"guidance": None},
        {"references": ()},
        {"controls": ()},
        {"controls": (ControlInput(Canny("depth"), torch.zeros(2, 3, 8, 8), 0.5, {"type": torch.zeros(2, 6)}),)},  # type: ignore[arg-type]
        {"controls": (ControlInput(Canny(), torch.zeros(2, 3, 8, 8), 0.6, {"type": torch.zeros(2, 6)}),)},  # type: ignore[arg-type]
        {"controls": (ControlInput(Canny(), torch.zeros(2, 3, 16, 8), 0.5, {"type": torch.zeros(2, 6)}),)},  # type: ignore[arg-type]
        {"extra": {}},
        {"extra": {"boxes": torch.zeros(2, 3)}},
        {"context": torch.zeros(2, 4, 8)},
        {"prompt_of_row": ()},
    ],
)
def test_what_the_network_reads_must_have_one_form(change: dict[str, object]) -> None:
    changed = replace(full(1), inputs=replace(full(1).inputs, **change))  # type: ignore[arg-type]
    assert request_key(changed) != request_key(full(1))


@pytest.mark.parametrize("change", [{"network": "with a LoRA"}, {"x": torch.zeros(2, 4, 4, 8)}])
def test_weights_and_sizes_must_be_the_same(change: dict[str, object]) -> None:
    assert request_key(replace(request(1), **change)) != request_key(request(1))  # type: ignore[arg-type]


def test_hooks_meet_where_they_are_equal() -> None:
    def hooked(factor: float) -> Request:
        return replace(request(1), hooks=NetworkHooks(middle_block=(Scale(factor),)))

    assert request_key(hooked(1.5)) == request_key(hooked(1.5))
    assert request_key(hooked(1.5)) != request_key(hooked(1.6))


def test_a_hook_that_cannot_be_compared_meets_nobody() -> None:
    @dataclass
    class Mutable:
        factor: float

        def __call__(self, h: Tensor, call: HookCall) -> Tensor:
            return h * self.factor

    hooked = replace(request(1), hooks=NetworkHooks(middle_block=(Mutable(2.0),)))
    assert request_key(hooked) != request_key(hooked)


@pytest.mark.parametrize("change", [{"timestep": torch.tensor(1.0)}, {"sigma": torch.ones(1)}])
def test_tensors_that_are_not_by_row_meet_nobody(change: dict[str, Tensor]) -> None:
    odd = replace(request(1), **change)  # type: ignore[arg-type]
    assert request_key(odd) != request_key(odd)
