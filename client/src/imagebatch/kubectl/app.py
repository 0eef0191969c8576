"""The command ``kubectl imagebatch``, and the program that kubectl asks for its completions."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined] # not in __all__

from imagebatch.cli import app as command

from .cluster_gateway import ClusterGateway
from .program import Kubectl

NAME = "kubectl imagebatch"
_COMPLETE = "_KUBECTL_IMAGEBATCH_COMPLETE"

app = command.new_app(add_completion=False)
for module in command.GATEWAY_MODULES:
    module.register(app)


@app.callback()
def callback(
    context: typer.Context,
    *,
    kube_context: Annotated[
        str | None,
        typer.Option("--context", help="Context of the kubeconfig.", show_default="the current"),
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option(help="File, instead of the one that kubectl takes.")
    ] = None,
    gateway_namespace: Annotated[
        str | None,
        typer.Option(
            envvar="IMAGEBATCH_GATEWAY_NAMESPACE",
            help="Namespace of the gateway, which you trust with the token of your context.",
            show_default="found by its labels",
        ),
    ] = None,
    token: command.TokenOption = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            envvar="IMAGEBATCH_NAMESPACE",
            help="Namespace of the requests.",
            show_default="the context's, else the gateway's",
        ),
    ] = None,
    _version: command.VersionOption = False,
) -> None:
    """Compress the images of a CSV in the cluster of the current context.

    Finds the gateway and forwards a port to it for as long as the command runs.
    """
    kubectl = Kubectl(kube_context, kubeconfig)
    options = kubectl.options()
    if gateway_namespace:
        options.append(f"--gateway-namespace={gateway_namespace}")
    if namespace:
        options.append(f"--namespace={namespace}")
    gateway = ClusterGateway(
        None,
        token,
        namespace,
        program=" ".join([NAME, *map(shlex.quote, options)]),
        kubectl=kubectl,
        named=gateway_namespace,
    )
    context.call_on_close(gateway.forward.close)
    context.obj = gateway


def main() -> None:
    """Run the command."""
    app(prog_name=NAME, complete_var=_COMPLETE)


def complete() -> None:
    """Write the candidates for the last argument, as kubectl wants them of a plugin.

    kubectl runs ``kubectl_complete-imagebatch`` with the words so far; the last is the one to
    complete. The last line says whether files may follow: 4 is no, 0 is yes.
    """
    completion_init()  # typer does it only for apps with --install-completion
    os.environ["COLUMNS"] = "1000"  # Rich would break the help at 80
    os.environ[_COMPLETE] = "complete_fish"
    os.environ["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    os.environ["_TYPER_COMPLETE_ARGS"] = shlex.join(["imagebatch", *sys.argv[1:]])
    try:
        app(prog_name=NAME, complete_var=_COMPLETE)
    finally:
        typer.echo(":0")
