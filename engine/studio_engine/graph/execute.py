"""Runs a plan: the one part of `graph` that has effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias

from studio_engine.errors import EngineError
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.call import Answer, ChangedInputError, call, wanted_of
from studio_engine.graph.expand import expand
from studio_engine.graph.failure import ENDS_THE_JOB, Explain, Failure, failure_at
from studio_engine.graph.inputs import HiddenKind
from studio_engine.graph.mapping import Values, merge
from studio_engine.graph.plan import Planner, Source, Step
from studio_engine.graph.result import Expanded
from studio_engine.graph.sockets import NodeContext
from studio_engine.graph.tasks import Schedule, Task

NodeEvent: TypeAlias = Literal["running", "finished"]
OnNode: TypeAlias = Callable[[Step, NodeEvent], None]
OnUi: TypeAlias = Callable[[Step, Mapping[str, Sequence[object]]], None]

MAX_EXPANDED = 20_000
"""Nodes that one run may make while it runs: a loop that never ends must not fill the memory."""


@dataclass(frozen=True)
class Surroundings:
    """What a run needs besides its steps."""

    planner: Planner
    cache: ResultCache
    context_of: Callable[[Step], NodeContext]
    explain: Explain
    on_node: OnNode = lambda step, event: None
    on_ui: OnUi = lambda step, ui: None
    prompt: Mapping[str, object] = field(default_factory=dict)
    """The graph as it was sent."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """What was sent along with it, ComfyUI's `extra_pnginfo`."""
    workers: int = 1
    """Nodes that may run at the same time."""


@dataclass(frozen=True)
class Outcome:
    failures: Mapping[str, Failure]
    """By the id of the node in the user's graph, in the order in which they failed."""
    finished_outputs: list[str]
    """Ids of the output nodes that ran."""


def execute(steps: Sequence[Step], around: Surroundings) -> Outcome:
    """Run what the cache does not know, and every output node.

    A node that fails keeps from running what reads it; everything else is finished and kept, so that the next run
    goes on from there. Raises EngineError where the job as a whole must end, e.g. because it was cancelled.
    """
    return _Run(steps, around).run()


