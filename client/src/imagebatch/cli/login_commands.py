"""Commands login and logout."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imagebatch import Client
from imagebatch.connection import Connection

from . import login_file, screen
from .context import gateway_of, reported
from .login_file import Login


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command("login")(login)
    app.command("logout")(logout)


def login(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(help="Address of the gateway.", metavar="[URL]", show_default="of --url"),
    ] = None,
) -> None:
    """Keep a gateway's address and a token for it, once the gateway has taken them.

    The token, an API key or a token of the cluster, is asked for; in a pipe it is the first line of
    standard input. Nothing is kept of a token that is refused. An empty one is for gateways that
    want none.
    """
    asked = gateway_of(context)
    with reported():
        address = Connection.of(url or asked.url, None, None).url
        token = asked.given_token or _token()
        with Client(address, token=token or None, namespace=asked.namespace) as client:
            caller = client.me()
        kept = Login(url=address, token=token or None, namespace=asked.namespace)
        login_file.write(login_file.place(), kept)
    write = "read and write" if caller.may_write else "read" if caller.may_read else "nothing"
    screen.say(f"signed in as {caller.user or 'anybody'}: {write} in {caller.namespace}")


def _token() -> str:
    if sys.stdin.isatty():
        text: str = typer.prompt("Token", default="", hide_input=True, show_default=False, err=True)
        return text.strip()
    return sys.stdin.readline().strip()


def logout() -> None:
    """Forget the gateway and the token."""
    login_file.place().unlink(missing_ok=True)
