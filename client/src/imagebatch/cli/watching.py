"""Follows requests until they end, with a progress bar for each on a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import typer
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from imagebatch import AsyncClient
from imagebatch.models import Request

from . import screen, words
from .context import Gateway, reported
from .exits import Exit, exit_of_request, worst
from .screen import Style

#: Columns of a terminal below which a bar says less.
_NARROW = 60


class Bars:
    """A progress bar for each request; none where standard error is no terminal."""

    def __init__(self, request_ids: list[str]) -> None:
        self._progress = screen.ProgressBars(
            TextColumn("{task.fields[label]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )
        self._tasks: dict[str, TaskID] = {
            one: self._progress.add_task("", total=None, label=one[:13], said="")
            for one in request_ids
        }

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, request: Request) -> None:
        """Show the state of a request."""
        saved = f", {request.saved} saved" if request.saved else ""
        said = f"{request.status} {words.progress(request.images)}{saved}"
        label = (request.file_name or request.name or request.request_id)[:24]
        if self._progress.console.width < _NARROW:
            label, said = label[:8], words.short_progress(request.images)
        self._progress.update(
            self._tasks[request.request_id],
            total=request.images.total or None,
            completed=request.images.done,
            label=label,
            said=said,
        )


def watch(gateway: Gateway, request_ids: list[str], timeout: float | None, style: Style) -> Exit:
    """Follow requests until all have ended or ``timeout`` seconds are over.

    Writes the end of each (JSON lines: every change) and returns the exit code of the command.
    """
    distinct = list(dict.fromkeys(request_ids))
    latest: dict[str, Request] = {}
    with reported(gateway, *distinct), Bars(distinct) as bars:

        def took(request: Request) -> None:
            latest[request.request_id] = request
            bars.show(request)
            if style is Style.JSONL:
                screen.write_json(request.as_json())

        in_time = asyncio.run(_follow(gateway, distinct, timeout, took))
    ends = [exit_of_request(one) for one in latest.values() if one.status.ended]
    if style is Style.JSON:
        documents = [latest[one].as_json() for one in distinct if one in latest]
        screen.write_json(documents[0] if len(distinct) == 1 and documents else documents)
    elif style is Style.TEXT:
        _write(gateway, latest)
    if not in_time:
        screen.complain(f"not ended after {words.span(timeout or 0)}; to go on: ")
        open_ = [one for one in distinct if one not in latest or not latest[one].status.ended]
        screen.complain(f"  {gateway.command('watch', *open_)}")
        return Exit.NOT_YET
    return worst(ends)


async def _follow(
    gateway: Gateway,
    request_ids: list[str],
    timeout: float | None,  # noqa: ASYNC109 - seconds of --timeout, None for ever
    took: Callable[[Request], None],
) -> bool:
    """Return whether all requests ended in time."""
    async with gateway.async_client() as client:
        try:
            async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
                for one in request_ids:
                    group.create_task(_events(client, one, took))
        except TimeoutError:
            return False
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
    return True


async def _events(client: AsyncClient, request_id: str, took: Callable[[Request], None]) -> None:
    async for request in client.events(request_id):
        took(request)


def _write(gateway: Gateway, latest: dict[str, Request]) -> None:
    for number, (request_id, request) in enumerate(latest.items()):
        if number:
            typer.echo("")
        screen.write_pairs([("request", request_id), *words.facts(request)])
        if request.images.failed:
            screen.say(f"why images failed: {gateway.command('failures', request_id)}")
        if request.download_url:
            screen.say(f"the results: {gateway.command('download', request_id)}")
