"""Input declarations of a node: type, bounds and what the editor shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ListFiles: TypeAlias = Callable[[str], Sequence[str] | None]
"""Names in a folder such as `checkpoints`; None = not known here, so any name may be right."""

HiddenKind: TypeAlias = Literal["UNIQUE_ID", "PROMPT", "EXTRA_PNGINFO", "DYNPROMPT"]

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class InputSpec:
    type: str
    """INT, FLOAT, STRING, BOOLEAN, COMBO, or the name of a socket such as MODEL; "A,B" takes either, "*" anything."""
    settings: Mapping[str, object]
    """Second element of ComfyUI's pair: default, min, max, step, tooltip, …"""
    is_required: bool = True
    options: tuple[str, ...] = ()
    """Choices of a COMBO; with a folder, those offered besides its files."""
    folder: str | None = None
    """A COMBO over the files of this folder; the file's content is part of the cache key."""
    is_named: bool = False
    """A COMBO that is listed with its name as the type although its module lists choices there."""

    @property
    def is_widget(self) -> bool:
        """True where a constant may stand; other inputs take links only."""
        return self.type in WIDGET_TYPES and not self.settings.get("forceInput", False)

    @property
    def is_lazy(self) -> bool:
        """Computed only when the node's `wanted` asks for it."""
        return bool(self.settings.get("lazy", False))

    def choices(self, list_files: ListFiles) -> Sequence[str] | None:
        """Allowed values of a COMBO; None = not known here."""
        if self.folder is None:
            return self.options
        files = list_files(self.folder)
        return None if files is None else (*files, *self.options)

    def as_comfy(self, list_files: ListFiles, *, are_combos_named: bool = False) -> list[object]:
        """`[TYPE, settings]`; choices stand in place of the type, or in the settings where combos are named."""
        if self.type != "COMBO" or "remote" in self.settings:
            return [self.type, dict(self.settings)]
        options = list(self.choices(list_files) or ())
        if are_combos_named:
            return ["COMBO", {"multiselect": False, **self.settings, "options": options}]
        if self.is_named:
            return ["COMBO", {**self.settings, "options": options}]
        return [options, dict(self.settings)]


WIDGET_TYPES = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"})


# The functions below return Any, as dataclasses.field does, so that `steps: int = integer(...)` type-checks.
# Further keywords are ComfyUI's other settings, by its names: lazy, display, forceInput, advanced, …


def socket(type: str, *, tooltip: str = "", optional: bool = False, **settings: object) -> Any:
    """An input that takes a link from an output of this type."""
    return _field(InputSpec(type, _settings(tooltip=tooltip, **settings), is_required=not optional))


def integer(
    *,
    default: int | None = None,
    min: int | None = None,
    max: int | None = None,
    tooltip: str = "",
    optional: bool = False,
    **settings: object,
) -> Any:
    values = _settings(default=default, min=min, max=max, tooltip=tooltip, **settings)
    return _field(InputSpec("INT", values, is_required=not optional))


def number(
    *,
    default: float | None = None,
    min: float | None = None,
    max: float | None = None,
    tooltip: str = "",
    optional: bool = False,
    **settings: object,
) -> Any:
    values = _settings(default=default, min=min, max=max, tooltip=tooltip, **settings)
    return _field(InputSpec("FLOAT", values, is_required=not optional))


def text(
    *,
    default: str | None = None,
    multiline: bool | None = None,
    dynamic_prompts: bool | None = None,
    tooltip: str = "",
    optional: bool = False,
    **settings: object,
) -> Any:
    values = _settings(
        default=default, multiline=multiline, dynamicPrompts=dynamic_prompts, tooltip=tooltip, **settings
    )
    return _field(InputSpec("STRING", values, is_required=not optional))


def boolean(*, default: bool | None = None, tooltip: str = "", optional: bool = False, **settings: object) -> Any:
    return _field(InputSpec("BOOLEAN", _settings(default=default, tooltip=tooltip, **settings), not optional))


def combo(
    options: Sequence[str],
    *,
    default: str | None = None,
    tooltip: str = "",
    optional: bool = False,
    named: bool = False,
    **settings: object,
) -> Any:
    """`named`: see `InputSpec.is_named`; needed where ComfyUI's declaration has "COMBO" without `multiselect`."""
    values = _settings(default=default, tooltip=tooltip, **settings)
    spec = InputSpec("COMBO", values, is_required=not optional, options=tuple(options), is_named=named)
    return _field(spec)


def file_combo(
    folder: str, *, also: Sequence[str] = (), tooltip: str = "", optional: bool = False, **settings: object
) -> Any:
    """A choice among the files of a folder, e.g. `checkpoints`, `loras`, `input`; `also` is offered after them."""
    values = _settings(tooltip=tooltip, **settings)
    return _field(InputSpec("COMBO", values, is_required=not optional, options=tuple(also), folder=folder))


def by_name(names: Iterable[str], declaration: Any) -> Any:
    """Several inputs declared alike, e.g. one weight for each block; the node sees one mapping from name to value.

    For names that are no Python names, such as `input_blocks.0.`.
    """
    return field(metadata={"specs": dict.fromkeys(names, declaration.metadata["spec"])})


def hidden(kind: HiddenKind) -> Any:
    """What no link or widget gives: the node's id, the whole prompt, or what the client sent along with it."""
    return field(default=None, metadata={"hidden": kind})


def _settings(**values: object) -> dict[str, object]:
    """ComfyUI leaves out what is not set; an empty default is set, an empty tooltip is not."""
    return {name: value for name, value in values.items() if value is not None and (name, value) != ("tooltip", "")}


def _field(spec: InputSpec) -> Any:
    if spec.is_required:
        return field(metadata={"spec": spec})
    return field(default=spec.settings.get("default"), metadata={"spec": spec})
