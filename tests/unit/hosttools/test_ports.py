from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from hosttools import ports
from stack.places import ENVIRONMENT

ASK = "from hosttools.ports import free_ports; print(*free_ports(40)); input()"


def test_two_processes_never_get_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    # So few that both would take the same ones.
    few = range(20_000, 20_100)
    program = f"from hosttools import ports; ports._RANGE = range({few.start}, {few.stop})\n{ASK}"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=ENVIRONMENT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        theirs = {int(word) for word in other.stdout.readline().split()}
        monkeypatch.setattr(ports, "_RANGE", few)
        ours = set(ports.free_ports(20))
        other.communicate("\n")
    assert len(theirs) == 40
    assert len(ours) == 20
    assert not ours & theirs


def test_a_port_that_is_served_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    port = ports.free_port()
    with socket.create_server(("127.0.0.1", port)):
        monkeypatch.setattr(ports, "_RANGE", range(port, port + 1))
        with pytest.raises(OSError, match="fewer than 1"):
            ports.free_port()


def test_a_port_that_is_given_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", ports.free_port())) as server:
        assert server.getsockname()[1] in ports._RANGE
