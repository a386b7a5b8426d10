"""Nodes over whole numbers that use lists, lazy inputs, blockers and made graphs."""

import threading

from studio_engine.graph.node import (
    Blocked,
    Expanded,
    Node,
    NodeContext,
    Output,
    Result,
    by_name,
    file_combo,
    hidden,
    integer,
    node,
    registry_of,
    socket,
    text,
)

NUM = (Output("NUM,INT"),)


@node(title="Number", category="test", outputs=NUM)
class Number(Node):
    """A constant."""

    amount: int = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.amount,)


@node(title="Many", category="test", outputs=(Output("NUM,INT", is_list=True),))
class Many(Node):
    """The numbers from 0."""

    count: int = integer(default=1, min=0, max=10)

    def run(self, ctx: NodeContext) -> tuple[list[int]]:
        return (list(range(self.count)),)


@node(title="Plus", category="test", outputs=NUM)
class Plus(Node):
    """A sum of two."""

    a: int = socket("NUM")
    b: int = socket("NUM")

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.a + self.b,)


@node(title="Total", category="test", outputs=NUM, takes_lists=True)
class Total(Node):
    """The sum of a whole list, and its length times `weight`."""

    values: list[int] = socket("NUM")
    weight: list[int] = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        (weight,) = self.weight
        return (sum(self.values) + weight * len(self.values),)


@node(title="Choose", category="test", outputs=NUM)
class Choose(Node):
    """One of two; the other is not computed."""

    odd: int = socket("NUM", lazy=True)
    even: int = socket("NUM", lazy=True)
    which: int = socket("NUM")

    def wanted(self) -> list[str]:
        name = "odd" if self.which % 2 else "even"
        return [] if getattr(self, name) is not None else [name]

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.odd if self.which % 2 else self.even,)


@node(title="First", category="test", outputs=NUM)
class First(Node):
    """The first of three that is not zero; each is asked for when the one before was zero."""

    a: int = socket("NUM", lazy=True)
    b: int = socket("NUM", lazy=True, optional=True)
    c: int = socket("NUM", lazy=True, optional=True)

    def wanted(self) -> list[str]:
        for name in ("a", "b", "c"):
            value = getattr(self, name)
            if value is None:
                return [name]
            if value:
                return []
        return []

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.a or self.b or self.c or 0,)


@node(title="Stop", category="test", outputs=NUM)
class Stop(Node):
    """Blocks multiples of `every`."""

    value: int = socket("NUM")
    every: int = integer(default=1, min=1)
    message: str = text(default="")

    def run(self, ctx: NodeContext) -> tuple[int | Blocked]:
        return (self.value if self.value % self.every else Blocked(self.message or None),)


@node(title="Fail", category="test", outputs=NUM)
class Fail(Node):
    """Fails at one number."""

    value: int = socket("NUM")
    at: int = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        if self.value == self.at:
            raise ValueError("not this number")
        return (self.value,)


@node(title="Twice", category="test", outputs=(Output("NUM"), Output("NUM")))
class Twice(Node):
    """A graph that doubles, and the value as it came."""

    value: int = socket("NUM")

    def run(self, ctx: NodeContext) -> Expanded:
        graph = {
            "sum": {"class_type": "Plus", "inputs": {"a": self.value, "b": ["same", 0]}},
            "same": {"class_type": "Number", "inputs": {"amount": self.value}},
        }
        return Expanded(graph, (["sum", 0], self.value))


@node(title="Countdown", category="test", outputs=NUM)
class Countdown(Node):
    """Sums the numbers down to 0 by making a graph that holds itself."""

    value: int = socket("NUM")

    def run(self, ctx: NodeContext) -> tuple[int] | Expanded:
        if self.value <= 0:
            return (0,)
        graph = {
            "less": {"class_type": "Number", "inputs": {"amount": self.value - 1}},
            "rest": {"class_type": "Countdown", "inputs": {"value": ["less", 0]}},
            "sum": {"class_type": "Plus", "inputs": {"a": self.value, "b": ["rest", 0]}},
        }
        return Expanded(graph, (["sum", 0],))


@node(title="Make", category="test", outputs=NUM)
class Make(Node):
    """A graph of one node, as the test wants it."""

    value: int = socket("NUM", optional=True)
    kind: str = text(default="Plus")
    a: str = text(default="")
    slot: int = integer(default=0)
    local_id: str = text(default="made")
    own_id: str = hidden("UNIQUE_ID")

    def run(self, ctx: NodeContext) -> Expanded:
        link = self.a.replace("{own}", self.own_id)
        inputs = {} if not link else {"a": [link, self.slot], "b": 1, "value": [link, 0]}
        return Expanded({self.local_id: {"class_type": self.kind, "inputs": inputs}}, ([self.local_id, 0],))


