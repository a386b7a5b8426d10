import re
from pathlib import Path

from studio_engine.errors import DEFAULT_MESSAGES, ERROR_CODES, EngineError

CONTRACT = Path(__file__).parents[2] / "packages" / "contracts" / "src" / "errors.ts"
DEFINITION = re.compile(r"'([\w.]+)': \{\s*status: \d+,\s*audience: '\w+',\s*message:\s*'([^']*)',?\s*\}")


def test_codes_and_sentences_are_those_of_the_contract():
    contract = dict(DEFINITION.findall(CONTRACT.read_text()))
    assert {code: contract.get(code) for code in ERROR_CODES} == DEFAULT_MESSAGES


def test_the_innermost_node_is_named():
    inner = EngineError("engine.node_failed", "No.", details={"a": 1}).at_node("5", "KSampler")
    outer = inner.at_node("1", "Group")
    assert (outer.node_id, outer.node_class, outer.message, outer.details) == ("5", "KSampler", "No.", {"a": 1})
