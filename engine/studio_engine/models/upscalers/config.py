"""The sizes of an upscaler, read from the names and shapes of its tensors alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.keys import PartKeys

# What trainers put before every name.
PREFIXES: Final = ("", "params_ema.", "params.", "module.", "netG.", "state_dict.")
# Real-ESRGAN folds 2×2 or 4×4 pixels into channels first, to work on a smaller picture.
_FOLDS: Final = (2, 4)


@dataclass(frozen=True)
class RrdbConfig:
    """ESRGAN's residual-in-residual dense blocks (Wang et al., 2018) and Real-ESRGAN's (2021)."""

    in_channels: int
    """After folding."""
    out_channels: int
    width: int
    growth: int
    """Channels that each convolution of a dense block adds."""
    blocks: int
    doublings: int
    """How often the picture is doubled at the end."""

    @property
    def fold(self) -> int:
        """Side of the square of pixels that becomes channels; 1 = none."""
        folds = (fold for fold in _FOLDS if self.in_channels == self.out_channels * fold**2)
        return next(folds, 1)

    @property
    def scale(self) -> int:
        return int(2**self.doublings) // self.fold


@dataclass(frozen=True)
class CompactConfig:
    """Real-ESRGAN's compact SRVGG: convolutions in a row, and a pixel shuffle at the end."""

    in_channels: int
    out_channels: int
    width: int
    layers: int
    """Convolutions between the first and the last."""
    scale: int


UpscalerConfig: TypeAlias = RrdbConfig | CompactConfig


def upscaler_keys(header: SafetensorsHeader) -> PartKeys:
    """The network's names without what stands before all of them. Raises `model.family_unknown`."""
    for prefix in PREFIXES:
        keys = PartKeys(header, prefix)
        if _is_rrdb(keys) or _is_compact(keys):
            return keys
    raise EngineError(
        "model.family_unknown",
        f"{header.path.name} is no upscaler that this engine runs; use an ESRGAN, Real-ESRGAN, BSRGAN or compact "
        "(SRVGG) model.",
    )


def read_upscaler_config(keys: PartKeys) -> UpscalerConfig:
    """Raises `model.family_unknown` for other layers, `model.untrained` for missing ones, `model.file_corrupt`."""
    config = _rrdb(keys) if _is_rrdb(keys) else _compact(keys)
    if config.in_channels < 1 or config.scale < 1 or config.out_channels not in (1, 3, 4):
        raise EngineError(
            "model.family_unknown",
            f"{keys.header.path.name} has sizes of no known upscaler ({config}); use another file.",
        )
    return config


def _is_rrdb(keys: PartKeys) -> bool:
    return any(
        name in keys
        for name in ("body.0.rdb1.conv1.weight", "RRDB_trunk.0.RDB1.conv1.weight", "model.1.sub.0.RDB1.conv1.0.weight")
    )


def _is_compact(keys: PartKeys) -> bool:
    return len(keys.find("body.0.weight") or ()) == 4 and len(keys.find("body.1.weight") or ()) == 1


def _rrdb(keys: PartKeys) -> RrdbConfig:
    if any(".conv1x1." in name for name in keys):
        raise EngineError(
            "model.family_unknown", f"{keys.header.path.name} is an ESRGAN+ model, which this engine does not run."
        )
    first, dense, last = (_conv_shape(keys, name) for name in _rrdb_names(keys))
    return RrdbConfig(
        in_channels=first[1],
        out_channels=last[0],
        width=first[0],
        growth=dense[0],
        blocks=keys.count(r"(?:body|RRDB_trunk|model\.1\.sub)\.(\d+)\.[Rr][Dd][Bb]1\."),
        doublings=count_doublings(keys),
    )


def _conv_shape(keys: PartKeys, name: str) -> tuple[int, ...]:
    shape = keys.shape(name)
    if len(shape) != 4:
        raise refuse(keys.header.path, f"{name} has the shape {list(shape)}, which no convolution has")
    return shape


def _rrdb_names(keys: PartKeys) -> tuple[str, str, str]:
    """The first convolution, the first of a dense block, and the last one."""
    if is_oldest(keys):
        return "model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight", f"model.{3 * count_doublings(keys) + 4}.weight"
    dense = "body.0.rdb1.conv1.weight" if "body.0.rdb1.conv1.weight" in keys else "RRDB_trunk.0.RDB1.conv1.weight"
    return "conv_first.weight", dense, "conv_last.weight"


def is_oldest(keys: PartKeys) -> bool:
    """Whether layers are numbered, as in ESRGAN's first release, and not named."""
    return "model.0.weight" in keys


def count_doublings(keys: PartKeys) -> int:
    if is_oldest(keys):
        # One more than the last number is 3 per doubling and 5 for the layers around.
        return (keys.count(r"model\.(\d+)\.") - 5) // 3
    return sum(bool(re.fullmatch(r"(upconv|conv_up)\d\.weight", name)) for name in keys)


def _compact(keys: PartKeys) -> CompactConfig:
    first = _conv_shape(keys, "body.0.weight")
    last = keys.count(r"body\.(\d+)\.") - 1
    shuffled = _conv_shape(keys, f"body.{last}.weight")[0]
    scale = math.isqrt(shuffled // max(1, first[1]))
    return CompactConfig(
        in_channels=first[1],
        out_channels=shuffled // max(1, scale**2),
        width=first[0],
        layers=(last - 2) // 2,
        scale=scale,
    )
