"""The Lease API over HTTP: one method per endpoint, typed on both sides."""

from __future__ import annotations

import hashlib
from typing import TypeVar
from urllib.parse import urljoin

import httpx2
import msgspec

from studio_engine.errors import EngineError
from studio_engine.lease import contract

T = TypeVar("T")

_JSON = {"Content-Type": "application/json"}
_TIMEOUT = httpx2.Timeout(10.0)
# What the server may add to the announced wait before it answers.
_CLAIM_MARGIN_S = 10.0


class ApiAwayError(Exception):
    """The api cannot be reached or is failing; trying again later may help."""


class ApiRefusedError(Exception):
    """The api understood and said no; trying again changes nothing."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{code}: {message}")


class TokenRefusedError(ApiRefusedError):
    """The engine token is wrong."""


class LeaseClient:
    """Connections are kept open: a fresh one costs more than the answer."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url
        self._authorization = {"Authorization": f"Bearer {token}"}
        # No proxy from the environment: the api is a neighbour.
        self._http = httpx2.AsyncClient(timeout=_TIMEOUT, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def register(self, request: contract.RegisterEngineRequest) -> contract.RegisterEngineResponse:
        return await self._post("register", request, answer=contract.RegisterEngineResponse)

    async def claim(self, request: contract.ClaimRequest) -> list[contract.Lease]:
        """As many jobs as wait, at most `slots`; empty after `wait_ms` without work."""
        patience = httpx2.Timeout(10.0, read=request.wait_ms / 1000 + _CLAIM_MARGIN_S)
        return (await self._post("claim", request, answer=contract.ClaimResponse, timeout=patience)).leases

    async def progress(self, job_id: str, request: contract.ProgressRequest) -> contract.ProgressResponse:
        return await self._post(f"jobs/{job_id}/progress", request, answer=contract.ProgressResponse)

    async def request_uploads(self, job_id: str, request: contract.UploadRequest) -> contract.UploadResponse:
        return await self._post(f"jobs/{job_id}/uploads", request, answer=contract.UploadResponse)

    async def finalize(self, job_id: str, request: contract.FinalizeRequest) -> contract.FinalizeResponse:
        return await self._post(f"jobs/{job_id}/finalize", request, answer=contract.FinalizeResponse)

    async def put(self, url: str, data: bytes, content_type: str) -> None:
        """Signed address: no token travels with it."""
        await self._send(
            "PUT", urljoin(self._api_url, url), body=data, headers={"Content-Type": content_type}, timeout=_TIMEOUT
        )

    async def fetch(self, file: contract.LeaseInput) -> bytes:
        """The bytes of an input. Raises EngineError `blob.hash_mismatch` when they are not the announced ones."""
        data = await self._send("GET", urljoin(self._api_url, file.url), body=None, headers={}, timeout=_TIMEOUT)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise EngineError("blob.hash_mismatch", f"The uploaded file {file.name} arrived damaged; upload it again.")
        return data

    async def _post(self, path: str, body: msgspec.Struct, *, answer: type[T], timeout: httpx2.Timeout = _TIMEOUT) -> T:
        url = f"{self._api_url}/engine/v1/{path}"
        raw = await self._send(
            "POST", url, body=msgspec.json.encode(body), headers=_JSON | self._authorization, timeout=timeout
        )
        try:
            return msgspec.json.decode(raw, type=answer)
        except msgspec.DecodeError as cause:
            raise ApiAwayError(f"{path}: the answer is not what the contract says: {cause}") from cause

    async def _send(
        self, method: str, url: str, *, body: bytes | None, headers: dict[str, str], timeout: httpx2.Timeout
    ) -> bytes:
        try:
            response = await self._http.request(method, url, content=body, headers=headers, timeout=timeout)
        except httpx2.HTTPError as cause:
            raise ApiAwayError(f"{method} {httpx2.URL(url).path}: {cause or type(cause).__name__}") from cause
        if response.is_success:
            return response.content
        raise _failure(response)


def _failure(response: httpx2.Response) -> ApiAwayError | ApiRefusedError:
    try:
        body = msgspec.json.decode(response.content, type=contract.Error).error
        code, message = body.code, body.message
    except msgspec.DecodeError:
        code, message = "unknown", response.text[:200]
    if response.status_code == 401:
        return TokenRefusedError(401, code, message)
    if response.status_code >= 500 or response.status_code in (408, 425, 429):
        return ApiAwayError(f"{response.status_code} {code}: {message}")
    return ApiRefusedError(response.status_code, code, message)
