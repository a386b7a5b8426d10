"""A tiny SD 1.x checkpoint in a store, and adapters written as trainers write them."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.graph.sockets import Model, TextEncoder
from studio_engine.models.files import ModelFile
from studio_engine.models.inventory import Inventory
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import write_tiny_checkpoint

Write: TypeAlias = Callable[..., ModelFile]


def model_file(path: Path, kind: str, family: str | None = None) -> ModelFile:
    digest = sha256(path.read_bytes()).hexdigest()
    return ModelFile(path.name, kind, path, digest, path.stat().st_size, path.stem, family)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return model_file(
        write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny.safetensors"), "checkpoint", "sd1"
    )


@pytest.fixture(scope="module")
def store(checkpoint: ModelFile) -> ModelStore:
    return ModelStore(Inventory((checkpoint,)), plain_plan(), 1_000_000_000)


@pytest.fixture(scope="module")
def model(store: ModelStore) -> Model:
    return store.checkpoint("tiny.safetensors")[0]


@pytest.fixture(scope="module")
def clip(store: ModelStore) -> TextEncoder:
    return store.checkpoint("tiny.safetensors")[1]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None, name: str = "l") -> ModelFile:
        path = tmp_path / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, metadata)
        return model_file(path, "lora")

    return write


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 31 * sum(shape)))
