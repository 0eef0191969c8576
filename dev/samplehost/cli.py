"""Command line: ``draw --out DIR`` and ``serve [--photos DIR] [--host H] [--port P]``."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path


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
    """Return the folder of photographs in the cache; draw them if the drawing code has changed."""
    # Imported here, because the image contains only the package samplehost.
    from hosttools.cache import cache_root  # noqa: PLC0415
    from hosttools.filelock import held  # noqa: PLC0415

    recipe = hashlib.sha256()
    for name in ("photos.py", "draw.py"):
        recipe.update(Path(__file__).with_name(name).read_bytes())
    folder = cache_root() / f"photos-{recipe.hexdigest()[:12]}"
    with held(cache_root() / "photos.lock", "the photographs, which another process draws"):
        if not folder.is_dir():
            _draw(folder)
    return folder


def _draw(folder: Path) -> None:
    from .draw import draw  # noqa: PLC0415 - the server runs where numpy and Pillow are not

    draw(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.command == "draw":
        _draw(options.out)
        return 0
    from .server import serve  # noqa: PLC0415 - drawing needs no server

    asyncio.run(serve(options.photos or cached_photos(), options.host, options.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
