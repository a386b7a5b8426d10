"""The generated models say what the schema says."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from studio_engine.lease import contract

ENGINE = Path(__file__).parents[2]


def test_the_generated_file_is_current() -> None:
    script = ENGINE / "scripts" / "generate_lease_contract.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True, cwd=ENGINE)


def test_names_on_the_wire_are_camel_case() -> None:
    raw = msgspec.json.encode(contract.ClaimRequest("eng_01jd8x7q5w3n4k6m8p9r0s2t4v", ["default"], [], 1, 0))
    assert msgspec.json.decode(raw).keys() == {"engineId", "queues", "loadedModels", "slots", "waitMs"}


def test_fields_that_a_newer_api_adds_are_ignored() -> None:
    answer = msgspec.json.decode(b'{"directive": "cancel", "reason": "asked"}', type=contract.ProgressResponse)
    assert answer.directive == "cancel"


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"directive": "dance"}', type=contract.ProgressResponse)
