"""What a job hands out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class OutputFile:
    node_id: str
    index: int
    """Place among the outputs of its node."""
    data: bytes
    content_type: str
    width: int
    height: int
    is_kept: bool
    """False for previews, which are not kept in the gallery."""

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()
