"""The process in which a pattern runs: one JSON request on stdin, one JSON answer on stdout.

It imports the standard library alone, so that it starts in some 20 ms.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping

MAX_CHARS = 10_000_000
"""Of a result."""

_FLAGS = {"case_insensitive": re.IGNORECASE, "multiline": re.MULTILINE, "dotall": re.DOTALL}


def answer(request: Mapping[str, object]) -> dict[str, object]:
    """`{"result": …}`, or `{"bad": why}` for what is no pattern."""
    flags = re.NOFLAG
    for name, flag in _FLAGS.items():
        if request[name]:
            flags |= flag
    text = str(request["text"])
    try:
        pattern = re.compile(str(request["pattern"]), flags)
        match request["operation"]:
            case "match":
                return {"result": pattern.search(text) is not None}
            case "extract":
                return {"result": extract(pattern, text, mode=str(request["mode"]), group=int(str(request["group"])))}
            case _:
                return {"result": replace(pattern, text, str(request["replace"]), count=int(str(request["count"])))}
    except (re.error, IndexError) as error:
        return {"bad": str(error)}


def extract(pattern: re.Pattern[str], text: str, *, mode: str, group: int) -> str:
    """What was found, one on each line; empty where nothing was.

    With groups, "All Matches" gives the first group of each match, as Python's findall does.
    """
    match mode:
        case "First Match":
            found = pattern.search(text)
            return found[0] if found else ""
        case "First Group":
            found = pattern.search(text)
            return (found[group] or "") if found and pattern.groups >= group else ""
        case "All Matches":
            return "\n".join(each[min(pattern.groups, 1)] or "" for each in pattern.finditer(text))
        case _:
            if pattern.groups < max(group, 1):
                return ""
            return "\n".join(each[group] or "" for each in pattern.finditer(text))


def replace(pattern: re.Pattern[str], text: str, replacement: str, *, count: int) -> str:
    """At most `count` replacements, 0 = all. Raises ValueError where the result is too long."""
    size = len(text)

    def expand(found: re.Match[str]) -> str:
        nonlocal size
        # Reading a long template takes its time, at each find again.
        new = found.expand(replacement) if "\\" in replacement else replacement
        size += len(new) - len(found[0])
        if size > MAX_CHARS:
            raise ValueError(f"the result has more than {MAX_CHARS:,} characters")
        return new

    return pattern.sub(expand, text, count)


def _limit(max_bytes: int, max_seconds: int) -> None:
    """The operating system ends what the parent could not, e.g. when the parent has died."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (max_seconds, max_seconds))


if __name__ == "__main__":
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
