"""Input declarations of a node: type, bounds and what the editor shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

ListFiles: TypeAlias = Callable[[str], Sequence[str] | None]
"""Names in a folder such as `checkpoints`; None = not known here, so any name may be right."""

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class InputSpec:
    type: str
    """INT, FLOAT, STRING, BOOLEAN, COMBO, or the name of a socket such as MODEL."""
    settings: Mapping[str, object]
    """Second element of ComfyUI's pair: default, min, max, step, tooltip, …"""
    is_required: bool = True
    options: tuple[str, ...] = ()
    folder: str | None = None
    """A COMBO over the files of this folder; the file's content is part of the cache key."""

    @property
    def is_widget(self) -> bool:
        """True where a constant may stand; other inputs take links only."""
        return self.type in WIDGET_TYPES

    def choices(self, list_files: ListFiles) -> Sequence[str] | None:
        """Allowed values of a COMBO; None = not known here."""
        return self.options if self.folder is None else list_files(self.folder)

    def as_comfy(self, list_files: ListFiles) -> list[object]:
        """`[TYPE | options, settings]`."""
        kind: object = list(self.choices(list_files) or ()) if self.type == "COMBO" else self.type
        return [kind, dict(self.settings)]


WIDGET_TYPES = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})


# The functions below return Any, as dataclasses.field does, so that `steps: int = integer(...)` type-checks.


def socket(type: str, *, tooltip: str = "", optional: bool = False) -> Any:
    """An input that takes a link from an output of this type."""
    return _field(InputSpec(type, _settings(tooltip=tooltip), is_required=not optional))


def integer(
    *,
    default: int,
    min: int,
    max: int,
    step: int | None = None,
    control_after_generate: bool | None = None,
    tooltip: str = "",
) -> Any:
    return _field(
        InputSpec(
            "INT",
            _settings(
                default=default,
                min=min,
                max=max,
                step=step,
                control_after_generate=control_after_generate,
                tooltip=tooltip,
            ),
        )
    )


def number(
    *, default: float, min: float, max: float, step: float, round: float | None = None, tooltip: str = ""
) -> Any:
    return _field(
        InputSpec("FLOAT", _settings(default=default, min=min, max=max, step=step, round=round, tooltip=tooltip))
    )


def text(
    *, default: str | None = None, multiline: bool | None = None, dynamic_prompts: bool | None = None, tooltip: str = ""
) -> Any:
    return _field(
        InputSpec(
            "STRING", _settings(default=default, multiline=multiline, dynamicPrompts=dynamic_prompts, tooltip=tooltip)
        )
    )


def boolean(*, default: bool, tooltip: str = "") -> Any:
    return _field(InputSpec("BOOLEAN", _settings(default=default, tooltip=tooltip)))


def combo(options: Sequence[str], *, default: str | None = None, tooltip: str = "") -> Any:
    return _field(InputSpec("COMBO", _settings(default=default, tooltip=tooltip), options=tuple(options)))


def file_combo(folder: str, *, image_upload: bool | None = None, tooltip: str = "") -> Any:
    """A choice among the files of a folder, e.g. `checkpoints`, `loras`, `input`."""
    return _field(InputSpec("COMBO", _settings(image_upload=image_upload, tooltip=tooltip), folder=folder))


def _settings(**values: object) -> dict[str, object]:
    """ComfyUI leaves out what is not set; an empty default is set, an empty tooltip is not."""
    return {name: value for name, value in values.items() if value is not None and (name, value) != ("tooltip", "")}


def _field(spec: InputSpec) -> Any:
    if spec.is_required:
        return field(metadata={"spec": spec})
    return field(default=None, metadata={"spec": spec})
