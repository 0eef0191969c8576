"""Calls of the gateway's own API by its pages, in the process, as whoever asked for the page.

A page knows what the API tells and nothing else. So rights, limits and refusals are the same for a
person with a browser and for a program, and what a page shows can be had by a call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from .sent_fields import SentFields

#: Headers of the page's request that are about its body or its answer, and not about the caller.
_NOT_THE_CALLERS: Final = frozenset({
    b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type",
    b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since",
    b"idempotency-key", b"last-event-id", b"range", b"transfer-encoding",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call of the API; ``sent`` are the text fields of a form that was passed
    on."""

    status: int
    headers: Headers
    body: bytes
    sent: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status < 300

    def json(self) -> Any:
        """Return the body parsed as JSON; an empty dict if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


async def call(
    page: Request,
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    body: object = None,
) -> Answer:
    """Call the API as the caller of ``page``; ``body`` is sent as JSON, a merge patch by PATCH.

    Entries of ``query`` that are None or empty are left out.
    """
    content = b"" if body is None else json.dumps(body).encode()
    headers = [pair for pair in page.scope["headers"] if pair[0] not in _NOT_THE_CALLERS]
    headers.append((b"accept", b"application/json"))
    if body is not None:
        media = b"application/merge-patch+json" if method == "PATCH" else b"application/json"
        headers += [(b"content-type", media), (b"content-length", str(len(content)).encode())]
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            # It has not gone away, and calls run side by side: only one may read from the server.
            await anyio.sleep_forever()
        sent = True
        return {"type": "http.request", "body": content, "more_body": False}

    given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return await _call(page, method, path, headers, receive, query=urlencode(given))


async def pass_on(page: Request, path: str, namespace: str | None = None) -> Answer:
    """POST the page's own body, which is still unread, to the API: it streams through."""
    query = urlencode({"namespace": namespace}) if namespace else ""
    headers = [pair for pair in page.scope["headers"] if pair[0] not in (b"accept", b"range")]
    state = {"passed_on": True}
    form = SentFields(page.headers.get("content-type", ""))

    async def receive() -> Message:
        message = await page.receive()
        form.feed(message.get("body", b""))
        return message

    answer = await _call(page, "POST", path, headers, receive, query=query, state=state)
    return replace(answer, sent=form.fields)


async def _call(
    page: Request,
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    receive: Receive,
    *,
    query: str = "",
    state: Mapping[str, Any] | None = None,
) -> Answer:
    root = page.scope.get("root_path", "")
    scope = {
        **{
            name: page.scope[name]
            for name in ("type", "asgi", "http_version", "scheme", "client", "server")
            if name in page.scope
        },
        "method": method,
        "root_path": root,
        "path": root + path,
        "raw_path": quote(root + path).encode(),
        "query_string": query.encode(),
        "headers": headers,
        "state": dict(state or {}),
    }
    status = 500
    answered: list[tuple[bytes, bytes]] = []
    chunks: list[bytes] = []

    async def send(message: Message) -> None:
        nonlocal status, answered
        if message["type"] == "http.response.start":
            status, answered = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await page.app(scope, receive, send)
    return Answer(status, Headers(raw=answered), b"".join(chunks))
