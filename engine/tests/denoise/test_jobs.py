"""Whole sampling runs at the same time, with a real network: each must draw what it draws alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.denoise.batcher import Batcher
from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.hooks import HookCall
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.sample import SampleSettings, sample
from tests.denoise.test_batcher import wait_until
from tests.models.tiny_checkpoint import write_tiny_checkpoint

SAMPLERS = ("euler", "dpmpp_2m", "euler_ancestral", "heun", "dpmpp_sde", "uni_pc", "ddim", "lms")
OnStep = Callable[[int], None]


@dataclass(frozen=True)
class Loaded:
    model: Model
    prompts: tuple[Conditioning, ...]
    store: ModelStore


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    write_tiny_checkpoint(folder / "checkpoints" / "tiny.safetensors")
    inventory = scan_models(Path("none"), folder, DigestCache(folder / "digests.json"))
    store = ModelStore(inventory, plain_plan(), 64_000_000)
    model, clip, _ = store.checkpoint("tiny.safetensors")
    texts = ("", "a red apple", "a (blue:1.3) house", "two dogs")
    return Loaded(model, tuple(clip.encode(text) for text in texts), store)


@dataclass(frozen=True)
class Job:
    number: int
    model: Model
    token: CancelToken = field(default_factory=CancelToken)
    on_step: OnStep = lambda step: None

    def draw(self, prompts: tuple[Conditioning, ...]) -> Tensor:
        settings = SampleSettings(
            seed=self.number,
            steps=3 + self.number % 4,
            cfg=3.0 + self.number,
            sampler=SAMPLERS[self.number % len(SAMPLERS)],
            scheduler=("normal", "karras")[self.number % 2],
        )

        def on_step(step: int, *_: object) -> None:
            self.token.check()
            self.on_step(step)

        latent = Latent(torch.zeros(1 + self.number % 2, 4, 6, 8))
        positive = prompts[1 + self.number % 3]
        return sample(self.model, latent, settings, positive=positive, negative=prompts[0], on_step=on_step)


def at_once(jobs: list[Job], loaded: Loaded) -> list[Tensor | BaseException]:
    """What each job draws or raises; all wait for the device before the first step."""
    batcher = loaded.store.batcher

    def seated(job: Job) -> Tensor:
        with batcher.seat(job.token.check):
            return job.draw(loaded.prompts)

    gate = threading.Event()
    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        holder = pool.submit(lambda: batcher.alone(lambda: gate.wait(20)))
        wait_until(lambda: batcher._line.holder is not None)
        futures = [pool.submit(seated, job) for job in jobs]
        wait_until(lambda: len(batcher._line.waiting) == len(jobs))
        gate.set()
        holder.result(20)
        return [future.exception(60) or future.result() for future in futures]


@pytest.fixture
def rows(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each forward from here on. All that can be joined are; whoever is between two steps is waited for."""
    seen: list[int] = []
    batcher = Batcher(clock=lambda: 0.0)
    monkeypatch.setattr(loaded.store, "batcher", batcher)
    profile = batcher._line.profile
    monkeypatch.setattr(profile, "row_limit", lambda key: 64)
    monkeypatch.setattr(profile, "seconds", lambda key: 1.0)
    monkeypatch.setattr(profile, "record", lambda key, rows, seconds: seen.append(rows))
    return seen


def assert_same(drawn: Tensor | BaseException, job: Job, loaded: Loaded) -> None:
    assert isinstance(drawn, Tensor), drawn
    alone = job.draw(loaded.prompts)
    torch.testing.assert_close(drawn, alone, rtol=1e-5, atol=1e-5 * float(alone.abs().max()))


def test_eight_jobs_of_all_kinds_draw_what_they_draw_alone(loaded: Loaded, rows: list[int]) -> None:
    jobs = [Job(number, loaded.model) for number in range(8)]
    drawn = at_once(jobs, loaded)
    # Prompts of one chunk each, the positive with the negative, for one picture or two.
    assert rows[0] == sum(2 * (1 + number % 2) for number in range(8))
    for each, job in zip(drawn, jobs, strict=True):
        assert_same(each, job, loaded)


def test_a_job_joins_while_others_are_under_way(loaded: Loaded, rows: list[int]) -> None:
    batcher = loaded.store.batcher
    late = Job(2, loaded.model)
    with ThreadPoolExecutor(1) as pool:
        futures = []

        def seated() -> Tensor:
            with batcher.seat(lambda: None):
                return late.draw(loaded.prompts)

        def join(step: int) -> None:
            if step == 1:
                futures.append(pool.submit(seated))
                wait_until(lambda: batcher._line.waiting != [])

        first = Job(1, loaded.model, on_step=join)
        with batcher.seat(lambda: None):
            drawn = first.draw(loaded.prompts)
        joined = futures[0].result(60)
    assert max(rows) == 6
    assert_same(drawn, replace(first, on_step=lambda step: None), loaded)
    assert_same(joined, late, loaded)


def test_a_cancelled_job_leaves_the_others_alone(loaded: Loaded, rows: list[int]) -> None:
    token = CancelToken()
    jobs = [Job(number, loaded.model) for number in range(3)]
    jobs.append(Job(3, loaded.model, token, on_step=lambda step: token.cancel() if step == 1 else None))
    *drawn, cancelled = at_once(jobs, loaded)
    assert isinstance(cancelled, EngineError)
    assert cancelled.code == "job.cancelled"
    for each, job in zip(drawn, jobs, strict=False):
        assert_same(each, job, loaded)


@dataclass(frozen=True)
class Dimmed:
    """A BlockHook of plain values."""

    factor: float

    def __call__(self, h: Tensor, call: HookCall) -> Tensor:
        return h * self.factor


class Broken(Dimmed):
    def __call__(self, h: Tensor, call: HookCall) -> Tensor:
        raise ZeroDivisionError


def hooked(loaded: Loaded, hook: Dimmed) -> Model:
    hooks = replace(loaded.model.hooks, middle_block=(hook,))
    return loaded.model.with_hooks(hooks)


def test_jobs_with_equal_hooks_meet_and_others_do_not(loaded: Loaded, rows: list[int]) -> None:
    models = [loaded.model, hooked(loaded, Dimmed(0.5)), hooked(loaded, Dimmed(0.5)), hooked(loaded, Dimmed(0.9))]
    jobs = [Job(2 * number, model) for number, model in enumerate(models)]
    drawn = at_once(jobs, loaded)
    assert sorted(rows[:3]) == [2, 2, 4]
    for each, job in zip(drawn, jobs, strict=True):
        assert_same(each, job, loaded)


def test_an_error_in_one_job_is_its_own(loaded: Loaded, rows: list[int]) -> None:
    jobs = [Job(0, loaded.model), Job(2, hooked(loaded, Broken(1.0))), Job(4, loaded.model)]
    first, broken, last = at_once(jobs, loaded)
    assert isinstance(broken, ZeroDivisionError)
    assert_same(first, jobs[0], loaded)
    assert_same(last, jobs[2], loaded)
