"""How a node is declared: a frozen class whose fields are its inputs.

    @node(title="VAE Decode", category="latent", outputs=(Output("IMAGE"),))
    class VAEDecode(Node):
        \"\"\"Turns latents into pictures.\"\"\"

        samples: Latent = socket("LATENT", tooltip="The latents to decode.")
        vae: Autoencoder = socket("VAE")

        def run(self, ctx: NodeContext) -> tuple[Tensor]:
            return (self.vae.decode(self.samples.samples),)

The class name is the `class_type` of the graph, the docstring is the help that people read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from inspect import getdoc
from typing import Any, ClassVar, TypeAlias, TypedDict, TypeVar, Unpack, dataclass_transform

from studio_engine.graph.inputs import (
    HiddenKind,
    InputSpec,
    ListFiles,
    boolean,
    by_name,
    combo,
    file_combo,
    hidden,
    integer,
    number,
    socket,
    text,
)
from studio_engine.graph.result import Blocked, Expanded, Result
from studio_engine.graph.sockets import NodeContext

__all__ = [
    "Blocked",
    "Expanded",
    "ListFiles",
    "Node",
    "NodeContext",
    "NodeSpec",
    "Output",
    "Registry",
    "Result",
    "boolean",
    "by_name",
    "combo",
    "file_combo",
    "hidden",
    "integer",
    "node",
    "number",
    "registry_of",
    "socket",
    "text",
]


@dataclass(frozen=True)
class Output:
    type: str
    name: str = ""
    tooltip: str = ""
    is_list: bool = False
    """`run` gives a list here: the nodes that read it run once for each member."""


@dataclass(frozen=True)
class NodeSpec:
    """Everything about a node class but its code."""

    name: str
    title: str
    category: str
    description: str
    inputs: Mapping[str, InputSpec]
    outputs: tuple[Output, ...]
    hidden: Mapping[str, HiddenKind] = field(default_factory=dict)
    gathered: Mapping[str, str] = field(default_factory=dict)
    """Inputs declared with `by_name`: the field that gathers them."""
    checks: frozenset[str] = frozenset()
    """Inputs that `check` judges alone: bounds and choices are not looked at."""
    module: str = "nodes"
    """ComfyUI's `python_module`."""
    is_output: bool = False
    """It has an effect, so it runs even where its result is known."""
    takes_lists: bool = False
    """`run` sees a list for every input, and runs once."""
    is_deprecated: bool = False
    is_experimental: bool = False
    is_idempotent: bool = True
    """False: two nodes with the same inputs each run for themselves."""

    @cached_property
    def folders(self) -> Mapping[str, str]:
        """The folder of each input that is a choice among files."""
        return {name: each.folder for name, each in self.inputs.items() if each.folder is not None}


class NodeFlags(TypedDict, total=False):
    """Further arguments of `node`, as in `NodeSpec`."""

    module: str
    is_output: bool
    takes_lists: bool
    is_deprecated: bool
    is_experimental: bool
    is_idempotent: bool


class Node(ABC):
    """One step of a graph. `run` moves no devices, opens no files and knows no server."""

    spec: ClassVar[NodeSpec]

    @abstractmethod
    def run(self, ctx: NodeContext) -> tuple[object, ...] | Result | Expanded:
        """One value per declared output; any of them may be `Blocked`. What came in must not be changed."""

    def wanted(self) -> Collection[str]:
        """Lazy inputs that `run` needs and that are still None; asked again once they are there."""
        return ()

    @classmethod
    def fingerprint(cls, inputs: Mapping[str, object]) -> str:
        """ComfyUI's IS_CHANGED: another text means that the node must run again. `inputs` holds constants only.

        When it fails, the node runs each time.
        """
        return ""

    @classmethod
    def check(cls, inputs: Mapping[str, object]) -> str | None:
        """ComfyUI's VALIDATE_INPUTS: why these constants cannot be used, in a sentence. Linked inputs are absent."""
        return None


NodeT = TypeVar("NodeT", bound=Node)
Registry: TypeAlias = Mapping[str, type[Node]]


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(socket, integer, number, text, boolean, combo, file_combo, by_name, hidden),
)
def node(
    *,
    title: str,
    category: str,
    outputs: tuple[Output, ...] = (),
    name: str = "",
    checks: Collection[str] = (),
    **flags: Unpack[NodeFlags],
) -> Callable[[type[NodeT]], type[NodeT]]:
    """Declare a node. `name` is needed only where the class cannot be called as the node is."""

    def declare(cls: type[NodeT]) -> type[NodeT]:
        frozen = dataclass(frozen=True, kw_only=True, eq=False)(cls)
        frozen.spec = NodeSpec(
            name=name or cls.__name__,
            title=title,
            category=category,
            description=getdoc(cls) or "",
            outputs=outputs,
            checks=frozenset(checks),
            inputs=_inputs_of(frozen),
            hidden=_hidden_of(frozen),
            gathered=_gathered_of(frozen),
            **flags,
        )
        return frozen

    return declare


def _inputs_of(cls: type[Any]) -> Mapping[str, InputSpec]:
    specs: dict[str, InputSpec] = {}
    for each in fields(cls):
        if "spec" in each.metadata:
            specs[each.name] = each.metadata["spec"]
        specs.update(each.metadata.get("specs", {}))
    return specs


def _hidden_of(cls: type[Any]) -> Mapping[str, HiddenKind]:
    return {each.name: each.metadata["hidden"] for each in fields(cls) if "hidden" in each.metadata}


def _gathered_of(cls: type[Any]) -> Mapping[str, str]:
    return {name: each.name for each in fields(cls) for name in each.metadata.get("specs", ())}


def registry_of(classes: Iterable[type[Node]]) -> Registry:
    """Raises ValueError where two nodes have one name."""
    nodes: dict[str, type[Node]] = {}
    for cls in classes:
        if nodes.setdefault(cls.spec.name, cls) is not cls:
            raise ValueError(f"{cls.spec.name} is declared in {nodes[cls.spec.name].__module__} and {cls.__module__}")
    return nodes
