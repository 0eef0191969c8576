"""Command line: ``draw --out DIR`` and ``serve [--photos DIR] [--host H] [--port P]``."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from samplehost import photos


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samplehost", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    draw = commands.add_parser("draw", help="draw the photographs into a folder")
    draw.add_argument("--out", type=Path, required=True)
    serve = commands.add_parser("serve", help="serve them, and receive webhooks")
    serve.add_argument("--photos", type=Path, help="folder; drawn into the cache when not given")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    return parser


def cached_photos() -> Path:
    """Folder of photographs in the user's cache, drawn once for each version of the recipe."""
    own = os.environ.get("IMAGEBATCH_CACHE")
    user = os.environ.get("XDG_CACHE_HOME")
    cache = Path(own) if own else (Path(user) if user else Path.home() / ".cache") / "imagebatch"
    recipe = hashlib.sha256(Path(photos.__file__).read_bytes()).hexdigest()[:12]
    folder = cache / f"photos-{recipe}"
    if not folder.is_dir():
        photos.draw(folder)
    return folder


async def _serve(folder: Path, host: str, port: int) -> None:
    # Here, not at the top: drawing needs no server.
    from aiohttp import web

    from samplehost.server import SampleHost

    runner = web.AppRunner(SampleHost(folder).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    address, bound, *_ = runner.addresses[0]
    shown = f"[{address}]" if ":" in address else address
    sys.stdout.write(f"samplehost listens on http://{shown}:{bound}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "draw":
        photos.draw(options.out)
    else:
        asyncio.run(_serve(options.photos or cached_photos(), options.host, options.port))
    return 0
