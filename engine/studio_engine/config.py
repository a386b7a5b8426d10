"""Settings of the engine process: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENGINE_DIR = Path(__file__).resolve().parents[1]

_DEFAULT_API_URL = "http://127.0.0.1:8188"
_DEFAULT_CACHE_MB = 512


class ConfigError(Exception):
    """A setting is missing or wrong; the sentence names it."""


@dataclass(frozen=True)
class Config:
    api_url: str
    """STUDIO_API_URL: where the api listens."""
    token: str
    """STUDIO_ENGINE_TOKEN: the installation's engine token; required."""
    name: str
    """STUDIO_ENGINE_NAME: stable name of this process slot, e.g. local-0."""
    models_dir: Path
    """STUDIO_MODELS_DIR: the operator's models, in checkpoints/, loras/ and vae/."""
    starter_dir: Path
    """STUDIO_STARTER_DIR: the weights that ship with the engine."""
    spool_dir: Path
    """STUDIO_ENGINE_SPOOL_DIR: results that the api could not take yet, and measured facts about this machine."""
    cache_bytes: int
    """STUDIO_ENGINE_CACHE_MB: bound of the result cache."""
    models_bytes: int | None
    """STUDIO_ENGINE_MODELS_MB: bound of the models in memory; None = half of the memory."""
    memory_bytes: int | None
    """STUDIO_ENGINE_MEMORY_MB: bound of main memory for results, models and computing; None = what the machine has."""
    device_bytes: int | None
    """STUDIO_ENGINE_DEVICE_MB: the same for an accelerator's memory; larger models compute in parts."""
    slots: int | None
    """STUDIO_ENGINE_SLOTS: jobs at the same time, where that is faster; None = one per 2 GB of memory, 8 at most."""
    threads: int | None
    """STUDIO_ENGINE_THREADS: compute threads; None = one per physical core."""
    log_level: str
    """STUDIO_LOG_LEVEL: debug, info, warning or error."""


def read_config(environ: Mapping[str, str] | None = None) -> Config:
    """Raises ConfigError."""
    env = os.environ if environ is None else environ
    home = Path(env.get("STUDIO_HOME") or ENGINE_DIR.parent / ".studio")
    token = env.get("STUDIO_ENGINE_TOKEN", "")
    if not token:
        raise ConfigError("STUDIO_ENGINE_TOKEN is not set; give the engine the token of this installation.")
    return Config(
        api_url=env.get("STUDIO_API_URL", _DEFAULT_API_URL).rstrip("/"),
        token=token,
        name=env.get("STUDIO_ENGINE_NAME") or "local-0",
        models_dir=Path(env.get("STUDIO_MODELS_DIR") or home / "models"),
        starter_dir=Path(env.get("STUDIO_STARTER_DIR") or ENGINE_DIR / "starter" / "weights"),
        spool_dir=Path(env.get("STUDIO_ENGINE_SPOOL_DIR") or home / "engine"),
        cache_bytes=_megabytes(env, "STUDIO_ENGINE_CACHE_MB") or _DEFAULT_CACHE_MB * 1024 * 1024,
        models_bytes=_megabytes(env, "STUDIO_ENGINE_MODELS_MB"),
        memory_bytes=_megabytes(env, "STUDIO_ENGINE_MEMORY_MB"),
        device_bytes=_megabytes(env, "STUDIO_ENGINE_DEVICE_MB"),
        slots=_whole(env, "STUDIO_ENGINE_SLOTS"),
        threads=_whole(env, "STUDIO_ENGINE_THREADS"),
        log_level=env.get("STUDIO_LOG_LEVEL", "info").upper(),
    )


def prepare_environment(name: str, value: str) -> bool:
    """Sets a variable for the next program image; False when it is already set."""
    if os.environ.get(name) == value:
        return False
    os.environ[name] = value
    return True


def _megabytes(env: Mapping[str, str], name: str) -> int | None:
    number = _whole(env, name)
    return None if number is None else number * 1024 * 1024


def _whole(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name, "")
    if text == "":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{name} is {text!r}; set a whole number above 0.")
    return int(text)
