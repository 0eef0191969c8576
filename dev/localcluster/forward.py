"""Forward ports of the host to ports of the node while the instance runs."""

from __future__ import annotations

import json
import socket

from localcluster import state
from localcluster.errors import NotReady, NotRunning, PortTaken
from localcluster.instance import Instance

_SECONDS = 10.0


def forward(instance: Instance, *, port: int, node_port: int) -> None:
    """Forward 127.0.0.1:port to the node's port, by a forwarder that the supervisor runs.

    A repeated call does nothing. Raises NotRunning, PortTaken and NotReady.
    """
    if not state.supervisors(instance):
        raise NotRunning(f"instance {instance.name} does not run")
    address = json.loads(instance.plan_file.read_text())["link"]["node"]
    request = instance.forwards / str(port)
    wanted = f"{address} {node_port}\n"
    if request.exists():
        if request.read_text() != wanted:
            stop(instance, port=port)
    elif _taken(port):
        raise PortTaken(
            f"port {port} of this machine is in use by another program; choose another port"
        )
    # The file is renamed into place, so that the supervisor never reads a part of it.
    draft = request.with_name(f".{port}.new")
    draft.write_text(wanted)
    draft.replace(request)
    if not state.wait_for(lambda: _ready(instance, port), _SECONDS):
        request.unlink(missing_ok=True)
        raise NotReady(f"port {port} does not get served; see {instance.logs}/forward-{port}.log")


def stop(instance: Instance, *, port: int) -> None:
    """Stop the forwarder of a port; do nothing if there is none."""
    (instance.forwards / str(port)).unlink(missing_ok=True)
    state.wait_for(lambda: f"forward-{port}" not in state.components(instance), _SECONDS)


def _ready(instance: Instance, port: int) -> bool:
    entry = state.components(instance).get(f"forward-{port}")
    return entry is not None and entry.ready


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # The forwarder sets this option too, so connections that are being closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
