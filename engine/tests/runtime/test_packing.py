"""Packed weights: the same numbers, and still open to patches."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.inventory import scan_models
from studio_engine.models.merge import MergePatch
from studio_engine.models.store import ModelStore
from studio_engine.runtime.packing import PackedConv2d, PackedLinear, pack, packed_like, plain_weight
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.hooks import NetworkHooks
from tests.models.tiny_checkpoint import write_tiny_checkpoint

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelStore, ModelStore]:
    """One that packs, and one that does not."""
    folder: Path = tmp_path_factory.mktemp("models")
    (folder / "checkpoints").mkdir()
    for seed, name in enumerate(("a.safetensors", "b.safetensors")):
        write_tiny_checkpoint(folder / "checkpoints" / name, seed=seed)
    inventory = scan_models(folder / "none", folder, DigestCache(folder / "digests.json"))
    plan = plain_plan()
    return ModelStore(inventory, dataclasses.replace(plan, is_packed=True), 2**30), ModelStore(inventory, plan, 2**30)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packing_is_undone_to_the_bit(dtype: torch.dtype) -> None:
    layers = nn.Sequential(nn.Conv2d(5, 7, 3, padding=1), nn.Linear(9, 33), nn.Conv2d(7, 3, 3, stride=2)).to(dtype)
    before = [layer.weight.clone() for layer in layers]
    pack(layers)
    assert [type(layer) for layer in layers] == [PackedConv2d, PackedLinear, PackedConv2d]
    for layer, weight in zip(layers, before, strict=True):
        assert layer.weight.is_mkldnn
        assert torch.equal(plain_weight(layer.weight), weight)
        assert torch.equal(plain_weight(packed_like(layer, weight)), weight)


def test_small_kernels_and_odd_layers_stay_as_they_are() -> None:
    layers = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding="same"), nn.GroupNorm(2, 4))
    pack(layers)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.Conv2d, nn.GroupNorm]


@torch.no_grad()
def answers(store: ModelStore, *, is_merged: bool = False) -> torch.Tensor:
    model, clip, _ = store.checkpoint("a.safetensors")
    network = model.network
    if is_merged:
        other = store.checkpoint("b.safetensors")[0].network
        network = network.patched_by(MergePatch(other.ref, (0.5, 0.5)))
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    inputs = NetInput(clip.encode("a cat")[0].context.repeat(2, 1, 1))
    return network.predict(x, torch.tensor([500, 20]), inputs, NetworkHooks(), torch.ones(2))


def test_a_packed_model_answers_as_the_plain_one(stores: tuple[ModelStore, ModelStore]) -> None:
    packed, plain = stores
    torch.testing.assert_close(answers(packed), answers(plain), rtol=1e-5, atol=1e-5)


def test_a_patch_reads_and_changes_packed_weights(stores: tuple[ModelStore, ModelStore]) -> None:
    packed, plain = stores
    merged = answers(packed, is_merged=True)
    torch.testing.assert_close(merged, answers(plain, is_merged=True), rtol=1e-5, atol=1e-5)
    assert (merged - answers(packed)).abs().max() > 1e-3
