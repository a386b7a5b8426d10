"""Nodes that search texts with patterns."""

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, text
from studio_engine.graph.sockets import NodeContext
from studio_engine.patterns.run import BadPatternError, run_pattern

_MODULE = "comfy_extras.nodes_string"
_CATEGORY = "utils/string"
_STRING = "The text to search."
_PATTERN = "A regular expression as Python reads it."
_CASE = "Whether capitals and small letters are the same."
_MULTILINE = "Whether ^ and $ also stand for the begin and end of each line."
_DOTALL = "Whether . also stands for a line end."


@node(
    title="Regex Match", category=_CATEGORY, module=_MODULE, outputs=(Output("BOOLEAN", "matches", "Whether it fits."),)
)
class RegexMatch(Node):
    """Tells whether a pattern fits anywhere in a text. What is no pattern fits nowhere."""

    string: str = text(multiline=True, tooltip=_STRING)
    regex_pattern: str = text(multiline=True, tooltip=_PATTERN)
    case_insensitive: bool = boolean(default=True, tooltip=_CASE)
    multiline: bool = boolean(default=False, tooltip=_MULTILINE)
    dotall: bool = boolean(default=False, tooltip=_DOTALL)

    def run(self, ctx: NodeContext) -> tuple[bool]:
        try:
            return (bool(run_pattern("match", self.regex_pattern, self.string, **_flags(self))),)
        except BadPatternError:
            return (False,)


@node(title="Regex Extract", category=_CATEGORY, module=_MODULE, outputs=(Output("STRING", tooltip="What was found."),))
class RegexExtract(Node):
    """Takes out of a text what fits a pattern, one find on each line. What is no pattern finds nothing."""

    string: str = text(multiline=True, tooltip=_STRING)
    regex_pattern: str = text(multiline=True, tooltip=_PATTERN)
    mode: str = combo(
        ("First Match", "All Matches", "First Group", "All Groups"),
        tooltip="Only the first find or all of them; all that fits, or one group of the pattern.",
    )
    case_insensitive: bool = boolean(default=True, tooltip=_CASE)
    multiline: bool = boolean(default=False, tooltip=_MULTILINE)
    dotall: bool = boolean(default=False, tooltip=_DOTALL)
    group_index: int = integer(default=1, min=0, max=100, tooltip="The group to take, where groups are asked for.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        settings = {"mode": self.mode, "group": self.group_index, **_flags(self)}
        try:
            return (str(run_pattern("extract", self.regex_pattern, self.string, **settings)),)
        except BadPatternError:
            return ("",)


@node(title="Regex Replace", category=_CATEGORY, module=_MODULE, outputs=(Output("STRING", tooltip="The new text."),))
class RegexReplace(Node):
    """Puts a text in place of whatever fits a pattern. `\\1` stands for what the first group found."""

    string: str = text(multiline=True, tooltip="The text to change.")
    regex_pattern: str = text(multiline=True, tooltip=_PATTERN)
    replace: str = text(multiline=True, tooltip="What to put in its place.")
    case_insensitive: bool = boolean(default=True, optional=True, tooltip=_CASE)
    multiline: bool = boolean(default=False, optional=True, tooltip=_MULTILINE)
    dotall: bool = boolean(default=False, optional=True, tooltip=_DOTALL)
    count: int = integer(default=0, min=0, max=100, optional=True, tooltip="Finds to replace at most; 0 replaces all.")

    def run(self, ctx: NodeContext) -> tuple[str]:
        settings = {"replace": self.replace, "count": self.count, **_flags(self)}
        try:
            return (str(run_pattern("replace", self.regex_pattern, self.string, **settings)),)
        except BadPatternError as bad:
            raise EngineError("engine.node_failed", f"The pattern or its replacement is wrong: {bad}.") from None


def _flags(each: RegexMatch | RegexExtract | RegexReplace) -> dict[str, object]:
    return {"case_insensitive": each.case_insensitive, "multiline": each.multiline, "dotall": each.dotall}
