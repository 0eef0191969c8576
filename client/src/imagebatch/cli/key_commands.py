"""Commands for API keys: keys create, keys list, keys revoke."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from imagebatch.bodies import NewKey
from imagebatch.key_models import Key

from . import screen, words
from .context import AsJson, AsJsonLines, calling, gateway_of
from .screen import style_of


class _Scope(StrEnum):
    READ = "read"
    WRITE = "write"


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    keys = typer.Typer(no_args_is_help=True, help="API keys of the namespace.")
    keys.command("create")(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is for.", metavar="NAME")],
    *,
    scope: Annotated[_Scope, typer.Option(help="What the key may do.")] = _Scope.READ,
    expires_in_days: Annotated[int | None, typer.Option(min=1, show_default="never")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and write it. It is shown this once."""
    body = NewKey(name=name, scope=scope.value, expires_in_days=expires_in_days)
    with calling(context) as client:
        made = client.create_key(body)
    if as_json:
        screen.write_json(made.as_json())
    else:
        screen.write_line(made.key)
        revoke_it = gateway_of(context).command("keys revoke", made.id)
        screen.say(f"keep it: it is not shown again. To end it: {revoke_it}")


def list_keys(
    context: typer.Context, *, as_json: AsJson = False, as_jsonl: AsJsonLines = False
) -> None:
    """List the API keys."""
    style = style_of(as_json=as_json, as_jsonl=as_jsonl)
    with calling(context) as client:
        columns = ("ID", "NAME", "SCOPE", "AGE", "MADE BY", "EXPIRES")
        screen.write_items(client.keys(), style, columns, _row)


def _row(key: Key) -> tuple[str, ...]:
    expires = key.expires_at.isoformat() if key.expires_at else ""
    return key.id, key.name, key.scope, words.age(key.created_at), key.created_by or "", expires


def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The id of the key.", metavar="KEY-ID")],
) -> None:
    """End an API key."""
    with calling(context) as client:
        client.revoke_key(key_id)
    screen.say(f"{key_id} revoked")
