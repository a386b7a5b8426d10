"""The engine's life against the Lease API: honest, failing, gone."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.outputs import OutputFile
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.lease import contract
from studio_engine.lease.client import LeaseClient, TokenRefusedError
from studio_engine.lease.loop import EngineLoop, EngineParts, RunJob
from studio_engine.lease.result import JobResult, failed
from studio_engine.lease.spool import Spool
from tests.lease.api import ENGINE, JOB, TOKEN, LeaseApi, refusal, running_api

REGISTRATION = contract.RegisterEngineRequest("local-0", "0.1.0", "CPU", "float32", 1, ["default"], 1, {}, [], [])
PNG = OutputFile("7", 0, b"picture", "image/png", 64, 64, is_kept=True)
DONE = JobResult("succeeded", (PNG,), engine_seconds=1.5)


@pytest.fixture
def api() -> Iterator[LeaseApi]:
    with running_api() as running:
        yield running


def succeed(lease: contract.Lease, inputs: Mapping[str, bytes], board: ProgressBoard, token: CancelToken) -> JobResult:
    return DONE


def until_cancelled(
    lease: contract.Lease, inputs: Mapping[str, bytes], board: ProgressBoard, token: CancelToken
) -> JobResult:
    """One endless step after the other, as a sampler sees it."""
    try:
        while True:
            token.check()
            board.step(1, 20)
            token._asked.wait(0.01)
    except EngineError as error:
        return failed(error, 0.1)


@dataclass(frozen=True)
class Running:
    """Both wait for the engine's end and raise what it raised."""

    stop: Callable[[], None]
    join: Callable[[], None]


@contextmanager
def engine(
    api_url: str, spool: Path, run_job: RunJob, *, token: str = TOKEN, slots: int = 1, room: Callable[[], int] = int
) -> Iterator[Running]:
    """A running engine, stopped at the end."""
    ready, loops = threading.Event(), []

    async def live(worker: ThreadPoolExecutor) -> None:
        client = LeaseClient(api_url, token)
        registration = msgspec.structs.replace(REGISTRATION, slots=slots)
        parts = EngineParts(client, Spool(spool), worker, registration, run_job, lambda: ["a.safetensors"], room)
        loops.append((asyncio.get_running_loop(), EngineLoop(parts)))
        ready.set()
        try:
            await loops[0][1].run()
        finally:
            await client.close()

    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(slots) as worker:
        done = pool.submit(lambda: asyncio.run(live(worker)))
        ready.wait(10)

        def stop() -> None:
            if not done.done():
                loops[0][0].call_soon_threadsafe(loops[0][1].stop)
            done.result(15)

        try:
            yield Running(stop, lambda: done.result(15))
        finally:
            stop()


def test_a_job_is_taken_drawn_and_handed_back(api: LeaseApi, tmp_path: Path) -> None:
    api.offer()
    with engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: len(api.bodies("finalize")) == 1)
    (claim, *_), (final,) = api.bodies("claim"), api.bodies("finalize")
    assert (claim["engineId"], claim["queues"], claim["loadedModels"]) == (ENGINE, ["default"], ["a.safetensors"])
    assert api.blobs == {f"outputs/{PNG.sha256}.png": b"picture"}
    assert (final["attempt"], final["status"], final["engineSeconds"]) == (1, "succeeded", 1.5)
    assert final["outputs"] == [
        {
            "nodeId": "7",
            "index": 0,
            "blobKey": f"outputs/{PNG.sha256}.png",
            "sha256": PNG.sha256,
            "sizeBytes": 7,
            "contentType": "image/png",
            "width": 64,
            "height": 64,
            "isKept": True,
        }
    ]


def test_the_graph_arrives_untouched(api: LeaseApi, tmp_path: Path) -> None:
    graph = {"1": {"class_type": "X", "inputs": {"seed": 2**53 + 1, "cfg": 5, "text": "ü", "list": [1.0, None, True]}}}
    got: list[contract.Lease] = []
    api.offer(graph)
    with engine(api.url, tmp_path, lambda lease, *_: got.append(lease) or DONE):
        api.wait_for(lambda: len(api.bodies("finalize")) == 1)
    assert repr(got[0].graph) == repr(graph)


