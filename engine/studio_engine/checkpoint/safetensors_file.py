"""Strict reader of .safetensors files, and of PyTorch's: parses, maps, never unpickles.

Every byte of the file must be accounted for, so that a file which another program reads differently (a polyglot, a
hidden payload, a header that lies about its data) is refused before any tensor exists.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from studio_engine.checkpoint.header import TensorEntry, TorchEntry, parse_header
from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.torch_file import check_sums, read_torch_entries, read_torch_settings
from studio_engine.errors import EngineError

MAX_HEADER_BYTES = 25_000_000
_LENGTH_BYTES = 8

_TORCH_DTYPES: Mapping[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn,
    "I16": torch.int16,
    "U16": torch.uint16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "U64": torch.uint64,
}

_TORCH_STARTS = (b"PK\x03\x04", b"\x80\x02")
_KNOWN_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x80\x04", "it is a pickle, which can carry programs"),
    (b"GGUF", "it is a GGUF file"),
    (b"<", "it is a web page; the download probably failed"),
    (b"version https://git-lfs", "it is a Git LFS pointer; fetch the real file"),
)


@dataclass(frozen=True)
class SafetensorsHeader:
    """What the header of one file says; checked against the file's size, no tensor read."""

    path: Path
    size_bytes: int
    data_start: int
    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorEntry]

    def shape(self, name: str) -> tuple[int, ...] | None:
        entry = self.tensors.get(name)
        return None if entry is None else entry.shape


def read_header(path: Path) -> SafetensorsHeader:
    """Read and check the header only: at most 25 MB are read, whatever the size of the file (64 MB of PyTorch's).

    PyTorch's own files give the same; see `torch_file`.
    Raises EngineError `model.file_missing` or `model.file_corrupt`; the sentence names the fault.
    """
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, 2)
            file.seek(0)
            start = file.read(32)
            if start.startswith(_TORCH_STARTS):
                return SafetensorsHeader(path, size_bytes, 0, read_torch_settings(path), read_torch_entries(path))
            header_bytes = _header_length(path, start, size_bytes)
            file.seek(_LENGTH_BYTES)
            raw = file.read(header_bytes)
    except OSError as cause:
        raise EngineError("model.file_missing", f"{path.name} cannot be read: {cause.strerror}.") from cause
    if len(raw) != header_bytes:
        raise refuse(path, "the header is cut short")
    metadata, tensors = parse_header(path, raw)
    data_start = _LENGTH_BYTES + header_bytes
    _check_spans(path, tensors, size_bytes - data_start)
    return SafetensorsHeader(path, size_bytes, data_start, metadata, tensors)


def read_tensors(header: SafetensorsHeader) -> dict[str, torch.Tensor]:
    """Map every tensor of the file copy-on-write: bytes are read from disk when a tensor is first used.

    The mapping lives as long as any tensor does. Copy what must outlive the file: a file that is cut short while it
    is mapped ends the process (SIGBUS).
    """
    if not header.tensors:
        return {}
    if any(isinstance(entry, TorchEntry) for entry in header.tensors.values()):
        check_sums(header.path)
    with header.path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if len(mapped) != header.size_bytes:
        raise refuse(header.path, "its size changed while it was read")
    return {name: _tensor(mapped, header.data_start, entry) for name, entry in header.tensors.items()}


def _tensor(mapped: mmap.mmap, data_start: int, entry: TensorEntry) -> torch.Tensor:
    dtype = _TORCH_DTYPES[entry.dtype]
    if math.prod(entry.shape) == 0:
        return torch.empty(entry.shape, dtype=dtype)
    numbers = _numbers(mapped, offset=data_start + entry.begin, size_bytes=entry.end - entry.begin, dtype=dtype)
    if isinstance(entry, TorchEntry):
        return numbers.as_strided(entry.shape, entry.strides, entry.first)
    return numbers.reshape(entry.shape)


def _numbers(mapped: mmap.mmap, *, offset: int, size_bytes: int, dtype: torch.dtype) -> torch.Tensor:
    count = size_bytes // dtype.itemsize
    if offset % dtype.itemsize == 0:
        return torch.frombuffer(mapped, dtype=dtype, count=count, offset=offset)
    # Headers of odd length leave the data unaligned; torch refuses such views, so copy.
    return torch.frombuffer(bytearray(mapped[offset : offset + size_bytes]), dtype=dtype, count=count)


def _header_length(path: Path, start: bytes, size_bytes: int) -> int:
    for magic, fault in _KNOWN_STARTS:
        if start.startswith(magic):
            raise refuse(path, fault)
    if size_bytes < _LENGTH_BYTES + 2:
        raise refuse(path, "it is too short to hold a header")
    (length,) = struct.unpack_from("<Q", start)
    if length > MAX_HEADER_BYTES:
        raise refuse(path, "it does not begin with a safetensors header")
    if length < 2 or start[_LENGTH_BYTES : _LENGTH_BYTES + 1] != b"{":
        raise refuse(path, "it does not begin with a safetensors header")
    if length > size_bytes - _LENGTH_BYTES:
        raise refuse(path, "the file ends inside its header")
    return int(length)


def _check_spans(path: Path, tensors: Mapping[str, TensorEntry], data_bytes: int) -> None:
    position = 0
    for entry in sorted(tensors.values(), key=lambda item: (item.begin, item.end)):
        if entry.end > data_bytes:
            raise refuse(path, "the file ends before the data that its header announces")
        if entry.begin != position:
            raise refuse(path, "its tensors overlap or leave a gap")
        position = entry.end
    if position != data_bytes:
        raise refuse(path, "it holds bytes that belong to no tensor")
