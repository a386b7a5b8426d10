"""Runs a plan: the one part of `graph` that has effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from studio_engine.errors import EngineError
from studio_engine.graph.cache import Outputs, ResultCache
from studio_engine.graph.measure import is_finite
from studio_engine.graph.plan import Step, needed
from studio_engine.graph.result import Result
from studio_engine.graph.sockets import NodeContext

NodeEvent: TypeAlias = Literal["running", "finished"]
OnNode: TypeAlias = Callable[[Step, NodeEvent], None]

Explain: TypeAlias = Callable[[Exception], EngineError | None]
"""The coded error behind an exception, e.g. for a failed allocation; None = unknown."""


def execute(steps: Sequence[Step], ctx: NodeContext, cache: ResultCache, *, on_node: OnNode, explain: Explain) -> None:
    """Run what the cache does not know, and every output node. Raises `EngineError`, naming the node."""
    results = {step.key: found for step in steps if (found := cache.get(step.key)) is not None}
    todo = needed(steps, results)
    readers = Counter(key for step in todo for key in step.source_keys)
    for step in todo:
        ctx.check_cancelled()
        if step.is_output or step.key not in results:
            on_node(step, "running")
            results[step.key] = _run(step, results, ctx, explain)
            if not step.is_output:
                cache.put(step.key, results[step.key])
            on_node(step, "finished")
        # A result that no later step reads must not hold memory until the end.
        for key in step.source_keys:
            readers[key] -= 1
            if readers[key] == 0:
                del results[key]


def _run(step: Step, results: dict[str, Outputs], ctx: NodeContext, explain: Explain) -> Outputs:
    linked = {name: results[key][slot] for name, (key, slot) in step.sources.items()}
    spec = step.node_class.spec
    try:
        outputs = step.node_class(**step.constants, **linked).run(ctx)
    except EngineError as error:
        raise error.at_node(step.node_id, spec.name) from error
    except Exception as error:
        coded = explain(error) or _node_failed(step, error)
        raise coded.at_node(step.node_id, spec.name) from error
    if isinstance(outputs, Result):
        outputs = outputs.outputs
    if not isinstance(outputs, tuple):
        raise EngineError("engine.internal", node_id=step.node_id, node_class=spec.name)
    if len(outputs) != len(spec.outputs):
        message = f"{spec.name} gave {len(outputs)} outputs instead of {len(spec.outputs)}; its code is wrong."
        raise EngineError("engine.internal", message, node_id=step.node_id, node_class=spec.name)
    if not is_finite(outputs):
        raise EngineError("engine.non_finite", node_id=step.node_id, node_class=spec.name)
    return outputs


def _node_failed(step: Step, error: Exception) -> EngineError:
    name = step.node_class.spec.name
    reason = f"{type(error).__name__}: {error}"[:500]
    return EngineError(
        "engine.node_failed",
        f"Node {step.node_id} ({name}) failed; check its inputs. {reason}",
        details={"nodeId": step.node_id, "classType": name, "reason": reason},
    )
