"""A gateway in memory: what the client sends, and the responses that a test scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from imagebatch import Client, Retries

Step = httpx.Response | httpx.TransportError | Callable[[httpx.Request], httpx.Response]

REQUEST: dict[str, Any] = {
    "requestId": "r1",
    "status": "processing",
    "outputImageUrls": [],
    "outputImageUrlsTruncated": False,
    "next": None,
    "products": 2,
    "rowProblemCount": 0,
    "notices": [],
    "note": None,
    "inputSha256": None,
    "images": {"total": 4, "done": 1},
    "bytes": {"in": 100, "out": 40},
    "saved": "60%",
    "reuse": None,
    "reason": None,
    "message": None,
    "conditions": [],
    "createdAt": "2026-11-28T10:00:00Z",
    "startedAt": None,
    "completedAt": None,
    "duration": None,
    "statusUrl": "http://g/api/status/r1",
    "downloadUrl": None,
    "webhook": None,
    "name": None,
    "fileName": "a.csv",
    "createdBy": None,
    "webhookUrl": None,
    "suspend": False,
    "suspendAfter": None,
    "parallelism": 4,
    "priority": 0,
    "queuePosition": None,
    "estimate": None,
}
UPLOADED: dict[str, Any] = {
    "requestId": "r1",
    "statusUrl": "http://g/api/status/r1",
    "downloadUrl": "http://g/api/download/r1",
    "products": 1,
    "images": 1,
    "rowsChecked": 1,
    "rowProblemCount": 0,
    "rowProblems": [],
    "notices": [],
}


def a_request(**changes: Any) -> dict[str, Any]:
    return {**REQUEST, **changes}


def problem(status: int, message: str = "no", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"message": message, "errors": []}, headers=sent)


class ScriptedGateway:
    """Gives its steps one after another, and keeps what was sent and how long was waited."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.sent: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        self.bodies.append(request.read())
        step = self._steps.pop(0)
        if isinstance(step, httpx.TransportError):
            raise step
        return step if isinstance(step, httpx.Response) else step(request)

    @property
    def done(self) -> bool:
        return not self._steps

    def client(self, **options: Any) -> Client:
        return Client(
            "http://gateway.test",
            transport=httpx.MockTransport(self),
            sleep=self.waits.append,
            retries=Retries(attempts=3, jitter=lambda _least, most: most),
            **options,
        )
