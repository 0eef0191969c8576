"""Send requests to untrusted hosts: the guarded session, and redirects followed one by one.

Every redirect is checked like the first URL: a public host may redirect to a private one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from datetime import UTC, datetime
from importlib.metadata import version

import aiohttp
import yarl
from aiohttp.connector import Connection

from imagebatch_core.egress import guarded_connector
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.results import ErrorCode
from imagebatch_core.retry_after import parse_retry_after
from imagebatch_core.shown_url import shown_url
from imagebatch_core.urls import UrlRefused, check_redirect, check_url
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.settings import Settings

from .credentials import NO_CREDENTIALS, Credentials
from .validators import Validators

NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: Half of the bytes of a body that may wait in a connection; fewer mean more event loop turns.
_READ_BUFFER = 256 * 1024

Gate = Callable[[str], AbstractAsyncContextManager[None]]


def open_session(
    settings: Settings,
    credentials: Credentials = NO_CREDENTIALS,
    *,
    rules: EgressRules | None = None,
) -> aiohttp.ClientSession:
    """Open an HTTP session without cookies, automatic decompression, or the proxies that
    environment variables name.

    :mod:`.body` decompresses instead, because it counts the bytes before and after against the
    size limit. ``credentials`` are
    looked up for each request, so a redirect does not carry them to another host. ``rules`` say
    which addresses are allowed; by default those of the settings.
    """
    return aiohttp.ClientSession(
        connector=guarded_connector(rules or settings.egress_rules, limit=0, ttl_dns_cache=60),
        timeout=aiohttp.ClientTimeout(
            total=None,
            sock_connect=settings.fetch_connect_seconds,
            sock_read=settings.fetch_read_seconds,
        ),
        headers={
            "User-Agent": f"ImageBatch/{version('imagebatch-runner')} (+{settings.contact_url})",
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_telling(credentials),),
        response_class=_prompt_response(settings),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_READ_BUFFER,
    )


def _prompt_response(settings: Settings) -> type[aiohttp.ClientResponse]:
    """Return a response class with a timeout for the whole header of a response.

    A host that sends its header byte by byte, or endless early hints, keeps the timeout between two
    reads from running out.
    """
    seconds = settings.fetch_read_seconds + settings.fetch_floor_seconds

    class PromptResponse(aiohttp.ClientResponse):
        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            async with asyncio.timeout(seconds):
                return await super().start(connection)

    return PromptResponse


def _telling(credentials: Credentials) -> aiohttp.ClientMiddlewareType:
    async def add_headers(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        url = request.url
        request.headers.update(credentials.headers(url.scheme, url.raw_host or "", url.port or 0))
        return await handler(request)

    return add_headers


def checked(url: str) -> yarl.URL:
    """Check and return the parsed URL.

    Raises:
        ImageFailed: ``invalid_url``, which is not retried.
    """
    try:
        return check_url(url)
    except UrlRefused as error:
        raise ImageFailed(ErrorCode.INVALID_URL, str(error)) from error


def _redirected(base: yarl.URL, location: str) -> yarl.URL:
    """Check and return the target of a redirect, the ``Location`` of a response from ``base``.

    Raises:
        ImageFailed: ``invalid_url``, which is not retried.
    """
    try:
        return check_redirect(base, location)
    except UrlRefused as error:
        raise ImageFailed(
            ErrorCode.INVALID_URL, f"redirected to {shown_url(location)}: {error}"
        ) from error


def validators_of(response: aiohttp.ClientResponse, url: str) -> Validators:
    """Return the validators of the response to ``url``, which must be valid."""
    redirected = response.url != check_url(url)
    return Validators.of(response.headers, response.url if redirected else None)


def host_of(url: yarl.URL) -> str:
    return f"{url.raw_host}:{url.port}"


def host_named_by(url: str) -> str | None:
    """Return :func:`host_of` for the text of a URL; ``None`` if the URL is refused."""
    try:
        return host_of(check_url(url))
    except UrlRefused:
        return None


@asynccontextmanager
async def opened(
    session: aiohttp.ClientSession,
    url: str | yarl.URL,
    *,
    redirects: int,
    gate: Gate = lambda _host: nullcontext(),
    answered: Callable[[int], None] = lambda _status: None,
    known: Validators | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Request ``url``, follow at most ``redirects`` redirects and yield the response of status 200.

    ``url`` is checked if it is text; a parsed URL is our own and trusted. ``gate`` is entered for
    each request, with its host. ``answered`` is called with the status of each response, redirects
    included. With ``known`` validators of an earlier response the last status may also be 304: the
    image did not change.

    Raises:
        ImageFailed: the last response has another status, there are too many redirects, or a URL is
            refused.
    """
    target = checked(url) if isinstance(url, str) else url
    for hop in range(redirects + 1):
        conditions = known.conditions(target, redirected=hop > 0) if known else {}
        async with (
            gate(host_of(target)),
            session.get(target, allow_redirects=False, headers=conditions) as response,
        ):
            answered(response.status)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or location is None:
                if not (conditions and response.status == NOT_MODIFIED):
                    _expect_success(response)
                with _told_of_its_end(response):
                    yield response
                return
            target = _redirected(target, location)
    raise ImageFailed(ErrorCode.TOO_MANY_REDIRECTS, f"more than {redirects} redirects")


@contextmanager
def _told_of_its_end(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Raise an error in the body's reader when the connection is closed.

    aiohttp does so itself, except when it closes the connection because of a late protocol error in
    the body: the reader would then wait for the timeout.
    """
    content, connection = response.content, response.connection
    if connection is None or connection.protocol is None:  # the body is complete
        yield
        return

    def ended(closed: asyncio.Future[None] | None) -> None:
        if closed is not None and not closed.cancelled():
            closed.exception()  # otherwise asyncio logs that nobody retrieved it
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was closed"))

    closed = connection.protocol.closed
    if closed is None:
        ended(closed)
        yield
        return
    closed.add_done_callback(ended)
    try:
        yield
    finally:
        closed.remove_done_callback(ended)  # the connection may be used for other responses


def _expect_success(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == 200:
        return
    message = f"{status} {response.reason or ''}".strip()
    if status == 429:
        code = ErrorCode.TOO_MANY_REQUESTS
    elif status >= 500:
        code = ErrorCode.SERVER_ERROR
    elif status == 408:
        code = ErrorCode.TIMEOUT
    else:
        code = ErrorCode.HTTP_STATUS
    raise ImageFailed(
        code,
        message,
        http_status=status,
        retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
    )