class _Run:
    """The state of one execution; only the thread that calls `run` touches it."""

    def __init__(self, steps: Sequence[Step], around: Surroundings) -> None:
        self.around = around
        self.schedule = Schedule(steps, around.cache)
        self.known = {step.node_id: step for step in steps}
        self.static_count = len(steps)
        self.dynamic_prompt: dict[str, object] = dict(around.prompt)
        self.failures: dict[str, EngineError] = {}
        self.finished_outputs: list[str] = []

    def run(self) -> Outcome:
        is_parallel = self.around.workers > 1
        with ThreadPoolExecutor(self.around.workers, "node") if is_parallel else nullcontext() as pool:
            running: dict[Future[Answer], Task] = {}
            while self._start(running, pool) or self._break_cycle():
                self._collect(running)
        return self._outcome()

    def _start(self, running: dict[Future[Answer], Task], pool: Executor | None) -> bool:
        """Runs what is ready, here or in the pool; whether anything runs in the pool now."""
        while len(running) < self.around.workers and (task := self.schedule.next_ready()) is not None:
            if not self._prepare(task):
                continue
            work = partial(call, task.step, self._inputs(task), self.around.context_of(task.step))
            if pool is None:
                self._settle(task, work)
            else:
                running[pool.submit(work)] = task
        return bool(running)

    def _collect(self, running: dict[Future[Answer], Task]) -> None:
        """Waits for the first to end."""
        if running:
            ended = wait(running, return_when=FIRST_COMPLETED).done
            for future in sorted(ended, key=lambda each: running[each].order):
                self._settle(running.pop(future), future.result)

    def _prepare(self, task: Task) -> bool:
        """Whether the task can run now; otherwise it is settled, or waits for more."""
        try:
            if task.parts is not None:
                self._finish(task)
                return False
            if task.step.lazy_names and self._ask_for_more(task):
                return False
        except Exception as error:
            self._fail(task, error)
            return False
        self.around.context_of(task.step).check_cancelled()
        self.around.on_node(task.step, "running")
        return True

    def _ask_for_more(self, task: Task) -> bool:
        """Whether lazy inputs were asked for that are still to be computed."""
        while names := wanted_of(task.step, self._inputs(task)) & task.step.lazy_names - task.wanted:
            task.wanted |= names
            if self.schedule.wait_for(task, [task.step.sources[name].key for name in names]):
                return True
        return False

    def _settle(self, task: Task, answer_of: Callable[[], Answer]) -> None:
        try:
            answer = answer_of()
            if answer.ui:
                self.around.on_ui(task.step, answer.ui)
            if answer.block_message is not None:
                self._note(task, EngineError("engine.node_failed", answer.block_message))
                self.schedule.taint([task.step.key])
            task.parts = list(answer.parts)
            if any(isinstance(part, Expanded) for part in task.parts) and self._expand(task):
                return
            self._finish(task)
        except Exception as error:
            self._fail(task, error)

    def _expand(self, task: Task) -> bool:
        """Whether the task must wait for nodes of the graphs that it gave."""
        assert task.parts is not None
        awaited: list[str] = []
        for number, part in enumerate(task.parts):
            if not isinstance(part, Expanded):
                continue
            expansion = expand(part, task.step, self.around.planner, call=number, known=self.known)
            if len(self.known) - self.static_count + len(expansion.steps) > MAX_EXPANDED:
                raise EngineError(
                    "engine.node_failed", f"The graph grew by more than {MAX_EXPANDED:,} nodes; end the loop."
                )
            self.known.update((step.node_id, step) for step in expansion.steps)
            self.dynamic_prompt.update((step.node_id, _as_prompt(step)) for step in expansion.steps)
            if self.schedule.add(expansion.steps, task):
                # A kept result would skip the output nodes in it.
                task.is_kept = False
            task.parts[number] = expansion.outputs
            awaited += [each.key for each in expansion.outputs if isinstance(each, Source)]
        return self.schedule.wait_for(task, awaited)

    def _finish(self, task: Task) -> None:
        parts = [[self._resolve(each) for each in part] for part in task.parts or () if not isinstance(part, Expanded)]
        self.schedule.finish(task, merge(parts, task.step.node_class.spec))
        if task.step.is_output and task.step.display_id not in self.failures:
            self.finished_outputs.append(task.step.display_id)
        self.around.on_node(task.step, "finished")

    def _resolve(self, output: Values | Source) -> Values:
        return self.schedule.results[output.key][output.slot] if isinstance(output, Source) else output

    def _inputs(self, task: Task) -> dict[str, Values]:
        """The arguments, each as a list; lazy inputs that nobody asked for are None."""
        step, spec = task.step, task.step.node_class.spec
        inputs: dict[str, Values] = {name: (value,) for name, value in step.constants.items()}
        for name, source in step.sources.items():
            if spec.inputs[name].settings.get("rawLink"):
                inputs[name] = ([source.node_id, source.slot],)
            elif name in step.lazy_names and name not in task.wanted:
                inputs[name] = (None,)
            else:
                inputs[name] = self.schedule.results[source.key][source.slot]
        inputs.update((name, (self._hidden(step, kind),)) for name, kind in spec.hidden.items())
        return inputs

    def _hidden(self, step: Step, kind: HiddenKind) -> object:
        match kind:
            case "UNIQUE_ID":
                return step.node_id
            case "PROMPT":
                return self.around.prompt
            case "EXTRA_PNGINFO":
                return self.around.extra
            case "DYNPROMPT":
                # Another thread would see it grow.
                prompt = self.dynamic_prompt if self.around.workers == 1 else dict(self.dynamic_prompt)
                return MappingProxyType(prompt)

    def _fail(self, task: Task, error: Exception) -> None:
        if isinstance(error, EngineError) and error.code in ENDS_THE_JOB:
            raise error.at_node(task.step.display_id, task.step.node_class.spec.name) from error
        if isinstance(error, ChangedInputError):
            self.schedule.taint(task.step.source_keys)
        self._note(task, error)
        self.schedule.fail(task, [task.step.display_id])

    def _note(self, task: Task, error: Exception) -> None:
        coded = failure_at(task.step, error, explain=self.around.explain, inputs=self._inputs(task))
        self.failures.setdefault(task.step.display_id, coded)

    def _break_cycle(self) -> bool:
        """Fails the node whose graph links back to what waits for it. False where nothing waits any more."""
        cycle = self.schedule.find_cycle()
        if not cycle:
            return False
        maker = next((task for task in cycle if task.parts is not None), cycle[0])
        ids = [task.step.node_id for task in cycle]
        name = maker.step.node_class.spec.name
        message = f"The graph that {name} made links back to the node itself; remove that link."
        self._fail(maker, EngineError("graph.cycle", message, details={"nodeIds": ids}))
        return True

    def _outcome(self) -> Outcome:
        stopped = self.schedule.stopped_outputs()
        failures = {node_id: Failure(error, stopped.get(node_id, [])) for node_id, error in self.failures.items()}
        return Outcome(failures, self.finished_outputs)


def _as_prompt(step: Step) -> Mapping[str, object]:
    links = {name: [source.node_id, source.slot] for name, source in step.sources.items()}
    return {"class_type": step.node_class.spec.name, "inputs": {**step.constants, **links}}
