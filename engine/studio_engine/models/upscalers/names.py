"""Names of an upscaler's tensors: from our modules to the three layouts of published files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from studio_engine.models.keys import PartKeys
from studio_engine.models.upscalers.config import count_doublings, is_oldest

_BSRGAN: Final[Mapping[str, str]] = {"conv_body": "trunk_conv", "conv_hr": "HRconv"}


def stored_names(keys: PartKeys) -> Callable[[str], str]:
    """A function from a parameter of the module to its name in the file, without prefix."""
    if is_oldest(keys):
        doublings, blocks = count_doublings(keys), keys.count(r"model\.1\.sub\.(\d+)\.RDB1\.")
        return lambda name: _numbered(name, doublings, blocks)
    if "trunk_conv.weight" in keys:
        return _bsrgan
    return lambda name: re.sub(r"^conv_up\.(\d+)", lambda match: f"conv_up{int(match[1]) + 1}", name)


def _bsrgan(name: str) -> str:
    """`body.0.rdb1.conv1.weight` -> `RRDB_trunk.0.RDB1.conv1.weight`."""
    if match := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.(.+)", name):
        return f"RRDB_trunk.{match[1]}.RDB{match[2]}.{match[3]}"
    if match := re.fullmatch(r"conv_up\.(\d+)\.(.+)", name):
        return f"upconv{int(match[1]) + 1}.{match[2]}"
    layer, _, ending = name.partition(".")
    return f"{_BSRGAN.get(layer, layer)}.{ending}"


def _numbered(name: str, doublings: int, blocks: int) -> str:
    """`body.0.rdb1.conv1.weight` -> `model.1.sub.0.RDB1.conv1.0.weight`."""
    if match := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.(conv\d)\.(.+)", name):
        return f"model.1.sub.{match[1]}.RDB{match[2]}.{match[3]}.0.{match[4]}"
    if match := re.fullmatch(r"conv_up\.(\d+)\.(.+)", name):
        return f"model.{3 * (int(match[1]) + 1)}.{match[2]}"
    layer, _, ending = name.partition(".")
    numbers = {
        "conv_first": "0",
        "conv_body": f"1.sub.{blocks}",
        "conv_hr": str(3 * doublings + 2),
        "conv_last": str(3 * doublings + 4),
    }
    return f"model.{numbers[layer]}.{ending}"
