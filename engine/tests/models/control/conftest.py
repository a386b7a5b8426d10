"""Tiny random nets, written to files as published ones are."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.models.files import ModelFile
from studio_engine.models.inventory import Inventory
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import randomised, write_tiny_checkpoint

Write: TypeAlias = Callable[..., ModelFile]

TINY: dict[str, Any] = {
    "block_out_channels": (16, 16, 32, 32),
    "cross_attention_dim": 32,
    "attention_head_dim": 2,
    "norm_num_groups": 8,
}
TINY_XL: dict[str, Any] = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "block_out_channels": (16, 32, 64),
    "transformer_layers_per_block": (1, 1, 2),
    "attention_head_dim": (2, 2, 2),
    "cross_attention_dim": 64,
    "norm_num_groups": 8,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4,
    "projection_class_embeddings_input_dim": 40,
}
METADATA = {"studio.unet_heads": "2", "studio.unet_norm_groups": "8"}


def model_file(path: Path, kind: str) -> ModelFile:
    digest = sha256(path.read_bytes()).hexdigest()
    return ModelFile(path.name, kind, path, digest, path.stat().st_size, path.stem, None)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return model_file(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny.safetensors"), "checkpoint")


@pytest.fixture
def store(checkpoint: ModelFile) -> ModelStore:
    return ModelStore(Inventory((checkpoint,)), plain_plan(), 1_000_000_000)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(
        tensors: Mapping[str, Tensor],
        name: str = "net",
        *,
        kind: str = "controlnet",
        metadata: Mapping[str, str] = METADATA,
    ) -> ModelFile:
        path = tmp_path / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, dict(metadata))
        return model_file(path, kind)

    return write


def random_module(make: Callable[[], nn.Module], seed: int = 7) -> nn.Module:
    with torch.device("meta"):
        module = make()
    module.train(False)
    return randomised(module, seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 31 * sum(shape)))
