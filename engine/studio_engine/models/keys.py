"""The stored names of one part of a file, without the prefix that the file puts before them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError


@dataclass(frozen=True)
class PartKeys:
    header: SafetensorsHeader
    prefix: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        start = len(self.prefix)
        return frozenset(key[start:] for key in self.header.tensors if key.startswith(self.prefix))

    @cached_property
    def numbers(self) -> Counter[str]:
        """How many numbers there are of each dtype, in safetensors' spelling."""
        counts: Counter[str] = Counter()
        for name in self.names:
            entry = self.header.tensors[self.prefix + name]
            counts[entry.dtype] += math.prod(entry.shape)
        return counts

    @property
    def has_scales(self) -> bool:
        """Whether weights have scales beside them: they are multiplied out when read, which 8 bits no longer hold."""
        return any(name.endswith(("scale_weight", "weight_scale")) for name in self.names)

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.header.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def find(self, name: str) -> tuple[int, ...] | None:
        """The tensor's shape; None where there is none."""
        return self.header.shape(self.prefix + name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises `model.untrained` when the tensor is missing."""
        found = self.find(name)
        if found is None:
            raise EngineError(
                "model.untrained", f"{self.header.path.name} lacks the weights {self.prefix}{name}; download it again."
            )
        return found

    def sizes(self, name: str, dimensions: int) -> tuple[int, ...]:
        """As `shape`; raises `model.file_corrupt` where it has not so many dimensions, or an empty one."""
        found = self.shape(name)
        if len(found) != dimensions or 0 in found:
            raise refuse(self.header.path, f"{self.prefix}{name} has the impossible shape {list(found)}")
        return found

    def count(self, pattern: str) -> int:
        """One more than the highest number that `pattern`'s group takes at the start of names; 0 without any.

        Raises `model.file_corrupt` for numbers that no file with so few tensors can have.
        """
        regex = re.compile(pattern)
        count = 1 + max((int(match[1]) for name in self.names if (match := regex.match(name))), default=-1)
        if count > len(self.names):
            raise refuse(self.header.path, "its tensors are numbered with gaps")
        return count

    def number(self, key: str, default: int) -> int:
        """A whole number of the file's metadata. Raises `model.file_corrupt` for anything else."""
        text = self.header.metadata.get(key, str(default))
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            raise self._no_number(key)
        return int(text)

    def real(self, key: str, default: float) -> float:
        """A number above 0 of the file's metadata. Raises `model.file_corrupt` for anything else."""
        text = self.header.metadata.get(key, str(default))
        if not re.fullmatch(r"\d{1,6}(\.\d{1,20})?(e-?\d{1,2})?", text) or float(text) <= 0:
            raise self._no_number(key)
        return float(text)

    def _no_number(self, key: str) -> EngineError:
        return EngineError(
            "model.file_corrupt", f"{self.header.path.name} cannot be used: its metadata {key} is not a number."
        )
