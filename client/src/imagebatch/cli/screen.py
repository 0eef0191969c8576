"""What the command writes: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import Progress, ProgressColumn
from rich.table import Table
from rich.text import Text

from imagebatch.errors import ImageBatchError, Refused
from imagebatch.models import ApiModel

from .exits import Exit, exit_of_error

#: Problems that are shown of a refused file.
_MOST_PROBLEMS = 20


class Style(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def style_of(*, as_json: bool, as_jsonl: bool = False) -> Style:
    """Return the style that the options ask for."""
    if as_json and as_jsonl:
        raise typer.BadParameter("--json and --jsonl exclude each other")
    return Style.JSON if as_json else Style.JSONL if as_jsonl else Style.TEXT


#: Columns of a terminal from which on a table has room for a requestId.
_ROOM_FOR_NAMES = 72
#: Cells at the end of a bar's line for the ``^C`` that a terminal shows: it would begin a new line.
_ROOM = 3


class ProgressBars(Progress):
    """Bars on standard error; none where that is no terminal."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._notes = notes()
        disable = not self._notes.is_terminal
        super().__init__(*columns, console=self._notes, disable=disable)

    def get_renderable(self) -> RenderableType:
        """Return the bars."""
        return Constrain(super().get_renderable(), max(1, self._notes.width - _ROOM))


def notes() -> Console:
    """Return the console of standard error, for progress and messages."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Write a message to people at a terminal; in a pipe, the command is quiet."""
    if sys.stderr.isatty():
        notes().print(Text(text), soft_wrap=True)


def complain(text: str) -> None:
    """Write what is wrong, also in a pipe."""
    notes().print(Text(text), soft_wrap=True)


def write_line(text: str) -> None:
    """Write one line of results."""
    typer.echo(text)


def write_json(value: Any) -> None:
    """Write a value as one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def write_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Write labels and texts in two columns."""
    width = max(len(label) for label, _ in pairs)
    for label, text in pairs:
        typer.echo(f"{label:<{width}}  {text}")


def write_items(
    items: Iterable[ApiModel],
    style: Style,
    columns: Sequence[str],
    row: Any,
) -> None:
    """Write a list as it arrives (JSON lines, or tabs in a pipe), as one JSON, or as a table.

    ``row`` returns the texts of one item, one for each of ``columns``.
    """
    if style is Style.JSON:
        write_json({"items": [item.as_json() for item in items]})
    elif style is Style.JSONL:
        for item in items:
            write_json(item.as_json())
    elif sys.stdout.isatty():
        _table(columns, (row(item) for item in items))
    else:
        for item in items:
            typer.echo("\t".join(" ".join(text.split()) for text in row(item)))


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # The first one is a name to copy: it stays in one piece where the terminal has room.
        whole = number == 0 and console.width >= _ROOM_FOR_NAMES
        table.add_column(column, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    console.print(table)


def fail(error: ImageBatchError) -> NoReturn:
    """Say why a command failed, and end it with the code of the error."""
    complain(f"imagebatch: {error}")
    if isinstance(error, Refused):
        for one in error.errors[:_MOST_PROBLEMS]:
            place = f"line {one['line']}: " if one.get("line") else ""
            complain(f"  {place}{one.get('message') or one.get('msg') or one}")
        if error.status == 401:
            complain("  set IMAGEBATCH_TOKEN to a token of the cluster or an API key")
    raise typer.Exit(exit_of_error(error))


def interrupted(watch: str | None = None, cancel: str | None = None) -> NoReturn:
    """End the command; with the commands that follow and stop its requests, tell them first."""
    complain("")
    if watch:
        complain("The work goes on in the cluster. To come back:")
        complain(f"  {watch}")
        complain(f"To stop it: {cancel}")
    raise typer.Exit(Exit.INTERRUPTED)
