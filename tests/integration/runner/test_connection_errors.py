"""Hosts that cannot be talked to: the code, and words that say what to look at."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings


async def failure(url: str, retries: int = 0) -> ImageFailed:
    settings = Settings(fetch_allow="127.0.0.1", retry_base_seconds=0)
    async with open_session(settings) as session:
        with pytest.raises(ImageFailed) as failed:
            async with Fetcher(session, settings, retries).fetched(url):
                pass
    return failed.value


@asynccontextmanager
async def answering(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port that answers whatever it is told with these bytes, and closes."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1"
    )
    subprocess.run(
        [*make.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    failed = await failure(f"http://127.0.0.1:{port}/a.jpg", retries=1)
    assert (failed.code, failed.attempts) == (ErrorCode.CONNECT_FAILED, 2)
    assert failed.message == f"127.0.0.1:{port} refuses connections"


async def test_host_that_closes_without_an_answer() -> None:
    async with answering(b"") as port:
        failed = await failure(f"http://127.0.0.1:{port}/a.jpg")
    assert failed.code is ErrorCode.CONNECT_FAILED
    assert failed.message == "the host closed the connection without a response"


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorCode.TLS_FAILED, "speaks no TLS"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ErrorCode.TLS_FAILED, "speaks no TLS"),
        (b"", ErrorCode.CONNECT_FAILED, "closed the connection during the TLS handshake"),
    ],
)
async def test_https_of_a_host_without_it_asks_whether_http_is_meant(
    answer: bytes, code: ErrorCode, why: str
) -> None:
    async with answering(answer) as port:
        failed = await failure(f"https://127.0.0.1:{port}/a.jpg")
    assert failed.code is code
    assert failed.message == f"127.0.0.1:{port} {why}: is it an http:// address?"


async def test_certificate_that_nobody_signed(self_signed: ssl.SSLContext) -> None:
    async with answering(b"", self_signed) as port:
        failed = await failure(f"https://127.0.0.1:{port}/a.jpg")
    assert failed.code is ErrorCode.TLS_FAILED
    assert failed.message == (
        f"the certificate of 127.0.0.1:{port} is not accepted: self-signed certificate"
    )
