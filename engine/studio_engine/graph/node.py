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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from inspect import getdoc
from typing import Any, ClassVar, TypeAlias, TypeVar, dataclass_transform

from studio_engine.graph.inputs import InputSpec, ListFiles, boolean, combo, file_combo, integer, number, socket, text
from studio_engine.graph.sockets import NodeContext

__all__ = [
    "ListFiles",
    "Node",
    "NodeContext",
    "NodeSpec",
    "Output",
    "Registry",
    "boolean",
    "combo",
    "file_combo",
    "integer",
    "node",
    "number",
    "object_info",
    "registry_of",
    "socket",
    "text",
]


@dataclass(frozen=True)
class Output:
    type: str
    name: str = ""
    tooltip: str = ""


@dataclass(frozen=True)
class NodeSpec:
    """Everything about a node class but its code."""

    name: str
    title: str
    category: str
    description: str
    inputs: Mapping[str, InputSpec]
    outputs: tuple[Output, ...]
    is_output: bool
    hidden: Mapping[str, str] = field(default_factory=dict)


class Node(ABC):
    """One step of a graph. `run` moves no devices, opens no files and knows no server."""

    spec: ClassVar[NodeSpec]

    @abstractmethod
    def run(self, ctx: NodeContext) -> tuple[object, ...]:
        """One value per declared output."""


NodeT = TypeVar("NodeT", bound=Node)
Registry: TypeAlias = Mapping[str, type[Node]]


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(socket, integer, number, text, boolean, combo, file_combo),
)
def node(
    *,
    title: str,
    category: str,
    outputs: tuple[Output, ...] = (),
    is_output: bool = False,
    hidden: Mapping[str, str] | None = None,
) -> Callable[[type[NodeT]], type[NodeT]]:
    """Declare a node. Output nodes (`is_output`) have an effect: they always run, never from cache."""

    def declare(cls: type[NodeT]) -> type[NodeT]:
        frozen = dataclass(frozen=True, kw_only=True, eq=False)(cls)
        frozen.spec = NodeSpec(
            name=cls.__name__,
            title=title,
            category=category,
            description=getdoc(cls) or "",
            inputs=_inputs_of(frozen),
            outputs=outputs,
            is_output=is_output,
            hidden=hidden or {},
        )
        return frozen

    return declare


def _inputs_of(cls: type[Any]) -> Mapping[str, InputSpec]:
    return {each.name: each.metadata["spec"] for each in fields(cls)}


def registry_of(classes: Sequence[type[Node]]) -> Registry:
    return {cls.spec.name: cls for cls in classes}


def object_info(nodes: Registry, list_files: ListFiles) -> dict[str, dict[str, object]]:
    """The node catalogue in the shape of ComfyUI's `GET /object_info`."""
    return {name: _entry(cls.spec, list_files) for name, cls in nodes.items()}


def _entry(spec: NodeSpec, list_files: ListFiles) -> dict[str, object]:
    groups: dict[str, dict[str, object]] = {"required": {}}
    for name, each in spec.inputs.items():
        groups.setdefault("required" if each.is_required else "optional", {})[name] = each.as_comfy(list_files)
    if spec.hidden:
        groups["hidden"] = dict(spec.hidden)
    entry: dict[str, object] = {
        "input": groups,
        "input_order": {group: list(names) for group, names in groups.items()},
        "output": [output.type for output in spec.outputs],
        "output_is_list": [False for _ in spec.outputs],
        "output_name": [output.name or output.type for output in spec.outputs],
        "name": spec.name,
        "display_name": spec.title,
        "description": spec.description,
        "python_module": "nodes",
        "category": spec.category,
        "output_node": spec.is_output,
    }
    if any(output.tooltip for output in spec.outputs):
        entry["output_tooltips"] = [output.tooltip for output in spec.outputs]
    return entry
