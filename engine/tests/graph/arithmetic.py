"""Small nodes that compute with tensors, and a context that records, for tests of the graph machinery."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.node import (
    Node,
    NodeContext,
    Output,
    boolean,
    combo,
    file_combo,
    integer,
    node,
    number,
    registry_of,
    socket,
    text,
)


@node(title="Value", category="test", outputs=(Output("TENSOR", name="value"),))
class Value(Node):
    """A constant."""

    amount: float = number(default=0.0, min=-100.0, max=100.0, step=0.5)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (torch.full((1,), self.amount),)


@node(title="Add", category="test", outputs=(Output("TENSOR"), Output("OTHER")))
class Add(Node):
    """A sum, and the same under another type."""

    a: Tensor = socket("TENSOR")
    b: Tensor | None = socket("TENSOR", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        total = self.a if self.b is None else self.a + self.b
        return total, total


@node(title="Read", category="test", outputs=(Output("TENSOR"),))
class Read(Node):
    """The length of a file's name."""

    file: str = file_combo("things")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (torch.tensor([float(len(self.file))]),)


@node(title="Widgets", category="test", outputs=(Output("TENSOR"),))
class Widgets(Node):
    """One input of each kind."""

    count: int = integer(default=1, min=1, max=2**64 - 1, control_after_generate=True, tooltip="How many.")
    mode: str = combo(("fast", "slow"))
    label: str = text(default="", multiline=True)
    is_on: bool = boolean(default=True)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (torch.zeros(1),)


@node(title="Break", category="test", outputs=(Output("TENSOR"),))
class Break(Node):
    """Fails in the way that is asked for."""

    how: str = combo(("raise", "coded", "nan", "memory", "arity"))

    def run(self, ctx: NodeContext) -> tuple[object, ...]:
        match self.how:
            case "raise":
                raise ZeroDivisionError("by zero")
            case "coded":
                raise EngineError("model.file_missing")
            case "memory":
                raise MemoryError
            case "nan":
                return (torch.tensor([float("nan")]),)
            case _:
                return ()


@node(title="Show", category="test", is_output=True)
class Show(Node):
    """Hands out a value."""

    value: Tensor = socket("TENSOR")

    def run(self, ctx: NodeContext) -> tuple[()]:
        ctx.save_image(self.value, prefix="shown")
        return ()


@node(title="Trace", category="test", outputs=(Output("TENSOR"),))
class Trace(Node):
    """A copy that the context gets to see."""

    a: Tensor = socket("TENSOR")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        copy = self.a.clone()
        ctx.save_image(copy, prefix="trace")
        return (copy,)


@node(title="Mutate", category="test", outputs=(Output("TENSOR"),))
class Mutate(Node):
    """Changes its input in place, as no node may."""

    a: Tensor = socket("TENSOR")
    is_allowed: bool = boolean(default=False)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return ((self.a.clone() if self.is_allowed else self.a).add_(1),)


NODES = registry_of((Value, Add, Trace, Read, Widgets, Break, Show, Mutate))


@dataclass
class Recorder:
    """Keeps what nodes hand out; asks to stop after `cancel_after` checks."""

    shown: list[float] = field(default_factory=list)
    cancel_after: int | None = None
    checks: int = 0

    @property
    def models(self):
        raise AssertionError("no node of these tests loads models")

    def check_cancelled(self):
        self.checks += 1
        if self.cancel_after is not None and self.checks > self.cancel_after:
            raise EngineError("job.cancelled")

    def progress(self, step, steps):
        self.check_cancelled()

    def preview(self, latents, model):
        pass

    def save_image(self, images, *, prefix, is_temporary=False):
        self.shown.append(images.item())

    def input_file(self, name):
        raise EngineError("blob.not_found")


def files(folder):
    return ["a.bin", "b.bin"] if folder == "things" else None


def value(amount):
    return {"class_type": "Value", "inputs": {"amount": amount}}


def add(a, b=None):
    return {"class_type": "Add", "inputs": {"a": [a, 0]} | ({} if b is None else {"b": [b, 0]})}


def show(source):
    return {"class_type": "Show", "inputs": {"value": [source, 0]}}
