"""Lets a client read the refusal of a body that it is still sending.

A server that closes a connection with unread bytes resets it, and a reset may take the response
from the client. So after a response to a large body that was not read to its end, what still
arrives is read and dropped for some seconds, and only then the connection is closed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of an announced body up to which a connection is kept: the server drops so few itself.
SMALL_BODY: Final = 64 * 1024
#: Seconds for which the rest of a body is dropped in all, and for which none of it may arrive.
LINGER_SECONDS: Final = 15.0
IDLE_SECONDS: Final = 2.0


class EarlyEnd:
    """Closes the connection after a response to a large body that was not read, but not at once.

    It must be outside of all middleware that holds something while a request runs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passed_on = scope.get("state", {}).get("passed_on", False)  # by a page, which sees to it
        if scope["type"] != "http" or passed_on or not _is_large(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        last: Message | None = None
        waits = True

        async def held(message: Message) -> None:
            nonlocal last, waits
            if message["type"] == "http.response.start" and not body.ended:
                MutableHeaders(scope=message)["Connection"] = "close"
                # A body that does not move is given up, and so is its connection.
                waits = message["status"] != 408
            elif not message.get("more_body", False) and not body.ended:
                last = {**message, "body": b""}
                message = {**message, "more_body": True}
            await send(message)

        await self._app(scope, body, held)
        if last is not None:
            # A client that waits for 100 Continue sends nothing after a refusal.
            if waits and (body.received or "expect" not in Headers(scope=scope)):
                await body.drop()
            await send(last)


class _Body:
    """The body of a request; ``ended`` once all of it has arrived, or the client has gone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.received = False
        self.ended = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.received = True
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drop(self) -> None:
        """Drop what still arrives."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.ended:
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self()
                    await asyncio.sleep(0)  # others have their turn, and so has the time limit


def _is_large(headers: Headers) -> bool:
    """Return whether a request announces a large body. One of unknown length may have no end: the
    server drops it as it comes."""
    announced = headers.get("content-length", "")
    return announced.isdecimal() and int(announced) > SMALL_BODY
