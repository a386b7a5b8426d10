"""Threads that ask at once: who is computed with whom, and who suffers from whose failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from torch import Tensor

from studio_engine.denoise.batcher import Batcher
from studio_engine.denoise.request import Request
from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.hooks import NetworkHooks
from tests.denoise.linear_network import LinearNetwork, request


@dataclass
class Crowd:
    """Requests that all wait before the first of them is computed."""

    batcher: Batcher
    network: LinearNetwork
    pool: ThreadPoolExecutor
    gate: threading.Event = field(default_factory=threading.Event)

    def ask(self, *requests: Request, network: LinearNetwork | None = None) -> list[Future[Tensor]]:
        """In this order of arrival; each thread has a seat of its own."""
        forward = (network or self.network).forward
        return [self.submit(partial(self.batcher.run, each, forward)) for each in requests]

    def submit(self, work: Callable[[], Tensor], token: CancelToken | None = None) -> Future[Tensor]:
        count = len(self.batcher._line.waiting)

        def seated() -> Tensor:
            with self.batcher.seat((token or CancelToken()).check):
                return work()

        future = self.pool.submit(seated)
        wait_until(lambda: len(self.batcher._line.waiting) == count + 1)
        return future


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "never happened"
        time.sleep(0.001)


@contextmanager
def crowd(batcher: Batcher, *, rows: int = 2, limit: int = 64) -> Iterator[Crowd]:
    """The device is busy until the block ends; `limit` rows are known to pay."""
    network = LinearNetwork()
    for _ in range(3):
        batcher.run(request(0, rows=rows), network.forward)
    for count in (rows, limit // 2):
        batcher._line.profile.record(next(iter(batcher._line.profile._shapes)), count, 1e-9 * count**0.5)
    network.rows.clear()
    with ThreadPoolExecutor(16) as pool:
        here = Crowd(batcher, network, pool)
        holder = pool.submit(lambda: batcher.alone(lambda: here.gate.wait(20)))
        wait_until(lambda: batcher._line.holder is not None)
        try:
            yield here
        finally:
            here.gate.set()
        holder.result(20)


def solo(each: Request) -> Tensor:
    return each.answered(LinearNetwork().forward)


def results(futures: Sequence[Future[Tensor]]) -> list[Tensor]:
    return [future.result(20) for future in futures]


def test_equal_requests_are_one_forward_and_each_gets_its_own_rows() -> None:
    requests = [request(seed, rows=1 + seed % 3) for seed in range(8)]
    with crowd(Batcher()) as here:
        futures = here.ask(*requests)
    for answer, each in zip(results(futures), requests, strict=True):
        torch.testing.assert_close(answer, solo(each), rtol=1e-6, atol=1e-6)
    assert here.network.rows == [sum(each.rows for each in requests)]


def test_unequal_requests_are_not_mixed() -> None:
    requests = [request(seed, network=name, tokens=tokens) for seed, (name, tokens) in enumerate([("n", 3), ("m", 3)])]
    other = LinearNetwork()
    with crowd(Batcher()) as here:
        futures = here.ask(requests[0]) + here.ask(requests[1], network=other) + here.ask(request(5))
    results(futures)
    assert (here.network.rows, other.rows) == ([4], [2])


def test_no_more_rows_than_pay() -> None:
    with crowd(Batcher(), limit=4) as here:
        futures = here.ask(*(request(seed) for seed in range(5)))
    results(futures)
    assert here.network.rows == [4, 4, 2]


def test_a_job_by_itself_waits_for_nobody() -> None:
    batcher, network = Batcher(clock=lambda: 0.0), LinearNetwork()
    with batcher.seat(lambda: None):
        for seed in range(5):
            batcher.run(request(seed), network.forward)
    assert network.rows == [2] * 5


@dataclass
class Timed(LinearNetwork):
    """Takes a second by a clock that stands still otherwise."""

    now: float = 0.0

    def forward(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        self.now += 1.0
        return super().forward(x, timestep, inputs, hooks, sigma)


def test_a_sampler_between_two_steps_is_waited_for() -> None:
    network = Timed()
    batcher = Batcher(clock=lambda: network.now)
    asks_again = threading.Event()

    def two_steps() -> Tensor:
        with batcher.seat(lambda: None):
            batcher.run(request(1), network.forward)
            asks_again.wait(20)
            return batcher.run(request(2), network.forward)

    def one_step() -> Tensor:
        with batcher.seat(lambda: None):
            return batcher.run(request(3), network.forward)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(two_steps)
        wait_until(lambda: network.rows == [2] and batcher._line.holder is None)
        second = pool.submit(one_step)
        wait_until(lambda: batcher._line.waiting != [])
        asks_again.set()
        for answer, seed in zip(results([first, second]), (2, 3), strict=True):
            torch.testing.assert_close(answer, solo(request(seed)), rtol=1e-6, atol=1e-6)
    assert network.rows == [2, 4]


def test_a_sampler_that_does_not_come_back_holds_nobody_up() -> None:
    batcher, network = Batcher(), LinearNetwork()
    with batcher.seat(lambda: None), ThreadPoolExecutor(1) as pool:
        for seed in range(3):
            batcher.run(request(seed), network.forward)

        def other() -> Tensor:
            with batcher.seat(lambda: None):
                return batcher.run(request(7), network.forward)

        # This thread keeps its seat and asks no more.
        torch.testing.assert_close(pool.submit(other).result(20), solo(request(7)))


def test_a_cancelled_job_leaves_the_line_at_once() -> None:
    batcher = Batcher(clock=lambda: 0.0)
    token = CancelToken()
    with crowd(batcher) as here:
        stays = here.ask(request(1))
        leaves = here.submit(lambda: batcher.run(request(2), here.network.forward), token)
        token.cancel()
        with pytest.raises(EngineError, match=r"job\.cancelled"):
            leaves.result(20)
    results(stays)
    assert here.network.rows == [2]


def test_an_error_in_one_fails_that_one_alone() -> None:
    @dataclass
    class Picky(LinearNetwork):
        def forward(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
            if 3.0 in timestep:
                raise EngineError("engine.node_failed", "Not this one.")
            return super().forward(x, timestep, inputs, hooks, sigma)

    network = Picky()
    with crowd(Batcher()) as here:
        futures = here.ask(*(request(seed) for seed in range(6)), network=network)
    with pytest.raises(EngineError, match="Not this one"):
        futures.pop(3).result(20)
    for answer, seed in zip(results(futures), (0, 1, 2, 4, 5), strict=True):
        torch.testing.assert_close(answer, solo(request(seed)), rtol=1e-6, atol=1e-6)


@dataclass
class Cramped(LinearNetwork):
    """Has memory for few rows."""

    max_rows: int = 4

    def forward(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        if x.shape[0] > self.max_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x, timestep, inputs, hooks, sigma)


def test_a_batch_that_does_not_fit_is_halved_and_later_ones_are_smaller() -> None:
    relieved: list[int] = []
    batcher, network = Batcher(relieve=lambda: relieved.append(1)), Cramped()
    with crowd(batcher) as here:
        futures = here.ask(*(request(seed) for seed in range(4)), network=network)
    for seed, answer in enumerate(results(futures)):
        torch.testing.assert_close(answer, solo(request(seed)), rtol=1e-6, atol=1e-6)
    assert (network.rows, relieved) == ([4, 4], [1])
    assert {batcher._line.profile.row_limit(key) for key in batcher._line.profile._shapes} == {4}


def test_a_request_that_does_not_fit_is_cut_once_and_then_fails() -> None:
    batcher, network = Batcher(), Cramped(max_rows=2)
    each = request(1, rows=4)
    torch.testing.assert_close(batcher.run(each, network.forward), solo(each), rtol=1e-6, atol=1e-6)
    assert network.rows == [2, 2]
    with pytest.raises(torch.OutOfMemoryError):
        batcher.run(request(2, rows=6), network.forward)


def test_heavy_work_takes_turns_and_may_denoise_itself() -> None:
    batcher, network = Batcher(), LinearNetwork()
    running: list[int] = []

    def work() -> Tensor:
        running.append(1)
        assert len(running) == 1
        answer = batcher.run(request(1), network.forward)
        running.pop()
        return answer

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(lambda: batcher.alone(work)) for _ in range(8)]:
            torch.testing.assert_close(future.result(20), solo(request(1)))


def test_a_thread_computes_for_itself_or_with_its_own_kind() -> None:
    batcher, strangers = Batcher(), []

    def asking() -> Tensor:
        me = threading.get_ident()

        def work() -> Tensor:
            if threading.get_ident() != me:
                strangers.append(me)
            return torch.zeros(1)

        return batcher.alone(work)

    with crowd(batcher) as here:
        futures = [here.submit(asking) for _ in range(12)]
    results(futures)
    assert strangers == []


def test_work_that_fails_frees_the_device() -> None:
    batcher = Batcher()
    with pytest.raises(ZeroDivisionError):
        batcher.alone(lambda: 1 // 0)
    assert batcher.alone(lambda: 5) == 5


def test_room_for_more_jobs_is_what_still_pays() -> None:
    batcher, network = Batcher(), LinearNetwork()
    assert batcher.room() == 0
    with batcher.seat(lambda: None):
        batcher.run(request(1), network.forward)
        assert batcher.room() == 1
        (key,) = batcher._line.profile._shapes
        for rows, seconds in ((2, 1.0), (4, 1.1), (8, 1.2), (16, 1.3), (32, 2.6)):
            for _ in range(3):
                batcher._line.profile.record(key, rows, seconds * 1e-9)
        assert batcher.room() == 7
