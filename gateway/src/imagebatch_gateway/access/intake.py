"""Limits on request bodies: their number at a time, their bytes, and the time to send them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_gateway.answers.problems import body_too_slow, too_many_uploads
from imagebatch_gateway.settings import Settings

#: Bytes of a body that is no upload: it is read into memory.
LARGEST_DOCUMENT: Final = 1024 * 1024
#: Bytes a second below which a body is given up.
SLOWEST: Final = 1000

_within: Final = ContextVar("within a bounded body", default=False)


class Intake:
    """Admits bodies while there is room for them, and gives up those that do not move.

    Raises:
        ConfigurationRefused: not even one largest upload has room.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.upload_bytes_under_way < settings.max_upload_bytes:
            raise ConfigurationRefused(
                "IMAGEBATCH_UPLOAD_BYTES_UNDER_WAY must be at least "
                "IMAGEBATCH_MAX_UPLOAD_BYTES, otherwise the largest upload never has room"
            )
        self._most_uploads = settings.uploads_under_way
        self._most_bytes = settings.upload_bytes_under_way
        self._seconds = settings.upload_stall_seconds
        self._uploads = 0
        self._bytes = 0

    @asynccontextmanager
    async def admitted(self, request: Request, *, takes_files: bool) -> AsyncIterator[Request]:
        """Yield the request with a body that is bounded. Room is held until the block ends.

        Only a route that ``takes_files`` may read more than :data:`LARGEST_DOCUMENT`, whatever the
        request says of its body.

        Raises:
            Problem: 503 at once, if there is no room. While the body is read: 503 if one of unknown
                length finds no room, 408 if it does not move.
            HTTPException: 413 while a body that is no upload is read.
        """
        if _within.get():
            # A page of the gateway passes its body on to a call: its room is held already.
            yield request
            return
        inner = _within.set(True)
        try:
            async with self._bounded(request, takes_files) as bounded:
                yield bounded
        finally:
            _within.reset(inner)

    @asynccontextmanager
    async def _bounded(self, request: Request, takes_files: bool) -> AsyncIterator[Request]:
        multipart = request.headers.get("Content-Type", "").lower().startswith("multipart/")
        if not (multipart and takes_files):
            yield _with(request, _Document(request.receive, self._seconds))
            return
        announced = request.headers.get("Content-Length", "")
        upload = _Upload(
            request.receive, self._seconds, self, int(announced) if announced.isdecimal() else 0
        )
        if self._uploads >= self._most_uploads:
            raise too_many_uploads()
        self.hold(upload.held)
        self._uploads += 1
        try:
            yield _with(request, upload)
        finally:
            self._uploads -= 1
            self._bytes -= upload.held

    def hold(self, size: int) -> None:
        """Hold room for bytes. Raises Problem 503."""
        if self._bytes + size > self._most_bytes:
            raise too_many_uploads()
        self._bytes += size


class _Body:
    """Receives a body that must move: at least :data:`SLOWEST` bytes a second, over ``seconds``."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._since: float | None = None
        self._recent = 0
        self._ended = False
        self.received = 0

    async def __call__(self) -> Message:
        if self._ended:
            # What follows is the news that the client has gone.
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError as error:
            raise body_too_slow() from error
        size = len(message.get("body", b""))
        self.received += size
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        if not self._ended:
            self._check_pace(size)
        self.check_size()
        return message

    def check_size(self) -> None:
        """Raise if the body has become too large."""

    def _check_pace(self, size: int) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._recent += size
        if now - self._since >= self._seconds:
            if self._recent < SLOWEST * (now - self._since):
                raise body_too_slow()
            self._since, self._recent = now, 0


class _Document(_Body):
    """A body that is read into memory."""

    def check_size(self) -> None:
        if self.received > LARGEST_DOCUMENT:
            raise HTTPException(
                413,
                f"The body is larger than {LARGEST_DOCUMENT} bytes; send a file as multipart.",
                {"Connection": "close"},
            )


class _Upload(_Body):
    """A body that is spooled; ``held`` bytes of room are held for it."""

    def __init__(self, receive: Receive, seconds: float, intake: Intake, held: int) -> None:
        super().__init__(receive, seconds)
        self._intake = intake
        self.held = held

    def check_size(self) -> None:
        if self.received > self.held:
            self._intake.hold(self.received - self.held)
            self.held = self.received


def _with(request: Request, receive: Receive) -> Request:
    return Request(request.scope, receive, request._send)
