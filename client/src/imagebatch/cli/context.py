"""How commands get a client and report its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from imagebatch import AsyncClient, Client
from imagebatch.errors import ImageBatchError

from . import screen
from .login_file import Login

RequestId = Annotated[str, typer.Argument(help="The requestId.", metavar="ID")]
RequestIds = Annotated[list[str], typer.Argument(help="One requestId or more.", metavar="ID…")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Write one line of JSON an item.")]
Timeout = Annotated[
    float | None, typer.Option(min=0, help="Stop waiting after so many seconds (exit code 6).")
]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway that a command calls; ``given_token`` is the one of options and environment."""

    url: str | None
    token: str | None
    namespace: str | None
    given_token: str | None = None
    #: The command as its user called it, for what messages tell to type.
    program: str = "imagebatch"

    @classmethod
    def of(
        cls, url: str | None, token: str | None, namespace: str | None, kept: Login | None
    ) -> Gateway:
        """Return the gateway of what is given, else of what `imagebatch login` has kept.

        A kept token is used for the address only for which it was kept.
        """
        if kept is None or (url is not None and url.rstrip("/") != kept.url):
            return cls(url, token, namespace, token)
        return cls(kept.url, token or kept.token, namespace or kept.namespace, token)

    def reached(self) -> Gateway:
        """Return the gateway with the URL and the token to call it with."""
        return self

    def client(self) -> Client:
        """Return a client that blocks."""
        at = self.reached()
        return Client(at.url, token=at.token, namespace=at.namespace)

    def async_client(self) -> AsyncClient:
        """Return a client for asyncio."""
        at = self.reached()
        return AsyncClient(at.url, token=at.token, namespace=at.namespace)

    def command(self, name: str, *request_ids: str) -> str:
        """Return the command line that a person types for some requests."""
        return " ".join((self.program, name, *request_ids))


def gateway_of(context: typer.Context) -> Gateway:
    """Return the gateway that a command calls."""
    found = context.find_object(Gateway)
    if found is None:
        raise LookupError("the command was started without its callback")
    return found


@contextmanager
def calling(context: typer.Context, *request_ids: str) -> Iterator[Client]:
    """Give a client; turn its errors and Ctrl-C into messages and exit codes."""
    gateway = gateway_of(context)
    with reported(gateway, *request_ids), gateway.client() as client:
        yield client


@contextmanager
def reported(gateway: Gateway | None = None, *request_ids: str) -> Iterator[None]:
    """Turn errors and Ctrl-C into messages and exit codes.

    After Ctrl-C, the message says how to come back to the requests of the gateway.
    """
    try:
        yield
    except ImageBatchError as error:
        screen.fail(error)
    except KeyboardInterrupt:
        if gateway is None or not request_ids:
            screen.interrupted()
        screen.interrupted(
            gateway.command("watch", *request_ids), gateway.command("cancel", *request_ids)
        )
    except (OSError, ValueError) as error:
        screen.complain(f"imagebatch: {error}")
        raise typer.Exit(2) from error
