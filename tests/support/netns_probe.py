"""Run inside a network namespace of its own, where nothing but loopback exists: real dials.

``unshare -nm python tests/support/netns_probe.py`` gives itself the addresses that a guard must
not reach, puts a listening host behind each, and prints as JSON what the product's own fetch made
of them: ``{"ends": {url: code or "fetched"}, "reached": [address, …]}``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.fetch.fetcher import Fetcher
from imagebatch_runner.fetch.web import open_session
from imagebatch_runner.settings import Settings

PORT = 8080
PUBLIC = ("8.8.8.8", "2606:4700::1111", "64:ff9b::808:808")
PRIVATE = (
    "10.0.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192",
    "192.168.1.1", "198.18.0.1", "240.0.0.1", "fd00:ec2::254", "fec0::1", "2002:a00:1::1",
    "64:ff9b::a00:1", "2001:0:a00:1::1", "2606:4700::5efe:a00:1", "127.0.0.1", "::1",
)  # fmt: skip
HOSTS = """\
127.0.0.1 localhost
8.8.8.8 public.example
10.0.0.1 private.example
8.8.8.8 mixed.example
169.254.169.254 mixed.example
2606:4700::1111 six.example
fd00:ec2::254 six.example
127.0.0.1 loop.example
169.254.169.254 meta.example
"""


def set_up() -> None:
    """Loopback up, with all addresses, and an /etc/hosts that this namespace alone sees."""
    _ip("link", "set", "lo", "up")
    for address in (*PUBLIC, *PRIVATE):
        if address not in ("127.0.0.1", "::1"):
            _ip("addr", "add", address + ("/128" if ":" in address else "/32"), "dev", "lo")
    with tempfile.NamedTemporaryFile("w", delete=False) as hosts:
        hosts.write(HOSTS)
    subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
    Path(hosts.name).unlink()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


async def main() -> dict[str, Any]:
    reached: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("sockname")[0])
        path = (await reader.readline()).split()[1].decode()
        while (await reader.readline()).strip():
            pass
        if path.startswith("/to/"):
            head = f"HTTP/1.1 302 Found\r\nLocation: {_url(path[4:])}\r\nContent-Length: 0\r\n"
        else:
            head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{'' if '302' in head else 'x'}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, ["0.0.0.0", "::"], PORT)
    names = ("public.example", "private.example", "mixed.example", "six.example", "localhost")
    closed = [_url(to) for to in (*PUBLIC, *PRIVATE, *names)]
    closed += [_url("public.example") + f"to/{address}" for address in PRIVATE]
    async with server:
        found = {
            "closed": await _ends(closed, ""),
            "by host": await _ends([_url("private.example"), _url("10.0.0.1")], "private.example"),
            "by name": await _ends(
                [_url("loop.example"), _url("meta.example")], "loop.example,meta.example"
            ),
            "denied": await _ends(
                [_url("public.example"), _url("64:ff9b::808:808"), _url("2606:4700::1111")],
                "public.example,8.0.0.0/8",
                "8.8.8.0/24",
            ),
            "by network": await _ends([_url("private.example"), _url("192.168.1.1")], "10.0.0.0/8"),
        }
    return {"ends": found, "reached": reached}


async def _ends(urls: list[str], allow: str, deny: str = "") -> dict[str, str]:
    settings = Settings(fetch_allow=allow, fetch_deny=deny)
    ends: dict[str, str] = {}
    async with open_session(settings) as session:
        fetcher = Fetcher(session, settings, retries=0)
        for url in urls:
            try:
                async with fetcher.fetched(url):
                    ends[url] = "fetched"
            except ImageFailed as failure:
                ends[url] = failure.code.value
    return ends


def _url(host: str) -> str:
    return f"http://[{host}]:{PORT}/" if ":" in host else f"http://{host}:{PORT}/"


if __name__ == "__main__":
    set_up()
    print(json.dumps(asyncio.run(main())))
