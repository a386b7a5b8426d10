"""What the header of a model file says about it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.detect import check_kind, detect_lora, detect_network
from studio_engine.models.distilled import settings_for
from studio_engine.models.files import ModelDefaults, ModelFile, ModelKind, Problem
from studio_engine.models.variant import defaults_of, variant_of
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.schedulers import SCHEDULERS

log = logging.getLogger(__name__)

_MAX_TITLE = 200
_NETWORKS: Final[frozenset[ModelKind]] = frozenset({"checkpoint", "diffusion_model"})


def describe(kind: ModelKind, name: str, path: Path, *, digests: DigestCache) -> ModelFile:
    """Reads the header only (and hashes the file once); a file that cannot be used carries its `problem`."""
    metadata: Mapping[str, str] = {}
    family = defaults = problem = None
    try:
        header = read_header(path)
        metadata = header.metadata
        family, usual = _family(kind, header)
        defaults = None if usual is None else _defaults(metadata, settings_for(name, family or "", usual))
    except EngineError as error:
        problem = Problem(error.code, error.message)
    except Exception:
        # One file that nobody foresaw must not keep the engine from starting.
        log.exception("%s cannot be described", path)
        problem = Problem("model.file_corrupt", f"{path.name} cannot be read; download it again.")
    return ModelFile(
        name=name,
        kind=kind,
        path=path,
        sha256=digests.sha256(path),
        size_bytes=path.stat().st_size,
        title=_title(metadata, path),
        family=family,
        license=metadata.get("studio.license") or metadata.get("modelspec.license"),
        defaults=defaults,
        problem=problem,
    )


def _family(kind: ModelKind, header: SafetensorsHeader) -> tuple[str | None, ModelDefaults | None]:
    """With the variant, and with the settings that suit it where the file is a network."""
    if kind in _NETWORKS:
        family, keys = detect_network(header)
        variant = variant_of(family, keys)
        return variant, defaults_of(family, variant)
    if kind == "lora":
        return detect_lora(header), None
    check_kind(header, kind)
    return None, None


def _title(metadata: Mapping[str, str], path: Path) -> str:
    title = metadata.get("studio.title") or metadata.get("modelspec.title") or path.stem.replace("_", " ")
    return title[:_MAX_TITLE]


def _defaults(metadata: Mapping[str, str], usual: ModelDefaults) -> ModelDefaults:
    """What the file says, where it says something that this engine knows."""
    size = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", metadata.get("modelspec.resolution", ""))
    sampler, scheduler = metadata.get("studio.default_sampler", ""), metadata.get("studio.default_scheduler", "")
    return ModelDefaults(
        width=int(size[1]) if size else _number(metadata, "studio.native_size", usual.width),
        height=int(size[2]) if size else _number(metadata, "studio.native_size", usual.height),
        steps=_number(metadata, "studio.default_steps", usual.steps),
        cfg=float(metadata["studio.default_cfg"]) if _is_number(metadata, "studio.default_cfg") else usual.cfg,
        sampler=sampler if sampler in SAMPLERS else usual.sampler,
        scheduler=scheduler if scheduler in SCHEDULERS else usual.scheduler,
    )


def _is_number(metadata: Mapping[str, str], key: str) -> bool:
    return re.fullmatch(r"\d{1,3}(\.\d{1,3})?", metadata.get(key, "")) is not None


def _number(metadata: Mapping[str, str], key: str, default: int) -> int:
    text = metadata.get(key, "")
    return int(text) if re.fullmatch(r"[1-9]\d{0,3}", text) else default
