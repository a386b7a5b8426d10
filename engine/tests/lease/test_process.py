"""The engine as it is started: a process of its own, a real model, real pictures."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.jobs.graphs import txt2img
from tests.lease.api import JOB, TOKEN, running_api
from tests.models.tiny_checkpoint import write_tiny_checkpoint

ENGINE = Path(__file__).parents[2]
# Importing torch takes seconds, on a busy machine a minute.
START_S = 180.0


@contextmanager
def process(**settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDIO_")} | settings
    with subprocess.Popen([sys.executable, "-m", "studio_engine"], cwd=ENGINE, env=environment) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_started_engine_draws_and_stops_when_told(tmp_path: Path) -> None:
    write_tiny_checkpoint(tmp_path / "models" / "checkpoints" / "tiny.safetensors")
    with running_api() as api:
        for seed in range(4):
            api.offer(txt2img(seed=seed), jobId=f"{JOB[:-1]}{seed}")
        settings = {
            "STUDIO_API_URL": api.url,
            "STUDIO_ENGINE_TOKEN": TOKEN,
            "STUDIO_HOME": str(tmp_path),
            "STUDIO_STARTER_DIR": str(tmp_path / "none"),
            "STUDIO_ENGINE_THREADS": "1",
            "STUDIO_ENGINE_SLOTS": "3",
        }
        with process(**settings) as engine:
            api.wait_for(lambda: len(api.bodies("finalize")) == 4, START_S)
            engine.send_signal(signal.SIGTERM)
            assert engine.wait(10) == 0
        registration, finals = api.bodies("register")[0], api.bodies("finalize")
        assert [final["status"] for final in finals] == ["succeeded"] * 4, finals
        assert len(api.blobs) == 4
        assert {Image.open(io.BytesIO(data)).size for data in api.blobs.values()} == {(64, 48)}
        assert registration["slots"] == 3
        assert [model["name"] for model in registration["models"]] == ["tiny.safetensors"]
        assert registration["nodeCatalogue"]["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] == [
            "tiny.safetensors"
        ]


def test_a_missing_token_is_said_at_once(tmp_path: Path) -> None:
    with process(STUDIO_HOME=str(tmp_path)) as engine:
        assert engine.wait(START_S) == 78
