"""A proxy between the runner and a real S3 that can fail as networks and stores do.

``with S3Proxy(s3) as proxy:`` listens on its own port and forwards each request on a connection of
its own. ``proxy.fail("hang")`` makes all requests fail from then on, even running ones;
``proxy.heal()`` ends that. ``proxy.poison(word, status)`` fails only requests whose path contains a
word; ``proxy.cut(word)`` cuts off the response to one such request; ``proxy.refuse_copies()``
refuses copies within the store.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Literal

from hosttools.ports import free_port
from hosttools.service import Service

from .seaweedfs import SeaweedFS

Mode = Literal["pass", "refuse", "reset", "hang", "slow", "500", "503"]

#: In the mode "slow": seconds before each response, and its bytes per second.
LATENCY = 1.0
BANDWIDTH = 200_000
#: Seconds for the start of a cut response to arrive, because a reset drops bytes not read yet.
CUT_AFTER = 0.2

_BODIES = {
    400: b"<Error><Code>InvalidRequest</Code><Message>no</Message></Error>",
    404: b"<Error><Code>NoSuchUpload</Code><Message>no</Message></Error>",
    403: b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    507: b"<Error><Code>XMinioStorageFull</Code><Message>no</Message></Error>",
    500: b"<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>",
    503: b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
}


class S3Proxy(Service):
    """The proxy. ``requests`` counts requests by (mode, method); ``seen`` has the method, the path
    with its query, the source of a copy, and the body of a deletion, of each."""

    def __init__(self, s3: SeaweedFS) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.seen: list[tuple[str, str, str, str]] = []
        self._s3 = s3
        self._mode: Mode = "pass"
        self._poison: dict[str, tuple[int, bytes]] = {}
        self._cuts: list[str] = []
        self._copies_refused = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listening: socket.socket | None = None
        self._adopting: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._healed: asyncio.Event | None = None
        # In the mode that refuses connections the port is not bound; it stays reserved for this
        # proxy.
        self.port = free_port()

    def set_up(self) -> None:
        self._thread.start()
        self._call(self._switch("pass"))

    def tear_down(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def env(self) -> dict[str, str]:
        """Return the variables with which the runner uses the proxy."""
        return self._s3.env() | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def fail(self, mode: Mode, seconds: float | None = None) -> None:
        """Fail in this way for some seconds, or until :meth:`heal`."""
        self._call(self._switch(mode))
        if seconds is not None:
            self._loop.call_soon_threadsafe(self._heal_after, seconds)

    def heal(self) -> None:
        self._call(self._switch("pass"))

    def poison(self, word: str, status: int, code: str | None = None) -> None:
        """Respond to requests whose path contains ``word`` with this status, and with the error
        ``code`` if given. Other requests are forwarded."""
        body = f"<Error><Code>{code}</Code></Error>".encode() if code else _BODIES[status]
        self._poison[word] = (status, body)

    def cure(self) -> None:
        """End the effect of :meth:`poison`."""
        self._poison.clear()

    def cut(self, word: str) -> None:
        """Forward the next request whose path contains ``word``, and break the connection in the
        middle of its response."""
        self._cuts.append(word)

    @property
    def cuts_to_come(self) -> list[str]:
        """Return the words of :meth:`cut` that no request has matched yet."""
        return list(self._cuts)

    def refuse_copies(self) -> None:
        """Refuse copies within the store, like a policy that allows only reading and writing."""
        self._copies_refused = True

    def _heal_after(self, seconds: float) -> None:
        """Heal after some seconds, by a timer of the proxy's loop, which ends with the proxy."""
        self._loop.call_later(seconds, lambda: self._switch_now("pass"))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _listen(self) -> None:
        """Listen, without asyncio's server: when that is closed, it forgets a connection accepted
        at that moment, which then stays open without a response."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept, self._listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return  # it went away again
        accepted.setblocking(False)
        task = self._loop.create_task(self._adopt(accepted))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    async def _adopt(self, accepted: socket.socket) -> None:
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        await self._loop.connect_accepted_socket(lambda: protocol, accepted)

    async def _close(self) -> None:
        await self._switch("refuse")
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _switch(self, mode: Mode) -> None:
        self._switch_now(mode)

    def _switch_now(self, mode: Mode) -> None:
        self._mode = mode
        if self._healed is not None:
            self._healed.set()
            self._healed = None
        if mode == "hang":
            self._healed = asyncio.Event()
        elif mode != "pass":
            for writer in list(self._open):
                _reset(writer)
        if mode == "refuse" and self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        elif mode != "refuse" and self._listening is None:
            self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._mode == "reset":
                _reset(writer)
                return
            await self._request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of the two ends is gone, or the proxy itself
        finally:
            self._open.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ")
        self.requests[self._mode, method] += 1
        await self._unless_hanging()
        length, copied = 0, ""
        kept = [first, "Connection: close"]
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
            if name.lower() == "x-amz-copy-source":
                copied = value.strip()
            if name.lower() not in ("connection", "keep-alive"):
                kept.append(line)
        body = await reader.readexactly(length)
        deleted = body.decode() if path.endswith("?delete") else ""
        self.seen.append((method, path, copied, deleted))
        await self._unless_hanging()
        failure = next((f for word, f in self._poison.items() if word in path), None)
        if self._copies_refused and copied:
            failure = (403, _BODIES[403])
        if failure is None and self._mode in ("500", "503"):
            failure = (int(self._mode), _BODIES[int(self._mode)])
        if failure is not None:
            status, text = failure
            writer.write(
                f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\n"
                f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode()
                + (b"" if method == "HEAD" else text)
            )
            await writer.drain()
            return
        cut = next((word for word in self._cuts if word in path), None)
        if cut is not None:
            self._cuts.remove(cut)
        request = "\r\n".join(kept).encode("latin-1") + b"\r\n\r\n" + body
        await self._pass_on(request, writer, cut=cut is not None)

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter, *, cut: bool) -> None:
        port = int(self._s3.endpoint.rpartition(":")[2])
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        try:
            forth.write(request)
            await forth.drain()
            if cut:
                answer = await back.read()
                writer.write(answer[: len(answer) - 20])
                await writer.drain()
                await asyncio.sleep(CUT_AFTER)
                _reset(writer)
                return
            if self._mode == "slow":
                await asyncio.sleep(LATENCY)
            while data := await back.read(16 * 1024):
                await self._unless_hanging()
                if self._mode == "slow":
                    await asyncio.sleep(len(data) / BANDWIDTH)
                writer.write(data)
                await writer.drain()
        finally:
            forth.close()

    async def _unless_hanging(self) -> None:
        """Wait while the proxy hangs. Running requests continue when it is healed, as after a
        network outage."""
        while self._healed is not None:
            await self._healed.wait()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection (RST instead of FIN)."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
