"""How files are refused."""

from __future__ import annotations

from pathlib import Path

from studio_engine.errors import EngineError


def refuse(path: Path, fault: str) -> EngineError:
    """The one error for a file that is not an honest .safetensors file."""
    return EngineError("model.file_corrupt", f"{path.name} cannot be used: {fault}. Download it again.")
