"""Which nodes of a running graph must run, what they wait for, and how long their results are held."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, TypeAlias

from studio_engine.graph.cache import ResultCache
from studio_engine.graph.mapping import Outputs, Values
from studio_engine.graph.plan import Source, Step
from studio_engine.graph.result import Expanded

State: TypeAlias = Literal["idle", "waiting", "done", "failed"]
Order: TypeAlias = tuple[int, int]
"""Place in the plan, then of the steps that were made while it ran: these come before the next one of the plan."""
Part: TypeAlias = Sequence[Values | Source] | Expanded


@dataclass(eq=False)
class Task:
    """One step and how far it has got. Steps with one key are one task, but each output node is its own."""

    step: Step
    order: Order
    state: State = "idle"
    missing: set[str] = field(default_factory=set)
    """Keys of the results that it waits for."""
    readers: list[Task] = field(default_factory=list)
    """Tasks that wait for it."""
    held: list[str] = field(default_factory=list)
    """Keys of the results that must stay at hand until it is done."""
    wanted: set[str] = field(default_factory=set)
    """Lazy inputs that it has asked for."""
    parts: list[Part] | None = None
    """What it gave, while nodes of its own graph are computed."""
    is_kept: bool = True
    """Whether its result goes into the cache."""
    causes: set[str] = field(default_factory=set)
    """Nodes of the user's graph whose failure keeps it from running."""

    def __lt__(self, other: Task) -> bool:
        return self.order < other.order


class Schedule:
    """Demand driven: a task is begun when something that is needed reads it. For one thread."""

    def __init__(self, steps: Iterable[Step], cache: ResultCache) -> None:
        self.results: dict[str, Outputs] = {}
        self._cache = cache
        self._tasks: dict[str, Task] = {}
        self._outputs: dict[str, Task] = {}
        self._ready: list[Task] = []
        # Unfinished tasks that read a result: it is let go of when none is left.
        self._holders: Counter[str] = Counter()
        self._tainted: set[str] = set()
        self._made = count(1)
        self._begin(self._add((step, (place, 0)) for place, step in enumerate(steps)))

    def add(self, steps: Iterable[Step], maker: Task) -> bool:
        """Takes in the steps of a graph that `maker` gave; whether there are output nodes among them."""
        outputs = self._add((step, (maker.order[0], next(self._made))) for step in steps)
        self._begin(outputs)
        return bool(outputs)

    def next_ready(self) -> Task | None:
        """In running order, whatever became ready first: the same run is the same each time."""
        while self._ready:
            task = heapq.heappop(self._ready)
            if task.state == "waiting":
                return task
        return None

    def wait_for(self, task: Task, keys: Iterable[str]) -> bool:
        """Whether the task must wait for these results; they are demanded and held for it. It may also fail at once."""
        keys = list(dict.fromkeys(keys))
        self._hold(task, keys)
        self._begin([self._tasks[key] for key in keys])
        self._link(task, keys)
        return bool(task.missing) or task.state == "failed"

    def finish(self, task: Task, outputs: Outputs) -> None:
        key = task.step.key
        if not self._tainted.isdisjoint(task.held):
            self._tainted.add(key)
        # First: where it raises, the task can still fail as one that runs.
        if task.is_kept and not task.step.is_output and key not in self._tainted:
            self._cache.put(key, outputs)
        task.state, task.parts = "done", None
        if self._holders[key]:
            self.results[key] = outputs
        self._release(task)
        for reader in task.readers:
            reader.missing.discard(key)
            if not reader.missing and reader.state == "waiting":
                heapq.heappush(self._ready, reader)
        task.readers.clear()

    def fail(self, task: Task, causes: Iterable[str]) -> None:
        """Nothing that reads the task can run either."""
        waiting = [(task, frozenset(causes))]
        while waiting:
            each, new = waiting.pop()
            if each.state == "done" or new <= each.causes:
                continue
            each.causes |= new
            if each.state != "failed":
                each.state, each.parts = "failed", None
                self._release(each)
            waiting += [(reader, new) for reader in each.readers]

    def taint(self, keys: Iterable[str]) -> None:
        """What these results lead to is not kept, because they are not what their keys promise."""
        for key in keys:
            self._tainted.add(key)
            self._cache.drop(key)

    def find_cycle(self) -> list[Task]:
        """Tasks that wait for one another; asked when nothing can run any more."""
        stuck = [task for task in [*self._tasks.values(), *self._outputs.values()] if task.state == "waiting"]
        path: dict[Task, None] = {}
        task = stuck[0] if stuck else None
        while task is not None and task not in path:
            path[task] = None
            task = self._tasks[min(task.missing)]
        ordered = list(path)
        return ordered[ordered.index(task) :] if task is not None else []

    def stopped_outputs(self) -> Mapping[str, list[str]]:
        """For each node that failed the output nodes that did not run for it."""
        stopped: dict[str, list[str]] = {}
        for task in self._outputs.values():
            for cause in task.causes:
                stopped.setdefault(cause, []).append(task.step.display_id)
        return stopped

    def _add(self, steps: Iterable[tuple[Step, Order]]) -> list[Task]:
        outputs: list[Task] = []
        for step, order in steps:
            task = Task(step, order)
            self._tasks.setdefault(step.key, task)
            # A graph that is made a second time does not show its outputs again.
            if step.is_output and self._outputs.setdefault(step.node_id, task) is task:
                outputs.append(task)
        return outputs

    def _begin(self, tasks: Iterable[Task]) -> None:
        """Everything that the tasks need is looked up or made to wait. Without recursion: graphs are deep."""
        begun: list[Task] = []
        stack = list(tasks)
        while stack:
            task = stack.pop()
            if not self._is_new(task):
                continue
            task.state = "waiting"
            task.wanted.clear()
            self._hold(task, task.step.source_keys)
            begun.append(task)
            stack += [self._tasks[key] for key in self._needed_keys(task)]
        for task in begun:
            self._link(task, self._needed_keys(task))
            if not task.missing and task.state == "waiting":
                heapq.heappush(self._ready, task)

    def _is_new(self, task: Task) -> bool:
        """Whether the task must be begun. A result that was let go of is looked up, or computed, again."""
        key = task.step.key
        if task.state in ("waiting", "failed"):
            return False
        if task.step.is_output:
            return task.state == "idle" or key not in self.results
        if key not in self.results:
            found = self._cache.get(key)
            if found is None:
                return True
            self.results[key] = found
        task.state = "done"
        return False

    @staticmethod
    def _needed_keys(task: Task) -> list[str]:
        step = task.step
        return [source.key for name, source in step.sources.items() if name not in step.lazy_names]

    def _link(self, task: Task, keys: Iterable[str]) -> None:
        for key in keys:
            source = self._tasks[key]
            if key in self.results:
                continue
            if source.state == "failed":
                self.fail(task, source.causes)
            # A reader of a failed source learns of its later causes too.
            task.missing.add(key)
            source.readers.append(task)

    def _hold(self, task: Task, keys: Iterable[str]) -> None:
        for key in keys:
            task.held.append(key)
            self._holders[key] += 1

    def _release(self, task: Task) -> None:
        for key in task.held:
            self._holders[key] -= 1
            if self._holders[key] == 0:
                self.results.pop(key, None)
        task.held.clear()
