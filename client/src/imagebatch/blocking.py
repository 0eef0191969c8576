"""The client for programs that block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import httpx

from . import calls, models
from .bodies import NewKey, NewRequest, Patch, RetryOnly, TableOptions, UploadOptions
from .calls import Call, DownloadFormat, Page
from .connection import POLL_SECONDS, Connection, follows_redirects, timeout_of
from .errors import refusal
from .key_models import Caller, Key, NewlyMadeKey
from .models import RequestStatus
from .retries import RETRIES, Retries
from .server_events import EventReader
from .sinks import Sink, StreamSink, complete_file
from .uploadable import Source, uploadable

T = TypeVar("T")


class Client:
    """Calls a gateway. Use it as a context manager, or close it.

    Not given, ``url``, ``token`` and ``namespace`` are IMAGEBATCH_URL (else
    http://127.0.0.1:8080), IMAGEBATCH_TOKEN and IMAGEBATCH_NAMESPACE. ``timeout`` is the longest
    silence in seconds, not the length of a transfer.

    Methods raise the errors of imagebatch.errors.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        namespace: str | None = None,
        timeout: float = 120.0,
        retries: Retries = RETRIES,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = Connection.of(url, token, namespace)
        self._retries = retries
        self._sleep = sleep
        self._http = httpx.Client(timeout=timeout_of(timeout), transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def upload(
        self,
        source: Source,
        options: UploadOptions | None = None,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.Upload:
        """Upload a CSV or .xlsx file, given by its path or as a binary stream.

        Repeated with the same ``idempotency_key`` it gives the same request; not given, a new one
        serves for the retries of this call.
        """
        with uploadable(source, name) as file:
            return self._send(calls.upload(file, options, idempotency_key))

    def validate(
        self, source: Source, options: TableOptions | None = None, *, name: str | None = None
    ) -> models.Validation:
        """Return what an upload of the file would find. The gateway keeps nothing."""
        with uploadable(source, name) as file:
            return self._send(calls.validate(file, options))

    def create(self, body: NewRequest, *, idempotency_key: str | None = None) -> models.Created:
        """Create a request from an address, an object, inline CSV or an earlier request."""
        return self._send(calls.create(body, idempotency_key))

    def status(self, request_id: str) -> models.Request:
        """Return a request with its progress."""
        return self._send(calls.status(request_id))

    def wait(self, request_id: str, *, timeout: float | None = None) -> models.Request:
        """Return the request once it has ended. Raises TimeoutError after ``timeout`` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while not (request := self.status(request_id)).status.ended:
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"{request_id} is {request.status} after {timeout} s")
            self._sleep(POLL_SECONDS)
        return request

    def requests(
        self,
        *,
        status: RequestStatus | None = None,
        search: str | None = None,
        page_size: int = 100,
    ) -> Iterator[models.RequestSummary]:
        """Yield all requests, newest first, page by page.

        ``search`` is text in the requestId, the name or the file's name.
        """
        return self._items(calls.requests(status, search, page_size))

    def patch(self, request_id: str, body: Patch) -> models.Request:
        """Change a request that has not ended."""
        return self._send(calls.patch(request_id, body))

    def suspend(self, request_id: str) -> models.Request:
        """Suspend a request."""
        return self.patch(request_id, Patch(suspend=True))

    def resume(self, request_id: str) -> models.Request:
        """Resume a request that was suspended, or confirm one that ``suspend_after`` holds."""
        return self.patch(request_id, Patch(suspend=False, suspend_after=None))

    def cancel(self, request_id: str) -> models.Request:
        """Cancel a request for good. What is done is kept and reported."""
        return self.patch(request_id, Patch(cancel=True))

    def delete(self, request_id: str) -> None:
        """Delete a request."""
        self._send(calls.delete(request_id))

    def retry(
        self, request_id: str, only: RetryOnly = "failed", *, idempotency_key: str | None = None
    ) -> models.Created:
        """Create a request for the failed images of one that has ended."""
        return self._send(calls.retry(request_id, only, idempotency_key))

    def images(
        self,
        request_id: str,
        *,
        status: str | None = None,
        code: str | None = None,
        row: int | None = None,
        page_size: int = 1000,
    ) -> Iterator[models.Image]:
        """Yield the results of images in input order, page by page."""
        return self._items(calls.images(request_id, status, code, row, page_size))

    def failures(self, request_id: str) -> list[models.Failure]:
        """Return the reasons for which images failed, the most frequent first."""
        return self._send(calls.failures(request_id)).items

    def products(self, request_id: str, *, page_size: int = 1000) -> Iterator[models.Product]:
        """Yield the products with their outputs, page by page."""
        return self._items(calls.products(request_id, page_size))

    def webhook(self, request_id: str) -> models.WebhookDelivery:
        """Return how far the delivery of the request's webhook has come."""
        return self._send(calls.webhook(request_id))

    def replay_webhook(self, request_id: str) -> models.WebhookDelivery:
        """Have the webhook's event sent once more under the same id."""
        return self._send(calls.replay_webhook(request_id))

    def me(self) -> Caller:
        """Return who the caller is, and what they may do."""
        return self._send(calls.me())

    def keys(self) -> Iterator[Key]:
        """Yield the API keys of the namespace."""
        return self._items(calls.keys())

    def create_key(self, body: NewKey) -> NewlyMadeKey:
        """Make an API key. Its secret is in the result and never shown again."""
        return self._send(calls.create_key(body))

    def revoke_key(self, key_id: str) -> None:
        """End an API key."""
        self._send(calls.revoke_key(key_id))

    def download(
        self,
        request_id: str,
        target: Path | str | IO[bytes],
        format: DownloadFormat = "csv",  # noqa: A002
        *,
        raw: bool = False,
    ) -> None:
        """Write the results to a file or binary stream.

        A file is there when it is complete, not before. A download that breaks off is continued.
        """
        call = calls.download(request_id, format, raw=raw)
        if isinstance(target, (str, Path)):
            with complete_file(Path(target)) as sink:
                self._stream(call, sink)
        else:
            self._stream(call, StreamSink(target))

    def download_output(
        self, image: models.Image, target: Path | str, *, sha256: str | None = None
    ) -> None:
        """Write the output of an image to a file; with ``sha256``, only what has this hash."""
        with complete_file(Path(target), sha256=sha256) as sink:
            self._stream(calls.output(image), sink)

    def events(self, request_id: str) -> Iterator[models.Request]:
        """Yield the request now and after each change, until it has ended.

        A connection that breaks off is made again and continues where it was.
        """
        last_id: str | None = None
        attempt = 1
        while True:
            reader = EventReader()
            try:
                with self._open(calls.events(request_id, last_id)) as response:
                    if response.is_success:
                        for piece in response.iter_bytes():
                            attempt = 1
                            for event in reader.feed(piece):
                                last_id = event.id
                                request = models.Request.model_validate_json(event.data)
                                yield request
                                if request.status.ended:
                                    return
                        raise httpx.RemoteProtocolError("the stream ended before the request did")
                    response.read()
                    wait = self._retries.after_response(attempt, response, repeatable=True)
                    if wait is None:
                        raise refusal(response)
            except httpx.TransportError as error:
                wait = self._retries.after_error(attempt, error, repeatable=True)
                if wait is None:
                    raise self.connection.unreachable(error) from error
            self._sleep(wait)
            attempt += 1

    def _items(self, call: Call[Page[T]]) -> Iterator[T]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._send(calls.next_page(call, cursor) if cursor else call)
            yield from page.items
            cursor = page.cursor

    def _send(self, call: Call[T]) -> T:
        attempt = 1
        while True:
            try:
                request = self._http.build_request(**self.connection.arguments(call))
                response = self._http.send(request)
            except httpx.TransportError as error:
                wait = self._retries.after_error(attempt, error, repeatable=call.repeatable)
                if wait is None:
                    raise self.connection.unreachable(error) from error
            else:
                if response.is_success:
                    return self.connection.read(call, response)
                wait = self._retries.after_response(attempt, response, repeatable=call.repeatable)
                if wait is None:
                    raise refusal(response)
            self._sleep(wait)
            attempt += 1

    def _stream(self, call: Call[None], sink: Sink) -> None:
        attempt = 1
        while True:
            before = sink.received
            try:
                with self._open(calls.following(call, sink.received, sink.etag)) as response:
                    if response.is_success:
                        sink.begin(response)
                        for piece in response.iter_bytes():
                            sink.write(piece)
                        return
                    response.read()
                    wait = self._retries.after_response(attempt, response, repeatable=True)
                    if wait is None:
                        raise refusal(response)
            except httpx.TransportError as error:
                attempt = 1 if sink.received > before else attempt
                wait = self._retries.after_error(attempt, error, repeatable=True)
                if wait is None:
                    raise self.connection.unreachable(error) from error
            self._sleep(wait)
            attempt += 1

    def _open(self, call: Call[Any]) -> AbstractContextManager[httpx.Response]:
        arguments = self.connection.arguments(call)
        return self._http.stream(**arguments, follow_redirects=follows_redirects(call))
