"""SHA-256 of model files, remembered on disk so that a 4 GB checkpoint is hashed once."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK_BYTES = 4 * 1024 * 1024


@dataclass
class DigestCache:
    """Keyed by (path, size, mtime): a file that changes is hashed again. A broken cache file counts as empty."""

    file: Path
    _known: dict[str, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            loaded = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(loaded, dict):
            self._known = {str(key): value for key, value in loaded.items() if isinstance(value, list)}

    def sha256(self, path: Path) -> str:
        stat = path.stat()
        key = str(path.resolve())
        known = self._known.get(key)
        if known is not None and len(known) == 3 and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        digest = sha256_of(path)
        self._known[key] = [stat.st_size, stat.st_mtime_ns, digest]
        self._save()
        return digest

    def _save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self._known), "utf-8")
        temporary.replace(self.file)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
