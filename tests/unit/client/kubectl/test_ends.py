"""However the plugin ends, kubectl ends too; and it is started again while the plugin goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from unit.client.kubectl.cluster import StandIn

PLUGIN = Path(sys.executable).with_name("kubectl-imagebatch")
pytestmark = pytest.mark.slow
Eventually = Callable[[Callable[[], Any]], Any]


@contextmanager
def watching(standin: StandIn) -> Iterator[subprocess.Popen[str]]:
    standin.save()
    process = subprocess.Popen(
        [str(PLUGIN), "-n", "shop", "watch", "r1"],
        env=standin.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def follows(standin: StandIn) -> bool:
    return any("/events" in path for path, _ in standin.noted("requests"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_kubectl_ends_with_the_plugin(
    standin: StandIn, eventually: Eventually, number: signal.Signals
) -> None:
    with watching(standin) as process:
        eventually(lambda: follows(standin))
        assert standin.running()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    eventually(lambda: not standin.running())
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert "kubectl imagebatch --namespace=shop watch r1" in said


def test_kubectl_is_started_again_at_the_same_port(
    standin: StandIn, eventually: Eventually
) -> None:
    with watching(standin) as process:
        eventually(lambda: follows(standin))
        ((pid, port),) = standin.noted("forwards")
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: len(standin.noted("forwards")) == 2)
        assert standin.noted("forwards")[1][1] == port
        assert process.poll() is None
        asked = len(standin.noted("requests"))
        eventually(lambda: len(standin.noted("requests")) > asked)
