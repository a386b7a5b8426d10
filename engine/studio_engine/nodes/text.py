"""Nodes that work on texts."""

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, text
from studio_engine.graph.sockets import NodeContext
from studio_engine.patterns.child import MAX_CHARS

_MODULE = "comfy_extras.nodes_string"
_CATEGORY = "utils/string"
_TEXT = (Output("STRING", tooltip="The new text."),)


def _check_size(chars: int) -> None:
    """A few nodes in a row can double a text into more than the memory holds."""
    if chars > MAX_CHARS:
        raise EngineError("engine.node_failed", f"The text would have more than {MAX_CHARS:,} characters; shorten it.")


@node(title="Concatenate", category=_CATEGORY, module=_MODULE, outputs=_TEXT)
class StringConcatenate(Node):
    """Puts two texts one after the other."""

    string_a: str = text(multiline=True, tooltip="The text that comes first.")
    string_b: str = text(multiline=True, tooltip="The text that comes last.")
    delimiter: str = text(default="", multiline=False, tooltip="What stands between them.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        _check_size(len(self.string_a) + len(self.delimiter) + len(self.string_b))
        return (self.string_a + self.delimiter + self.string_b,)


@node(title="Substring", category=_CATEGORY, module=_MODULE, outputs=_TEXT)
class StringSubstring(Node):
    """Cuts a piece out of a text. Places below 0 count from the end."""

    string: str = text(multiline=True, tooltip="The text to cut from.")
    start: int = integer(tooltip="Place of the first character, counted from 0.")
    end: int = integer(tooltip="Place behind the last character.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        return (self.string[self.start : self.end],)


@node(title="Length", category=_CATEGORY, module=_MODULE, outputs=(Output("INT", "length", "Number of characters."),))
class StringLength(Node):
    """Counts the characters of a text."""

    string: str = text(multiline=True, tooltip="The text to measure.")

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (len(self.string),)


@node(title="Case Converter", category=_CATEGORY, module=_MODULE, outputs=_TEXT)
class CaseConverter(Node):
    """Turns letters into capitals or small ones."""

    string: str = text(multiline=True, tooltip="The text to change.")
    mode: str = combo(("UPPERCASE", "lowercase", "Capitalize", "Title Case"), tooltip="Which letters become capitals.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        change = {"UPPERCASE": str.upper, "lowercase": str.lower, "Capitalize": str.capitalize, "Title Case": str.title}
        return (change[self.mode](self.string),)


@node(title="Trim", category=_CATEGORY, module=_MODULE, outputs=_TEXT)
class StringTrim(Node):
    """Takes blanks and line ends off the sides of a text."""

    string: str = text(multiline=True, tooltip="The text to trim.")
    mode: str = combo(("Both", "Left", "Right"), tooltip="The side to trim.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        trim = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}
        return (trim[self.mode](self.string),)


@node(title="Replace", category=_CATEGORY, module=_MODULE, outputs=_TEXT)
class StringReplace(Node):
    """Puts one text in place of another, wherever that stands."""

    string: str = text(multiline=True, tooltip="The text to change.")
    find: str = text(multiline=True, tooltip="What to look for.")
    replace: str = text(multiline=True, tooltip="What to put in its place.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        _check_size(len(self.string) + self.string.count(self.find) * (len(self.replace) - len(self.find)))
        return (self.string.replace(self.find, self.replace),)


@node(
    title="Contains",
    category=_CATEGORY,
    module=_MODULE,
    outputs=(Output("BOOLEAN", "contains", "Whether it was found."),),
)
class StringContains(Node):
    """Tells whether a text stands in another."""

    string: str = text(multiline=True, tooltip="The text to search.")
    substring: str = text(multiline=True, tooltip="What to look for.")
    case_sensitive: bool = boolean(default=True, tooltip="Whether capitals and small letters differ.")

    def run(self, ctx: NodeContext) -> tuple[bool]:
        if self.case_sensitive:
            return (self.substring in self.string,)
        return (self.substring.lower() in self.string.lower(),)


@node(title="Compare", category=_CATEGORY, module=_MODULE, outputs=(Output("BOOLEAN", tooltip="Whether it holds."),))
class StringCompare(Node):
    """Compares two texts."""

    string_a: str = text(multiline=True, tooltip="The text to compare.")
    string_b: str = text(multiline=True, tooltip="The text to compare it with.")
    mode: str = combo(("Starts With", "Ends With", "Equal"), tooltip="What to ask about the first text.")
    case_sensitive: bool = boolean(default=True, tooltip="Whether capitals and small letters differ.")

    def run(self, ctx: NodeContext) -> tuple[bool]:
        a, b = self.string_a, self.string_b
        if not self.case_sensitive:
            a, b = a.lower(), b.lower()
        return ({"Starts With": a.startswith(b), "Ends With": a.endswith(b), "Equal": a == b}[self.mode],)
