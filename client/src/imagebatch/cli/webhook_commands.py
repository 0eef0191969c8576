"""Commands for webhooks: webhook verify, webhook replay."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imagebatch import webhooks

from . import screen
from .context import AsJson, RequestId, calling
from .exits import Exit


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = typer.Typer(no_args_is_help=True, help="Check a webhook, or have it sent again.")
    group.command("verify")(verify)
    group.command("replay")(replay)
    app.add_typer(group, name="webhook")


def verify(
    body: Annotated[str, typer.Argument(help="File of the body; - is standard input.")],
    *,
    id_: Annotated[str, typer.Option("--id", help="Header webhook-id.")],
    timestamp: Annotated[str, typer.Option(help="Header webhook-timestamp.")],
    signature: Annotated[str, typer.Option(help="Header webhook-signature.")],
    secret_file: Annotated[Path, typer.Option(help="File with one whsec_… a line.")],
    old: Annotated[bool, typer.Option("--old", help="Accept a webhook of any age.")] = False,
) -> None:
    """Check that a webhook is authentic. Exit code 2 if it is not."""
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }
    now = float(timestamp) if old and timestamp.isdecimal() else None
    try:
        content = sys.stdin.buffer.read() if body == "-" else Path(body).read_bytes()
        webhooks.verify(content, headers, secret_file.read_text(encoding="utf-8"), now=now)
    except (OSError, ValueError) as error:
        screen.complain(f"imagebatch: {error}")
        raise typer.Exit(Exit.REFUSED) from error
    screen.say("authentic")


def replay(context: typer.Context, request_id: RequestId, *, as_json: AsJson = False) -> None:
    """Have the webhook of a request sent once more under the same id."""
    with calling(context) as client:
        delivery = client.replay_webhook(request_id)
    if as_json:
        screen.write_json(delivery.as_json())
    else:
        screen.say(f"{delivery.event_id} is sent again to {delivery.url}")
