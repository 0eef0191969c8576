"""The command line ``python3 -m localcluster COMMAND``; see its ``--help``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hosttools.command import run
from hosttools.errors import HostError
from hosttools.progress import say
from hosttools.sigterm import exit_on_sigterm
from localcluster import build, forward, images, kind, node, packages, policies, state
from localcluster.choose import Choice, Cluster, choose
from localcluster.errors import NotRunning
from localcluster.instance import Instance, instance


@exit_on_sigterm()
def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except HostError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, action: Callable[[argparse.Namespace], int],
            named: bool = True) -> argparse.ArgumentParser:  # fmt: skip
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=action)
        if named:
            command.add_argument("--name", default="dev", help="instance (default: dev)")
        return command

    building = add("build", "install packages and build Kubernetes into the cache", _build,
                   named=False)  # fmt: skip
    building.add_argument("--network-policies", action="store_true", help="build kube-router, too")
    add("choose", "say which cluster is used, and why", _choose, named=False)
    up = add("up", "bring the cluster up, or reuse it", _up)
    up.add_argument("--kubeconfig", type=Path, help="write the administrator's kubeconfig there")
    up.add_argument("--network-policies", action="store_true",
                    help="enforce NetworkPolicies; kind always does")  # fmt: skip
    serve = "serve the node port on 127.0.0.1:PORT"
    up.add_argument(
        "--forward", type=_ports, action="append", default=[], metavar="PORT:NODEPORT", help=serve
    )
    add("down", "remove the cluster and all it left on the machine", _down)
    add("status", "what runs", _status)
    load = add("load", "import image archives (docker-archive or oci-archive)", _load)
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    kubectl = add("kubectl", "run kubectl on the cluster", _kubectl)
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGUMENT")
    forwarding = add("forward", "serve a node port on 127.0.0.1", _forward)
    forwarding.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    forwarding.add_argument("--node-port", type=int, required=True, help="NodePort of the Service")
    again = add("restart", "end a component; the supervisor starts it again", _restart)
    again.add_argument("--component", required=True, help="for example kubelet")
    again.add_argument("--signal", default="TERM", help="TERM (default) or KILL")
    return parser


def _ports(text: str) -> tuple[int, int]:
    host, _, node_port = text.partition(":")
    return int(host), int(node_port)


def _chosen() -> Choice:
    choice = choose()
    say(f"cluster: {choice.cluster} ({choice.reason})")
    return choice


def _own(options: argparse.Namespace) -> Instance:
    return instance(options.name)


def _build(options: argparse.Namespace) -> int:
    packages.install()
    say(f"Kubernetes {build.KUBERNETES}: {build.ensure()}")
    if options.network_policies:
        say(f"kube-router {policies.KUBE_ROUTER.version}: {policies.KUBE_ROUTER.ensure()}")
    return 0


def _choose(_: argparse.Namespace) -> int:
    choice = choose()
    print(choice.cluster)
    say(choice.reason)
    return 0


def _up(options: argparse.Namespace) -> int:
    match _chosen().cluster:
        case Cluster.KIND:
            kind.require_docker()
            kind.up(options.name, options.kubeconfig, options.forward)
        case Cluster.LOCAL:
            own = _own(options)
            node.up(own, options.kubeconfig, enforce=options.network_policies)
            for port, node_port in options.forward:
                forward.forward(own, port=port, node_port=node_port)
    return 0


def _used(options: argparse.Namespace) -> Cluster:
    """Return which cluster ``up`` made. It may differ from what ``choose`` returns now."""
    if os.environ.get("CLUSTER"):
        return choose().cluster
    return Cluster.LOCAL if _own(options).state.exists() else choose().cluster


def _down(options: argparse.Namespace) -> int:
    # Look for both clusters: CLUSTER may have had another value when `up` ran.
    own = _own(options)
    removed = False
    if os.geteuid() == 0:
        removed = node.down(own)
    elif own.state.exists():
        raise HostError(f"instance {own.name} was made by root; run this as root")
    if kind.known(options.name):
        removed |= kind.down(options.name)
    say(f"instance {options.name} removed" if removed else f"instance {options.name} was not up")
    return 0


def _status(options: argparse.Namespace) -> int:
    match _used(options):
        case Cluster.KIND:
            print(kind.status(options.name))
        case Cluster.LOCAL:
            own = _own(options)
            if not state.supervisors(own):
                raise NotRunning(f"instance {own.name} does not run")
            for name, entry in state.components(own).items():
                word = "ready" if entry.ready else "starting" if entry.pid else "stopped"
                print(f"{name:26} {word:9} restarts {entry.restarts}")
            print(run(node.kubectl(own, "get", "nodes", "-o", "wide")), end="")
    return 0


def _load(options: argparse.Namespace) -> int:
    used = _used(options)
    for archive in options.archives:
        match used:
            case Cluster.KIND:
                kind.load(options.name, archive)
                say(f"{archive}: loaded")
            case Cluster.LOCAL:
                say(f"{archive}: loaded {', '.join(images.load(_own(options), archive))}")
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    words: list[str] = options.arguments
    words = words[1:] if words[:1] == ["--"] else words
    match _used(options):
        case Cluster.KIND:
            command = kind.kubectl(options.name, str(build.ensure() / "kubectl"), words)
        case Cluster.LOCAL:
            command = node.kubectl(_own(options), *words)
    sys.stdout.flush()
    return subprocess.run(command, check=False).returncode


def _forward(options: argparse.Namespace) -> int:
    match _used(options):
        case Cluster.KIND:
            kind.forward(options.name, port=options.port, node_port=options.node_port)
        case Cluster.LOCAL:
            forward.forward(_own(options), port=options.port, node_port=options.node_port)
    say(f"127.0.0.1:{options.port} serves node port {options.node_port}")
    return 0


def _restart(options: argparse.Namespace) -> int:
    node.restart(_own(options), options.component, options.signal)
    say(f"{options.component} is back")
    return 0