def test_inputs_are_fetched_and_checked(api: LeaseApi, tmp_path: Path) -> None:
    api.blobs["in.png"] = b"pixels"
    good = {"name": "a", "url": "/blobs/in.png", "sha256": hashlib.sha256(b"pixels").hexdigest(), "sizeBytes": 6}
    got: list[Mapping[str, bytes]] = []
    api.offer(inputs=[good])
    api.offer(inputs=[good | {"sha256": "0" * 64}])
    with engine(api.url, tmp_path, lambda _, inputs, *__: got.append(inputs) or DONE):
        api.wait_for(lambda: len(api.bodies("finalize")) == 2)
    assert got == [{"a": b"pixels"}]
    assert api.bodies("finalize")[1]["error"]["code"] == "blob.hash_mismatch"


def test_a_wrong_token_ends_the_engine(api: LeaseApi, tmp_path: Path) -> None:
    with pytest.raises(TokenRefusedError), engine(api.url, tmp_path, succeed, token="wrong") as running:
        running.join()


def test_an_engine_that_the_api_forgot_registers_again(api: LeaseApi, tmp_path: Path) -> None:
    api.faults["claim"] = [refusal(409, "engine.not_registered")]
    api.offer()
    with engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: len(api.bodies("finalize")) == 1)
    assert len(api.bodies("register")) == 2


def test_cancel_stops_the_job_and_says_so(api: LeaseApi, tmp_path: Path) -> None:
    api.directive = "cancel"
    api.offer()
    with engine(api.url, tmp_path, until_cancelled):
        api.wait_for(lambda: len(api.bodies("finalize")) == 1)
    assert api.bodies("finalize")[0]["status"] == "cancelled"


@pytest.mark.parametrize("fault", [None, refusal(404, "job.not_found")])
def test_a_lost_lease_drops_everything(api: LeaseApi, tmp_path: Path, fault: tuple[int, dict[str, object]]) -> None:
    api.directive = "lost"
    api.faults["progress"] = [fault] if fault else []
    api.offer()
    with engine(api.url, tmp_path, until_cancelled):
        api.wait_for(lambda: len(api.bodies("claim")) >= 2)
    assert api.bodies("finalize") == []
    assert Spool(tmp_path).waiting() == []


def test_a_long_step_keeps_its_lease(api: LeaseApi, tmp_path: Path) -> None:
    def one_step(*_: object) -> JobResult:
        api.wait_for(lambda: len(api.bodies("progress")) >= 3)
        return DONE

    api.offer()
    with engine(api.url, tmp_path, one_step):
        api.wait_for(lambda: len(api.bodies("finalize")) == 1)


def test_a_failing_api_gets_the_result_later(api: LeaseApi, tmp_path: Path) -> None:
    api.faults = {"uploads": [refusal(503, "server.unavailable")], "finalize": [refusal(500, "server.internal")]}
    api.offer()
    with engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: len(api.bodies("finalize")) == 2)
        api.wait_for(lambda: api.seen[-1][0] == "claim")
    assert Spool(tmp_path).waiting() == []


def test_a_result_outlives_the_engine_while_the_api_is_gone(tmp_path: Path) -> None:
    with running_api() as api:
        port = int(api.url.rpartition(":")[2])
        api.faults["uploads"] = [refusal(503, "server.unavailable")] * 1000
        api.offer()
        with engine(api.url, tmp_path, succeed) as running:
            api.wait_for(lambda: len(api.bodies("uploads")) == 1)
            running.stop()
    (spooled,) = Spool(tmp_path).waiting()
    assert (spooled.job_id, spooled.attempt, spooled.result) == (JOB, 1, DONE)

    with running_api(port) as api, engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: api.bodies("claim") != [])
    assert api.blobs == {f"outputs/{PNG.sha256}.png": b"picture"}
    assert api.bodies("finalize")[0]["status"] == "succeeded"
    assert Spool(tmp_path).waiting() == []


def test_registering_names_the_jobs_whose_results_wait(
    api: LeaseApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio_engine.lease.deliver.GIVE_UP_AFTER_S", 0.0)
    Spool(tmp_path).add(JOB, 1, DONE)
    api.faults["uploads"] = [refusal(503, "server.unavailable")]
    with engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: api.bodies("register") != [])
    assert api.bodies("register")[0]["heldJobs"] == [JOB]


def test_a_stale_result_is_dropped(api: LeaseApi, tmp_path: Path) -> None:
    Spool(tmp_path).add(JOB, 1, DONE)
    api.faults["uploads"] = [refusal(409, "job.lease_lost")]
    with engine(api.url, tmp_path, succeed):
        api.wait_for(lambda: api.bodies("claim") != [])
    assert api.bodies("finalize") == []
    assert Spool(tmp_path).waiting() == []


