"""The command download: the output CSV, and all images into a folder."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from imagebatch.calls import DownloadFormat

from . import screen, words
from .context import AsJson, Gateway, RequestId, calling, gateway_of, reported
from .exits import Exit
from .output_files import Tally, fetch_outputs

#: Ending of the file that --format makes.
_ENDINGS: dict[DownloadFormat, str] = {
    "csv": "csv",
    "jsonl": "jsonl",
    "failed": "failed.csv",
    "zip": "zip",
}


class _Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    FAILED = "failed"
    ZIP = "zip"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("download")(download)


def download(
    context: typer.Context,
    request_id: RequestId,
    *,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="File; - is standard output.", show_default="ID.csv"),
    ] = None,
    format_: Annotated[
        _Format,
        typer.Option(
            "--format",
            help="csv: the output CSV. jsonl: one line an image. failed: the input's rows with a "
            "failed image, to be sent again. zip: all images in one archive.",
        ),
    ] = _Format.CSV,
    raw: Annotated[
        bool, typer.Option("--raw", help="Cells as they are; default: safe for spreadsheets.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder for all images; those that are there already are kept."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Images at the same time.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Get the results: the output CSV, or with --images all images as files.

    With --images, the CSV is written only if --out names its file. Images are named
    ROW-POSITION.EXTENSION. Run it again to continue one that was interrupted.
    """
    name: DownloadFormat = format_.value
    written: dict[str, object] = {}
    if images is None or out is not None:
        target = out or f"{request_id}.{_ENDINGS[name]}"
        with calling(context) as client:
            if target == "-":
                client.download(request_id, sys.stdout.buffer, name, raw=raw)
                sys.stdout.buffer.flush()
            else:
                client.download(request_id, Path(target), name, raw=raw)
                written["file"] = target
                screen.say(f"written: {target}")
    code = Exit.DONE
    if images is not None:
        tally = _fetch(gateway_of(context), request_id, images, jobs)
        written |= {"folder": str(images), **tally.as_json()}
        told = f"{words.counted(tally.fetched, 'image')}, {words.size(tally.bytes)}"
        screen.say(f"{told} to {images}; {tally.present:,} were there")
        for problem in tally.problems:
            screen.complain(problem)
        code = Exit.UNREACHABLE if tally.problems else Exit.DONE
    if as_json and out != "-":
        screen.write_json(written)
    raise typer.Exit(code)


def _fetch(gateway: Gateway, request_id: str, folder: Path, jobs: int) -> Tally:
    with (
        reported(gateway),
        screen.ProgressBars(
            TextColumn("images"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TimeRemainingColumn(),
        ) as progress,
    ):
        task = progress.add_task("", total=0)

        def took(tally: Tally, total: int) -> None:
            progress.update(task, completed=tally.fetched + tally.present, total=total)

        return asyncio.run(fetch_outputs(gateway, request_id, folder, jobs, took))
