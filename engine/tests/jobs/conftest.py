from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.run import Engine
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import write_tiny_checkpoint

Graph = dict[str, Any]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_checkpoint(folder / "checkpoints" / "tiny.safetensors")
    write_tiny_checkpoint(folder / "checkpoints" / "other.safetensors", seed=9)
    return folder


@pytest.fixture
def new_engine(models_dir: Path, tmp_path: Path) -> Callable[[], Engine]:
    """A fresh engine over the same files, as after a restart."""
    torch.set_num_threads(1)

    def build() -> Engine:
        inventory = scan_models(tmp_path / "none", models_dir, DigestCache(tmp_path / "digests.json"))
        store = ModelStore(inventory, plain_plan(), 64_000_000)
        return Engine(NODES, inventory, store, ResultCache(64_000_000))

    return build


@pytest.fixture
def engine(new_engine: Callable[[], Engine]) -> Engine:
    return new_engine()
