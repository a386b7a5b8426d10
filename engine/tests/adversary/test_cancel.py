"""A job that is cancelled in the middle of a long node ends within one step, tile or picture of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from studio_engine.errors import EngineError
from studio_engine.jobs.cancel import CancelToken
from studio_engine.models.vae import handle
from tests.adversary.studio import Graph, Studio, loaded, n


@dataclass
class Countdown(CancelToken):
    """Asked to stop after so many looks."""

    left: int
    looks: int = field(default=0)

    def __post_init__(self) -> None:
        super().__init__()

    def check(self) -> None:
        self.looks += 1
        if self.looks == self.left:
            self.cancel()
        super().check()


TILES = {"tile_size": 64, "overlap": 0, "temporal_size": 64, "temporal_overlap": 8}


def sampling() -> Graph:
    return loaded(seed=99, steps=60)


def decoding(name: str, **settings: object) -> Graph:
    return {
        "1": n("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
        "4": n("EmptyLatentImage", width=256, height=256, batch_size=8),
        "6": n(name, samples=["4", 0], vae=["1", 2], **settings),
        "7": n("PreviewAny", source=["6", 0]),
    }


def encoding(name: str, **settings: object) -> Graph:
    return {
        "1": n("CheckpointLoaderSimple", ckpt_name="tiny.safetensors"),
        "4": n("EmptyImage", width=256, height=256, batch_size=8, color=99),
        "6": n(name, pixels=["4", 0], vae=["1", 2], **settings),
        "7": n("PreviewAny", source=["6", 0]),
    }


def upscaling() -> Graph:
    return {
        "4": n("EmptyImage", width=600, height=600, batch_size=8, color=99),
        "5": n("UpscaleModelLoader", model_name="tiny.safetensors"),
        "6": n("ImageUpscaleWithModel", upscale_model=["5", 0], image=["4", 0]),
        "7": n("PreviewAny", source=["6", 0]),
    }


def lists() -> Graph:
    """A node that runs once for each member of a list."""
    return {
        "4": n("EmptyImage", width=16, height=16, batch_size=500, color=99),
        "5": n("RebatchImages", images=["4", 0], batch_size=1),
        "6": n("ImageBlur", image=["5", 0], blur_radius=3, sigma=1.0),
        "7": n("PreviewAny", source=["6", 0]),
    }


LONG: dict[str, Callable[[], Graph]] = {
    "sampling": sampling,
    "decode": lambda: decoding("VAEDecode"),
    "decode_tiled": lambda: decoding("VAEDecodeTiled", **TILES),
    "encode": lambda: encoding("VAEEncode"),
    "encode_tiled": lambda: encoding("VAEEncodeTiled", **TILES),
    "upscaling": upscaling,
    "lists": lists,
}


@pytest.mark.parametrize("name", LONG)
def test_it_stops_in_the_middle_and_keeps_nothing_of_it(studio: Studio, name: str) -> None:
    graph = LONG[name]()
    token = Countdown(left=12)
    with pytest.raises(EngineError) as caught:
        studio.run(graph, token=token)
    assert caught.value.code == "job.cancelled"
    assert token.looks == 12
    assert caught.value.node_id in graph
    # The node itself is asked often, not only before it and after it.
    assert caught.value.node_id in ("5", "6")


def test_a_decoder_that_is_stopped_has_done_no_more_than_it_was_asked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    decoded = handle.decoded
    monkeypatch.setattr(handle, "decoded", lambda *given: (seen.append(given), decoded(*given))[1])
    with pytest.raises(EngineError):
        studio.run(decoding("VAEDecodeTiled", **TILES), token=Countdown(left=12))
    assert 0 < len(seen) < 12


@pytest.mark.parametrize("code", ["job.deadline_exceeded", "job.lease_lost"])
def test_the_reason_is_told(studio: Studio, code: Any) -> None:
    token = CancelToken()
    token.cancel(code)
    with pytest.raises(EngineError) as caught:
        studio.run(sampling(), token=token)
    assert caught.value.code == code
