"""A small server that speaks the Lease API's contract, and fails on demand."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "secret"
JOB = "job_01jd8x7q5w3n4k6m8p9r0s2t4v"
ENGINE = "eng_01jd8x7q5w3n4k6m8p9r0s2t4v"
Answer = tuple[int, dict[str, Any]]


def refusal(status: int, code: str) -> Answer:
    return status, {"error": {"code": code, "message": code, "requestId": "r"}}


@dataclass
class LeaseApi:
    url: str = ""
    leases: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    directive: str = "continue"
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    """Answers to give once each, by the last part of the path, before the honest ones."""
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [body for seen, body in self.seen if seen == name]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), f"never happened; seen {[n for n, _ in self.seen]}"

    def offer(self, graph: dict[str, Any] | None = None, **changes: Any) -> None:
        lease = {
            "jobId": JOB,
            "attempt": 1,
            "cacheNamespace": "team",
            "graph": graph or {"1": {"class_type": "X", "inputs": {"seed": 2**53}}},
            "leaseSeconds": 30,
            "deadlineAt": "2030-01-01T00:00:00.000Z",
            "inputs": [],
        }
        self.leases.put(lease | changes)

    def answer(self, name: str, body: dict[str, Any]) -> Answer:
        with self.changed:
            self.seen.append((name, body))
            self.changed.notify_all()
            fault = self.faults.get(name, [])
            if fault:
                return fault.pop(0)
        return 200, getattr(self, f"_{name}")(body)

    def _register(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"engineId": ENGINE, "leaseSeconds": 30, "progressIntervalMs": 10}

    def _claim(self, body: dict[str, Any]) -> dict[str, Any]:
        leases: list[dict[str, Any]] = []
        try:
            leases.append(self.leases.get(timeout=min(0.5, body["waitMs"] / 1000)))
            while len(leases) < body["slots"]:
                leases.append(self.leases.get_nowait())
        except queue.Empty:
            pass
        return {"leases": leases}

    def _progress(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"directive": self.directive}

    def _uploads(self, body: dict[str, Any]) -> dict[str, Any]:
        keys = [f"outputs/{file['sha256']}.png" for file in body["files"]]
        return {"uploads": [{"blobKey": key, "url": f"/blobs/{key}"} for key in keys]}

    def _finalize(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"accepted": True}


def _handler(api: LeaseApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self._reply(*refusal(401, "engine.token_invalid"))
            return self._reply(*api.answer(self.path.rpartition("/")[2], body))

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] is not None:
                return self._reply(400, {})
            api.blobs[self.path.removeprefix("/blobs/")] = data
            return self._reply(200, {})

        def do_GET(self) -> None:
            self._send(200, api.blobs[self.path.removeprefix("/blobs/")])

        def _reply(self, status: int, body: dict[str, Any]) -> None:
            self._send(status, json.dumps(body).encode())

        def _send(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Engines under test hang up in the middle of an answer."""


@contextmanager
def running_api(port: int = 0) -> Iterator[LeaseApi]:
    api = LeaseApi()
    with _Server(("127.0.0.1", port), _handler(api)) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
