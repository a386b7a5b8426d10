"""Networks larger than the device: what stays where, and that it computes the same."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.errors import EngineError
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.memory import MemoryPool
from studio_engine.runtime.offload import VisitingLinear, place_within, plan_residents
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.hooks import NetworkHooks
from tests.models.tiny_checkpoint import write_tiny_checkpoint

CPU, META = torch.device("cpu"), torch.device("meta")


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(0, 40_000))
def test_what_stays_fits_beside_two_visitors(sizes: list[int], budget: int) -> None:
    if budget < min(sum(sizes), 2 * max(sizes)):
        with pytest.raises(EngineError, match="use a smaller model"):
            plan_residents(sizes, budget)
        return
    stays = plan_residents(sizes, budget)
    resident = sum(size for size, is_resident in zip(sizes, stays, strict=True) if is_resident)
    assert resident + (0 if all(stays) else 2 * max(sizes)) <= budget
    # Little of the room is wasted.
    assert all(stays) or resident >= budget - 4 * max(sizes)


def test_visitors_are_spread_evenly() -> None:
    assert plan_residents([10] * 12, 80) == [False, True] * 6


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 1)
        self.norm = nn.GroupNorm(2, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(8))
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.conv(x)).flatten(2).transpose(1, 2)
        for layer in self.layers:
            h = h + layer(h)
        return h * self.scale


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    made = Net()
    made.requires_grad_(False)
    return made


# Of 632 numbers: the norm, two visiting linear layers, and room for about four more.
BUDGET = 4 * (16 + 2 * 72 + 4 * 72)


def devices(net: Net) -> set[str]:
    return {tensor.device.type for tensor in [*net.parameters(), *net.buffers()]}


def test_what_fits_moves_as_a_whole(net: Net) -> None:
    assert place_within(net, META, 10**6) == sum(4 * tensor.numel() for tensor in net.parameters())
    assert devices(net) == {"meta"}
    assert type(net.layers[0]) is nn.Linear


def test_what_does_not_fit_stays_on_the_host_and_visits(net: Net) -> None:
    placed = place_within(net, META, BUDGET)
    visiting = [layer for layer in net.modules() if next(layer.parameters(recurse=False), torch.empty(0)).is_cpu]
    visiting = [layer for layer in visiting if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert 0 < len(visiting) < 9
    assert placed == sum(4 * tensor.numel() for tensor in net.parameters() if tensor.is_meta) <= BUDGET
    assert net.norm.weight.is_meta
    assert net.scale.is_meta
    # Every operation meets its weights on the device.
    assert net(torch.zeros(1, 4, 5, 5, device=META)).is_meta


@torch.no_grad()
def test_it_computes_the_same(net: Net) -> None:
    x = torch.randn(2, 4, 5, 5)
    plain = net(x)
    place_within(net, CPU, BUDGET)
    assert any(isinstance(layer, VisitingLinear) for layer in net.layers)
    assert torch.equal(net(x), plain)


@torch.no_grad()
def test_visitors_may_be_kept_in_fewer_bits(net: Net) -> None:
    x = torch.randn(2, 4, 5, 5)
    place_within(net, CPU, BUDGET)
    rounded = copy.deepcopy(net)
    for kept, widened in zip(net.layers, rounded.layers, strict=True):
        if isinstance(kept, VisitingLinear):
            kept.to(torch.bfloat16)
            widened.weight.copy_(kept.weight.float())
            widened.bias.copy_(kept.bias.float())
    assert torch.equal(net(x), rounded(x))


def test_too_little_memory_for_a_layer_is_said(net: Net) -> None:
    with pytest.raises(EngineError, match="smaller model"):
        place_within(net, META, 4 * 150)


def test_a_checkpoint_that_fits_in_half_draws_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_checkpoint(tmp_path / "checkpoints" / "tiny.safetensors")
    inventory = scan_models(tmp_path / "none", tmp_path, DigestCache(tmp_path / "digests.json"))

    def predicted() -> tuple[Tensor, int]:
        store = ModelStore(inventory, plain_plan(), 64_000_000)
        network = store.checkpoint("tiny.safetensors")[0].network
        generator = torch.Generator().manual_seed(0)
        x, context = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 77, 32, generator=generator)
        level = torch.ones(2)
        return network.predict(x, level, NetInput(context), NetworkHooks(), level), store.loaded.size_bytes

    whole, whole_bytes = predicted()
    monkeypatch.setattr(MemoryPool, "room_for_weights", lambda pool, needed_bytes: needed_bytes // 2)
    half, half_bytes = predicted()
    assert torch.equal(half, whole)
    assert half_bytes <= whole_bytes / 2