def test_a_stopped_engine_hands_its_job_back_at_once(api: LeaseApi, tmp_path: Path) -> None:
    release = threading.Event()

    def deaf(*_: object) -> JobResult:
        release.wait(20)
        return DONE

    api.offer()
    with engine(api.url, tmp_path, deaf) as running:
        api.wait_for(lambda: api.bodies("progress") != [])
        try:
            threading.Timer(0.0, lambda: api.wait_for(lambda: api.bodies("finalize") != []) or release.set()).start()
            running.stop()
        finally:
            release.set()
    (final,) = api.bodies("finalize")
    assert (final["status"], final["isRetryable"], final["outputs"]) == ("failed", True, [])


def test_an_idle_engine_stops_at_once(api: LeaseApi, tmp_path: Path) -> None:
    with engine(api.url, tmp_path, succeed) as running:
        api.wait_for(lambda: api.bodies("claim") != [])
        running.stop()
    assert api.bodies("finalize") == []


class Together:
    """Jobs that end when all of them run at the same time."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count)

    def __call__(self, *_: object) -> JobResult:
        self.barrier.wait(20)
        return DONE


def job(number: int) -> str:
    return f"{JOB[:-1]}{number}"


def offer_many(api: LeaseApi, count: int) -> None:
    for number in range(count):
        api.offer(jobId=job(number))


def test_as_many_jobs_run_at_once_as_there_are_slots_and_room(api: LeaseApi, tmp_path: Path) -> None:
    offer_many(api, 6)
    with engine(api.url, tmp_path, Together(3), slots=3, room=lambda: 9):
        api.wait_for(lambda: len(api.bodies("finalize")) == 6)
    assert {body["status"] for body in api.bodies("finalize")} == {"succeeded"}
    assert max(claim["slots"] for claim in api.bodies("claim")) == 2


def test_a_second_job_is_left_to_others_while_it_would_gain_nothing(api: LeaseApi, tmp_path: Path) -> None:
    running: list[int] = []

    def by_itself(*_: object) -> JobResult:
        running.append(1)
        assert len(running) == 1
        api.wait_for(lambda: len(api.bodies("progress")) >= 3)
        running.pop()
        return DONE

    offer_many(api, 3)
    with engine(api.url, tmp_path, by_itself, slots=3, room=lambda: 0):
        api.wait_for(lambda: len(api.bodies("finalize")) == 3)
    assert {body["status"] for body in api.bodies("finalize")} == {"succeeded"}


def test_the_next_job_starts_while_the_last_one_is_handed_over(api: LeaseApi, tmp_path: Path) -> None:
    started: list[str] = []
    api.faults["uploads"] = [refusal(503, "server.unavailable")]

    def note(lease: contract.Lease, *_: object) -> JobResult:
        started.append(lease.job_id)
        if len(started) == 2:
            assert api.bodies("finalize") == []
        return DONE

    offer_many(api, 2)
    with engine(api.url, tmp_path, note):
        api.wait_for(lambda: len(api.bodies("finalize")) == 2)
    assert len(started) == 2


def test_an_api_that_takes_no_results_gets_no_more_done(api: LeaseApi, tmp_path: Path) -> None:
    started: list[str] = []
    api.faults["uploads"] = [refusal(503, "server.unavailable")] * 1000
    offer_many(api, 4)
    with engine(api.url, tmp_path, lambda lease, *_: started.append(lease.job_id) or DONE) as running:
        api.wait_for(lambda: len(api.bodies("uploads")) >= 5)
        running.stop()
    assert started == [job(0), job(1)]


def test_a_stopped_engine_hands_every_job_back(api: LeaseApi, tmp_path: Path) -> None:
    offer_many(api, 3)
    with engine(api.url, tmp_path, until_cancelled, slots=3, room=lambda: 9) as running:
        api.wait_for(lambda: len({body["progress"]["step"] for body in api.bodies("progress")}) > 1)
        api.wait_for(lambda: sum(claim["slots"] == 2 for claim in api.bodies("claim")) >= 1)
        api.wait_for(api.leases.empty)
        running.stop()
    finals = api.bodies("finalize")
    assert [(body["status"], body["isRetryable"]) for body in finals] == [("failed", True)] * 3


def test_registering_again_names_the_jobs_that_run(api: LeaseApi, tmp_path: Path) -> None:
    offer_many(api, 1)
    api.faults["claim"] = []
    with engine(api.url, tmp_path, until_cancelled, slots=2, room=lambda: 1):
        api.wait_for(lambda: api.bodies("progress") != [])
        api.faults["claim"].append(refusal(409, "engine.not_registered"))
        api.wait_for(lambda: len(api.bodies("register")) == 2)
    assert [body["heldJobs"] for body in api.bodies("register")] == [[], [job(0)]]
