"""Makes a part: its empty module, filled from its files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_tensors
from studio_engine.models.fill import StoredTensors, fill, placed, tensor_bytes
from studio_engine.models.narrow import narrow
from studio_engine.models.parts import Blueprint, LoadedPart
from studio_engine.runtime.memory import HOST
from studio_engine.runtime.offload import place_within
from studio_engine.runtime.packing import pack
from studio_engine.runtime.plan import ComputePlan

log = logging.getLogger(__name__)


def load_part(
    blueprint: Blueprint,
    empty: nn.Module,
    headers: Sequence[SafetensorsHeader],
    *,
    plan: ComputePlan,
    device_bytes: int | None = None,
) -> LoadedPart:
    """Fills `empty`, which the blueprint made. Raises `model.untrained` and `model.file_corrupt`.

    `device_bytes`: how much of it may lie on the device, the rest stays on the host; None = all.
    """
    started = time.monotonic()
    name = headers[0].path.name
    stored = StoredTensors(headers[0], _tensors(blueprint, headers))
    kept = blueprint.stored_dtype or blueprint.dtype
    home = plan if device_bytes is None else replace(plan, device=HOST)

    def placement(tensor: Tensor) -> Tensor:
        # Matrices and convolutions alone: norms, biases and position tables are small, and need their digits.
        return placed(tensor, plan=home, dtype=kept if tensor.ndim in (2, 4) else blueprint.dtype)

    used = fill(empty, stored, blueprint.source, placement=placement)
    if kept != blueprint.dtype:
        narrow(empty, blueprint.dtype)
    nn.Module.to(empty, home.device)
    blueprint.finish(empty)
    owned_bytes = tensor_bytes(empty) if device_bytes is None else place_within(empty, plan.device, device_bytes)
    if plan.is_packed and kept == blueprint.dtype:
        pack(empty)
    left = sorted(key for key in stored.values if key not in used and not blueprint.is_idle(key))
    if left:
        log.warning("%s holds %d tensors that are not used, first %s", name, len(left), left[0])
    part = LoadedPart(empty, blueprint.config, blueprint.dtype, owned_bytes)
    log.info("loaded %s, %.0f MB, %.1f s", name, part.owned_bytes / 1e6, time.monotonic() - started)
    return part


def _tensors(blueprint: Blueprint, headers: Sequence[SafetensorsHeader]) -> dict[str, Tensor]:
    if blueprint.tensors is not None:
        return dict(blueprint.tensors())
    return {key: tensor for header in headers for key, tensor in read_tensors(header).items()}
