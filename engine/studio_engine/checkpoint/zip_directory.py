"""Strict reader of the uncompressed ZIP files that PyTorch writes: every byte must belong to an entry.

Such a file reads the same to everyone: no gaps to hide data in, no second directory, no entry within another
(APPNOTE.TXT 6.3.10, with the parts that PyTorch never writes refused).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAX_ENTRIES: Final = 20_000
MAX_DIRECTORY_BYTES: Final = 25_000_000
_END_BYTES, _LOCATOR_BYTES, _END64_BYTES, _ENTRY_BYTES, _LOCAL_BYTES = 22, 20, 56, 46, 30
# Sizes follow the data (bit 3), names are UTF-8 (bit 11).
_SIZES_FOLLOW: Final = 0x8
_ALLOWED_FLAGS: Final = 0x808
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DESCRIPTORS: Final[Mapping[int, str]] = {16: "<4sIII", 24: "<4sIQQ"}


class ZipFaultError(ValueError):
    """What is wrong with the file, as the rest of a sentence that begins with "it" or names a part."""


@dataclass(frozen=True)
class ZipEntry:
    name: str
    begin: int
    end: int
    crc32: int
    """0 where the writer did not compute it."""


@dataclass(frozen=True)
class _Listed:
    """An entry as the directory at the end of the file lists it."""

    name: str
    flags: int
    crc32: int
    size: int
    header: int


def read_directory(data: memoryview) -> dict[str, ZipEntry]:
    """Entries by name of a whole file. Raises `ZipFaultError`."""
    start, size, count = _end_record(data)
    listed = sorted(_listed(data[start : start + size], count), key=lambda entry: entry.header)
    if len({entry.name.casefold() for entry in listed}) != len(listed):
        raise ZipFaultError("two of its entries have one name")
    entries: dict[str, ZipEntry] = {}
    position = 0
    for number, each in enumerate(listed):
        following = listed[number + 1].header if number + 1 < len(listed) else start
        if each.header != position:
            raise ZipFaultError("its entries overlap or leave a gap")
        entries[each.name] = _placed(data, each, following)
        position = following
    if position != start:
        raise ZipFaultError("it holds bytes that belong to no entry")
    return entries


def _end_record(data: memoryview) -> tuple[int, int, int]:
    """Start and size of the directory, and how many entries it has."""
    tail = len(data) - _END_BYTES
    if tail < 0 or bytes(data[tail : tail + 4]) != b"PK\x05\x06":
        raise ZipFaultError("it is cut short or has something behind its end")
    disk, first_disk, here, count, size, start, comment = struct.unpack_from("<HHHHIIH", data, tail + 4)
    end = tail
    locator = tail - _LOCATOR_BYTES
    if locator >= _END64_BYTES and bytes(data[locator : locator + 4]) == b"PK\x06\x07":
        end, (here64, count64, size64, start64) = _end64(data, locator)
        pairs = ((here, here64, _FULL16), (count, count64, _FULL16), (size, size64, _FULL32), (start, start64, _FULL32))
        if any(short not in (long, full) for short, long, full in pairs):
            raise ZipFaultError("its two end records contradict each other")
        here, count, size, start = here64, count64, size64, start64
    if (disk, first_disk, comment) != (0, 0, 0) or here != count or count > MAX_ENTRIES:
        raise ZipFaultError("its end record is none that PyTorch writes")
    if start + size != end or size > MAX_DIRECTORY_BYTES:
        raise ZipFaultError("its directory is not where its end record says")
    return start, size, count


def _end64(data: memoryview, locator: int) -> tuple[int, tuple[int, int, int, int]]:
    disk, position, disks = struct.unpack_from("<IQI", data, locator + 4)
    if (
        disk != 0
        or disks != 1
        or position != locator - _END64_BYTES
        or bytes(data[position : position + 4]) != b"PK\x06\x06"
    ):
        raise ZipFaultError("its end record is none that PyTorch writes")
    length, _, _, number, first_disk, here, count, size, start = struct.unpack_from("<QHHIIQQQQ", data, position + 4)
    if length != _END64_BYTES - 12 or number or first_disk:
        raise ZipFaultError("its end record is none that PyTorch writes")
    return position, (here, count, size, start)


def _listed(directory: memoryview, count: int) -> Iterator[_Listed]:
    position = 0
    for _ in range(count):
        if len(directory) - position < _ENTRY_BYTES or bytes(directory[position : position + 4]) != b"PK\x01\x02":
            raise ZipFaultError("its directory is damaged")
        flags, method, crc32 = struct.unpack_from("<HH4xI", directory, position + 8)
        packed, size, name_bytes, extra_bytes, comment, disk = struct.unpack_from("<IIHHHH", directory, position + 20)
        (header,) = struct.unpack_from("<I", directory, position + 42)
        name_at = position + _ENTRY_BYTES
        extra_at, position = name_at + name_bytes, name_at + name_bytes + extra_bytes
        if position > len(directory):
            raise ZipFaultError("its directory is damaged")
        packed, size, header = _wide(bytes(directory[extra_at:position]), (size, packed, header))
        if method != 0 or packed != size:
            raise ZipFaultError("it is compressed, which PyTorch's files are not")
        if flags & ~_ALLOWED_FLAGS or comment or disk:
            raise ZipFaultError("an entry has settings that PyTorch never writes")
        yield _Listed(_name(bytes(directory[name_at:extra_at])), flags, crc32, size, header)
    if position != len(directory):
        raise ZipFaultError("its directory is damaged")


def _wide(extra: bytes, short: tuple[int, int, int]) -> tuple[int, int, int]:
    """Packed size, size and header offset, the long ones from the extra field; `short` is in that field's order."""
    values: list[int] = []
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + length]
        if kind == 1:
            values = [int.from_bytes(body[at : at + 8], "little") for at in range(0, len(body) // 8 * 8, 8)]
        position += 4 + length
    rest = iter(values)
    try:
        size, packed, header = (next(rest) if value == _FULL32 else value for value in short)
    except (StopIteration, RuntimeError, ValueError):
        raise ZipFaultError("its directory is damaged") from None
    return packed, size, header


def _name(raw: bytes) -> str:
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        name = ""
    if not name or not name.isprintable() or name.startswith("/") or ".." in name or "\\" in name:
        raise ZipFaultError("an entry has a forbidden name")
    return name


def _placed(data: memoryview, listed: _Listed, following: int) -> ZipEntry:
    """The entry with the place of its data; its local header must say what the directory says."""
    at = listed.header
    if at + _LOCAL_BYTES > following or bytes(data[at : at + 4]) != b"PK\x03\x04":
        raise ZipFaultError("an entry does not begin where its directory says")
    flags, method = struct.unpack_from("<HH", data, at + 6)
    crc32, packed, size, name_bytes, extra_bytes = struct.unpack_from("<IIIHH", data, at + 14)
    name = bytes(data[at + _LOCAL_BYTES : at + _LOCAL_BYTES + name_bytes])
    if (flags, method, name) != (listed.flags, 0, listed.name.encode("ascii")):
        raise ZipFaultError("an entry is described in two ways")
    begin = at + _LOCAL_BYTES + name_bytes + extra_bytes
    end = begin + listed.size
    if not flags & _SIZES_FOLLOW:
        if crc32 != listed.crc32 or {packed, size} - {listed.size, _FULL32} or end != following:
            raise ZipFaultError("an entry is described in two ways")
    elif not _is_described(data[end:following], listed):
        raise ZipFaultError("an entry is described in two ways")
    return ZipEntry(listed.name, begin, end, listed.crc32)


def _is_described(descriptor: memoryview, listed: _Listed) -> bool:
    layout = _DESCRIPTORS.get(len(descriptor))
    return layout is not None and struct.unpack(layout, descriptor) == (
        b"PK\x07\x08",
        listed.crc32,
        listed.size,
        listed.size,
    )
