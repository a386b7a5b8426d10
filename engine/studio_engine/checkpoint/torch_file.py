"""Strict reader of PyTorch's files (.pth, .ckpt, .pt, .bin): finds the tensors without unpickling anything.

It gives what a .safetensors header gives, names, shapes and where the numbers lie, so nothing else needs to know which
kind of file it was.
"""

from __future__ import annotations

import io
import mmap
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from studio_engine.checkpoint.header import DTYPE_BYTES, MAX_TENSORS, TorchEntry
from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.symbolic_pickle import (
    MAX_PICKLE_BYTES,
    PickleFaultError,
    TensorView,
    read_pickle,
)
from studio_engine.checkpoint.zip_directory import ZipEntry, ZipFaultError, read_directory

# Where trainers keep the weights, the better ones first.
_WRAPPERS: Final = ("state_dict", "params_ema", "model_state_dict", "params")
_MAX_NESTING: Final = 4
_MAX_NODES: Final = 200_000
_MAX_NAME: Final = 512
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION: Final = 1001
_COUNT_BYTES: Final = 8
# Names of entries, after the folder that all lie in, that are neither the list of tensors nor numbers.
_SMALL_ENTRIES: Final = frozenset(
    {"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}
)
_CHUNK_BYTES: Final = 4 * 1024 * 1024


def read_torch_entries(path: Path) -> dict[str, TorchEntry]:
    """Tensors by name, nested ones with dots. Raises `model.file_corrupt` with the fault named."""
    stat = path.stat()
    return dict(_contents(path, stat.st_size, stat.st_mtime_ns)[0])


def read_torch_settings(path: Path) -> dict[str, str]:
    """Words and numbers that stand beside the tensors, as a .safetensors file has metadata."""
    stat = path.stat()
    return dict(_contents(path, stat.st_size, stat.st_mtime_ns)[1])


@lru_cache(maxsize=64)
def _contents(path: Path, size_bytes: int, changed_ns: int) -> tuple[Mapping[str, TorchEntry], Mapping[str, str]]:
    """Tensors and settings. Remembered while the file stays as it is: a checkpoint's list takes 0.2 s to read."""
    with path.open("rb") as file:
        # Not closed by hand: where a fault is raised, its traceback still holds views.
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        root, spans = _zip(data) if bytes(data[:4]) == b"PK\x03\x04" else _legacy(data)
        return dict(_entries(root, spans)), _settings(root)
    except (ZipFaultError, PickleFaultError) as fault:
        raise refuse(path, str(fault)) from fault


def check_sums(path: Path) -> None:
    """Raises `model.file_corrupt` where numbers do not match the checksum that was written with them."""
    stat = path.stat()
    _check_sums(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _check_sums(path: Path, size_bytes: int, changed_ns: int) -> None:
    spans = {(entry.begin, entry.end, entry.crc32) for entry in _contents(path, size_bytes, changed_ns)[0].values()}
    with path.open("rb") as file:
        for begin, end, crc32 in sorted(spans):
            if crc32 and _crc32_of(file, begin, end) != crc32:
                raise refuse(path, "its numbers are damaged")


def _crc32_of(file: io.BufferedReader, begin: int, end: int) -> int:
    file.seek(begin)
    crc32, left = 0, end - begin
    while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
        crc32 = zlib.crc32(chunk, crc32)
        left -= len(chunk)
    return crc32


def _zip(data: memoryview) -> tuple[Any, Mapping[str, ZipEntry]]:
    """The unread root object, and where each storage lies. Since PyTorch 1.6."""
    entries = read_directory(data)
    folders = {name.partition("/")[0] for name in entries}
    if len(folders) != 1:
        raise ZipFaultError("it is no PyTorch file")
    inside = {name.partition("/")[2]: entry for name, entry in entries.items()}
    if "data.pkl" not in inside:
        raise ZipFaultError("it is no PyTorch file")
    for name in inside:
        if name not in _SMALL_ENTRIES and name != "data.pkl" and not name.startswith("data/"):
            raise ZipFaultError(f"it holds {name[:100]}, which can be a program")
    order = inside.get("byteorder")
    if order is not None and bytes(data[order.begin : order.end]) != b"little":
        raise ZipFaultError("its numbers are in big-endian order")
    listing = inside["data.pkl"]
    if listing.end - listing.begin > MAX_PICKLE_BYTES:
        raise PickleFaultError("its list of tensors is too long")
    raw = bytes(data[listing.begin : listing.end])
    if listing.crc32 and zlib.crc32(raw) != listing.crc32:
        raise ZipFaultError("its list of tensors is damaged")
    stream = io.BytesIO(raw)
    root = read_pickle(stream).value
    if stream.tell() != len(raw):
        raise PickleFaultError("something follows its list of tensors")
    return root, {name.removeprefix("data/"): entry for name, entry in inside.items() if name.startswith("data/")}


def _legacy(data: memoryview) -> tuple[Any, Mapping[str, ZipEntry]]:
    """Before PyTorch 1.6: five pickles (magic, version, machine, root, keys), then each storage after its length."""
    stream = io.BytesIO(data[:MAX_PICKLE_BYTES])
    if read_pickle(stream).value != _LEGACY_MAGIC or read_pickle(stream).value != _LEGACY_VERSION:
        raise PickleFaultError("it is no PyTorch file")
    machine, content, keys = read_pickle(stream).value, read_pickle(stream), read_pickle(stream).value
    if type(machine) is not dict or machine.get("little_endian") is not True or type(keys) is not list:
        raise PickleFaultError("it is no PyTorch file")
    itemsizes = {key: DTYPE_BYTES[storage.dtype] for key, storage in content.storages.items()}
    spans: dict[str, ZipEntry] = {}
    position = stream.tell()
    for key in keys:
        if type(key) is not str or key not in itemsizes or key in spans or position + _COUNT_BYTES > len(data):
            raise PickleFaultError("its numbers are not where its list says")
        (count,) = struct.unpack_from("<q", data, position)
        begin = position + _COUNT_BYTES
        position = begin + count * itemsizes[key]
        if count < 0 or position > len(data):
            raise PickleFaultError("it is cut short")
        spans[key] = ZipEntry(key, begin, position, 0)
    if position != len(data):
        raise PickleFaultError("it holds bytes that belong to no tensor")
    return content.value, spans


def _walk(root: Any) -> Iterator[tuple[str, TensorView]]:
    """Every tensor in dicts, lists and tuples, under the names that lead to it."""
    waiting: list[tuple[str, Any, int]] = [("", root, 0)]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        name, value, depth = waiting.pop()
        if type(value) is TensorView:
            yield name, value
            continue
        if depth == _MAX_NESTING or type(value) not in (dict, list, tuple):
            continue
        pairs = value.items() if type(value) is dict else enumerate(value)
        inner = [
            (f"{name}.{key}" if name else str(key), each, depth + 1) for key, each in pairs if type(key) in (str, int)
        ]
        waiting += inner[::-1]
    raise PickleFaultError("its list of tensors is too long")


def _entries(root: Any, spans: Mapping[str, ZipEntry]) -> Iterator[tuple[str, TorchEntry]]:
    seen: set[str] = set()
    for name, tensor in _walk(_unwrapped(root)):
        if name in seen or len(seen) >= MAX_TENSORS or len(name) > _MAX_NAME or not name.isprintable():
            raise PickleFaultError("its tensors have impossible names")
        seen.add(name)
        storage = tensor.storage
        span = spans.get(storage.key)
        if span is None or span.end - span.begin != storage.count * DTYPE_BYTES[storage.dtype]:
            raise PickleFaultError("its numbers are not where its list says")
        yield (
            name,
            TorchEntry(storage.dtype, tensor.shape, span.begin, span.end, tensor.first, tensor.strides, span.crc32),
        )


def _settings(root: Any) -> dict[str, str]:
    pairs = root.items() if type(root) is dict else ()
    return {
        key: str(value)[:_MAX_NAME]
        for key, value in pairs
        if type(key) is str and len(key) <= _MAX_NAME and type(value) in (str, bool, int, float)
    }


def _unwrapped(root: Any) -> Any:
    """The weights alone where something else, such as an optimiser, stands beside them."""
    if type(root) is not dict:
        return root
    for wrapper in _WRAPPERS:
        inner = root.get(wrapper)
        if type(inner) is dict and any(type(value) is TensorView for value in inner.values()):
            return inner
    return root