@node(title="Pass", category="test", outputs=NUM)
class Pass(Node):
    """The value, which an output node in a made graph shows."""

    value: int = socket("NUM")

    def run(self, ctx: NodeContext) -> Expanded:
        return Expanded({"tell": {"class_type": "Tell", "inputs": {"value": self.value}}}, (self.value,))


@node(title="Label", category="test", outputs=NUM, is_idempotent=False)
class Label(Node):
    """Runs for each node, though the inputs are the same."""

    value: int = socket("NUM")

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.value,)


@node(title="Who", category="test", outputs=(Output("NUM"), Output("STRING")))
class Who(Node):
    """Its id, and how many nodes the prompt had and has."""

    own_id: str = hidden("UNIQUE_ID")
    prompt: object = hidden("PROMPT")
    dynamic: object = hidden("DYNPROMPT")
    after: int = socket("NUM", optional=True)

    def run(self, ctx: NodeContext) -> tuple[int, str]:
        return len(self.dynamic) - len(self.prompt), self.own_id


@node(title="Peek", category="test", outputs=(Output("STRING"),))
class Peek(Node):
    """The class of the node that it reads from, by its link."""

    link: list[object] = socket("NUM", rawLink=True)
    prompt: object = hidden("DYNPROMPT")

    def run(self, ctx: NodeContext) -> tuple[str]:
        node_id, slot = self.link
        return (f"{self.prompt[node_id]['class_type']} {slot}",)


@node(title="Today", category="test", outputs=NUM)
class Today(Node):
    """Runs when its fingerprint changes; a fingerprint of -1 cannot be taken."""

    value: int = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.value,)

    @classmethod
    def fingerprint(cls, inputs: dict[str, object]) -> str:
        if inputs["value"] == -1:
            raise OSError("no such file")
        return FINGERPRINTS.get(inputs["value"], "")


FINGERPRINTS: dict[object, str] = {}


@node(title="Weights", category="test", outputs=NUM)
class Weights(Node):
    """A sum of inputs whose names are no names in Python."""

    blocks: dict[str, int] = by_name(("in.0.", "in.1."), integer(default=1, min=0, max=9))

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.blocks["in.0."] * 10 + self.blocks["in.1."],)


@node(title="Picky", category="test", outputs=NUM, checks=("amount",))
class Picky(Node):
    """Refuses numbers in its own words; its bounds are for the editor alone."""

    amount: int = integer(default=0, min=0, max=1)
    other: int = integer(default=0, min=0, max=1)

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (self.amount,)

    @classmethod
    def check(cls, inputs: dict[str, object]) -> str | None:
        if inputs["amount"] == 13:
            return "13 brings bad luck; choose 12."
        if inputs["amount"] == 99:
            raise ZeroDivisionError("by the check")
        return None


@node(title="Named", category="test", outputs=NUM)
class Named(Node):
    """The length of a file's name."""

    file: str = file_combo("things")

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (len(self.file),)


@node(title="Text", category="test", outputs=(Output("STRING"),))
class Text(Node):
    """A text."""

    text: str = text(default="")

    def run(self, ctx: NodeContext) -> tuple[str]:
        return (self.text,)


@node(title="Meet", category="test", outputs=NUM)
class Meet(Node):
    """Ends when `parties` of its kind run at the same time."""

    parties: int = integer(default=1, min=1)
    number: int = integer(default=0)

    def run(self, ctx: NodeContext) -> tuple[int]:
        barrier = BARRIERS.setdefault(self.parties, threading.Barrier(self.parties))
        barrier.wait(timeout=20)
        return (self.number,)


BARRIERS: dict[int, threading.Barrier] = {}


@node(title="Tell", category="test", is_output=True)
class Tell(Node):
    """Shows a value of any type."""

    value: object = socket("*")

    def run(self, ctx: NodeContext) -> Result:
        return Result((), {"text": [self.value]})


FLOW = registry_of(
    (
        Number,
        Many,
        Plus,
        Total,
        Choose,
        First,
        Stop,
        Fail,
        Twice,
        Countdown,
        Make,
        Pass,
        Label,
        Who,
        Peek,
        Today,
        Weights,
        Picky,
        Named,
        Text,
        Meet,
        Tell,
    )
)


def num(class_type: str, **inputs: object) -> dict[str, object]:
    """A node as the editor sends it: widgets that are not given have their defaults."""
    specs = FLOW[class_type].spec.inputs
    defaults = {name: spec.settings["default"] for name, spec in specs.items() if "default" in spec.settings}
    return {"class_type": class_type, "inputs": defaults | inputs}
