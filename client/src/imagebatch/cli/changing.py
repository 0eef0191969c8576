"""Commands that change requests: suspend, resume, cancel."""

from __future__ import annotations

from collections.abc import Callable

import typer

from imagebatch import Client
from imagebatch.models import Request

from . import screen
from .context import AsJson, RequestIds, calling


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command("suspend")(suspend)
    app.command("resume")(resume)
    app.command("cancel")(cancel)


def suspend(context: typer.Context, request_ids: RequestIds, *, as_json: AsJson = False) -> None:
    """Suspend requests. What is done stays done."""
    _change(context, request_ids, Client.suspend, "suspended", as_json=as_json)


def resume(context: typer.Context, request_ids: RequestIds, *, as_json: AsJson = False) -> None:
    """Resume suspended requests, and confirm those that --suspend-after Plan holds."""
    _change(context, request_ids, Client.resume, "resumed", as_json=as_json)


def cancel(context: typer.Context, request_ids: RequestIds, *, as_json: AsJson = False) -> None:
    """Cancel requests for good. What is done is kept, and the report has all rows."""
    _change(context, request_ids, Client.cancel, "cancelled", as_json=as_json)


def _change(
    context: typer.Context,
    request_ids: list[str],
    change: Callable[[Client, str], Request],
    done: str,
    *,
    as_json: bool,
) -> None:
    with calling(context) as client:
        for one in request_ids:
            request = change(client, one)
            if as_json:
                screen.write_json(request.as_json())
            else:
                screen.say(f"{one} {done}")
