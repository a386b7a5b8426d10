"""The outcome of an attempt that failed."""

from studio_engine.errors import EngineError
from studio_engine.lease.result import failed


def test_a_failure_carries_the_errors_of_all_nodes() -> None:
    errors = {"3": {"errors": [], "dependent_outputs": [], "class_type": "VAEDecode"}}
    result = failed(EngineError("graph.invalid", details={"nodeErrors": errors}), 1.0)
    assert (result.status, result.node_errors) == ("failed", errors)


def test_being_cancelled_is_no_failure() -> None:
    result = failed(EngineError("job.cancelled"), 1.0)
    assert (result.status, result.node_errors) == ("cancelled", {})
