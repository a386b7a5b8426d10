"""Weights kept in 8 bits compute as the same weights rounded, and take a quarter of the memory of fp32."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.inventory import scan_models
from studio_engine.models.narrow import NarrowConv2d, NarrowLinear
from studio_engine.models.parts import LoadedPart, PartRef
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import TINY_METADATA, UNET_PREFIX, tiny_modules, tiny_tensors

OUT = f"{UNET_PREFIX}out.2.weight"


def store_of(folder: Path) -> ModelStore:
    inventory = scan_models(folder / "none", folder, DigestCache(folder / "digests.json"))
    return ModelStore(inventory, plain_plan(), 2**28)


@pytest.fixture
def part(tmp_path: Path) -> tuple[LoadedPart, LoadedPart]:
    """In 8 bits, and as in the file."""
    (tmp_path / "checkpoints").mkdir()
    save_file(tiny_tensors(), tmp_path / "checkpoints" / "t.safetensors", TINY_METADATA)
    store = store_of(tmp_path)
    ref = PartRef((store.find("checkpoint", "t.safetensors"),), "network", "sd1")
    return store.part(replace(ref, weight_dtype="float8_e4m3fn")), store.part(ref)


@torch.no_grad()
def test_eight_bit_weights_compute_as_rounded_ones(part: tuple[LoadedPart, LoadedPart]) -> None:
    narrow, wide = part
    rounded = tiny_modules()[0]
    for parameter in rounded.parameters():
        if parameter.ndim in (2, 4):
            parameter.copy_(parameter.to(torch.float8_e4m3fn).float())
    x, step, context = torch.randn(2, 4, 8, 8), torch.tensor([999, 10]), torch.randn(2, 77, 32)
    torch.testing.assert_close(narrow.module(x, step, context).sample, rounded(x, step, context).sample)
    assert not torch.allclose(narrow.module(x, step, context).sample, wide.module(x, step, context).sample)


def test_eight_bit_weights_take_less_memory(part: tuple[LoadedPart, LoadedPart]) -> None:
    narrow, wide = part
    assert narrow.owned_bytes < wide.owned_bytes * 0.3
    kinds = {type(child) for child in narrow.module.modules() if isinstance(child, torch.nn.Linear | torch.nn.Conv2d)}
    assert kinds == {NarrowLinear, NarrowConv2d}


def test_weights_with_a_scale_beside_them_are_multiplied_out(tmp_path: Path) -> None:
    tensors = tiny_tensors()
    scale = tensors[OUT].abs().max() / 448
    tensors |= {
        OUT: (tensors[OUT] / scale).to(torch.float8_e4m3fn),
        OUT.replace("weight", "scale_weight"): scale,
        f"{UNET_PREFIX}scaled_fp8": torch.zeros(2),
    }
    (tmp_path / "checkpoints").mkdir()
    save_file(tensors, tmp_path / "checkpoints" / "t.safetensors", TINY_METADATA)
    store = store_of(tmp_path)
    loaded = store.part(PartRef((store.find("checkpoint", "t.safetensors"),), "network", "sd1"))
    assert isinstance(loaded.config, UnetConfig)
    torch.testing.assert_close(
        loaded.module.get_parameter("conv_out.weight").data, tiny_tensors()[OUT], atol=float(scale) * 32, rtol=0
    )
