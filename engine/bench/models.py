"""The models that benchmarks draw with, and the set-up that they compare with."""

from __future__ import annotations

from pathlib import Path

import torch

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.config import ENGINE_DIR
from studio_engine.models.inventory import Inventory, scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import ComputePlan

MODEL_BYTES = 2**34


def find_models(folder: Path) -> Inventory:
    """The starter model, and what lies in the folder; facts about the files are kept there too."""
    return scan_models(ENGINE_DIR / "starter" / "weights", folder, DigestCache(folder / "digests.json"))


def open_store(folder: Path, plan: ComputePlan) -> ModelStore:
    return ModelStore(find_models(folder), plan, MODEL_BYTES)


def stock_plan(threads: int) -> ComputePlan:
    """As a stock installation computes."""
    return ComputePlan(torch.device("cpu"), torch.float32, torch.float32, is_channels_last=False, threads=threads)
