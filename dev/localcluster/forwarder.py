"""A TCP forwarder: ``python3 -m localcluster.forwarder HOST_PORT ADDRESS NODE_PORT MARKER``.

MARKER is a file that it creates once it listens.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CHUNK = 1 << 16
_CONNECT_SECONDS = 5.0


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _serve(port: int, address: str, node_port: int, listening: Callable[[], None]) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = asyncio.open_connection(address, node_port)
            far_reader, far_writer = await asyncio.wait_for(there, _CONNECT_SECONDS)
        except (TimeoutError, OSError):
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            for end in (far_writer, writer):
                end.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    listening()
    async with server:
        await server.serve_forever()


def main(arguments: list[str]) -> None:
    port, address, node_port = int(arguments[0]), arguments[1], int(arguments[2])
    marker = Path(arguments[3])
    asyncio.run(_serve(port, address, node_port, marker.touch))


if __name__ == "__main__":
    main(sys.argv[1:])
