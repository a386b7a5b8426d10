"""Runs a pattern in a process of its own.

Python's engine can take forever over a short pattern, `(a|aa)+$` is one, and cannot be interrupted meanwhile; others
fill the memory. Both would stop every job of this engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from studio_engine.errors import EngineError
from studio_engine.patterns.child import MAX_CHARS

MAX_PATTERN_CHARS: Final = 10_000
_CHILD: Final = Path(__file__).with_name("child.py")
_SECONDS: Final = 2
_BYTES: Final = 1024 * 1024 * 1024


class BadPatternError(Exception):
    """What was given is no regular expression."""


def run_pattern(operation: str, pattern: str, text: str, **settings: object) -> object:
    """The answer of `child.answer`. Raises BadPatternError, and `engine.node_failed` where a limit is met."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise EngineError("engine.node_failed", f"The pattern is longer than {MAX_PATTERN_CHARS:,} characters.")
    if len(text) > MAX_CHARS:
        raise EngineError("engine.node_failed", f"The text is longer than {MAX_CHARS:,} characters; shorten it.")
    request = json.dumps({"operation": operation, "pattern": pattern, "text": text, **settings})
    # -I and -S: nothing of the surroundings, neither paths nor packages.
    command = [sys.executable, "-I", "-S", str(_CHILD), str(_BYTES), str(_SECONDS)]
    try:
        ended = subprocess.run(command, input=request, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _limited(f"took longer than {_SECONDS} s") from None
    if ended.returncode != 0:
        reason = (ended.stderr.strip().splitlines() or ["it was ended by the system"])[-1]
        raise _limited(f"failed: {reason[:200]}")
    answer: dict[str, object] = json.loads(ended.stdout)
    if "bad" in answer:
        raise BadPatternError(answer["bad"])
    return answer["result"]


def _limited(what: str) -> EngineError:
    advice = "write it without repeats inside of repeats, or give a shorter text."
    return EngineError("engine.node_failed", f"The pattern {what}; {advice}")
