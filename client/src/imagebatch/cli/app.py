"""The command ``imagebatch`` and its options for all commands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from . import (
    changing,
    downloading,
    key_commands,
    local_command,
    login_commands,
    login_file,
    reading,
    sending,
    webhook_commands,
)
from .context import Gateway, reported
from .exits import Exit

_EXITS = "\n\n".join(f"{code.value}: {code.meaning}" for code in Exit)
#: Modules of the commands that call a gateway, whichever way it is reached.
GATEWAY_MODULES = (sending, reading, downloading, changing, webhook_commands, key_commands)


def new_app(*, add_completion: bool) -> typer.Typer:
    """Return a command without commands of its own."""
    return typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        epilog=f"Exit codes:\n\n{_EXITS}",
        add_completion=add_completion,
    )


app = new_app(add_completion=True)
for module in (*GATEWAY_MODULES, login_commands, local_command):
    module.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imagebatch {version('imagebatch-client')}")
        raise typer.Exit


TokenOption = Annotated[
    str | None,
    typer.Option(
        envvar="IMAGEBATCH_TOKEN",
        help="API key or token of the cluster; other users of the machine see an option, "
        "so prefer the variable.",
    ),
]
VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]


@app.callback()
def main(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="IMAGEBATCH_URL",
            help="Address of the gateway.",
            show_default="http://127.0.0.1:8080",
        ),
    ] = None,
    token: TokenOption = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            envvar="IMAGEBATCH_NAMESPACE",
            help="Namespace of the requests.",
            show_default="the gateway's",
        ),
    ] = None,
    _version: VersionOption = False,
) -> None:
    """Compress the images of a CSV in a cluster: upload, watch, and get the results."""
    with reported():
        context.obj = Gateway.of(url, token, namespace, login_file.read(login_file.place()))
