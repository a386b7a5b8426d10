import os
from hashlib import sha256
from pathlib import Path

from studio_engine.checkpoint.digest import DigestCache


def test_a_file_is_hashed_once_and_again_when_it_changes(tmp_path: Path) -> None:
    model, store = tmp_path / "m.safetensors", tmp_path / "state" / "digests.json"
    model.write_bytes(b"one")
    assert DigestCache(store).sha256(model) == sha256(b"one").hexdigest()

    # Same size and time: the cache answers without reading.
    stat = model.stat()
    model.write_bytes(b"two")
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert DigestCache(store).sha256(model) == sha256(b"one").hexdigest()

    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert DigestCache(store).sha256(model) == sha256(b"two").hexdigest()


def test_a_broken_cache_file_counts_as_empty(tmp_path: Path) -> None:
    model, store = tmp_path / "m", tmp_path / "digests.json"
    model.write_bytes(b"x")
    store.write_text("{")
    assert DigestCache(store).sha256(model) == sha256(b"x").hexdigest()
