"""``python -m stack.portforward``: forward ports of 127.0.0.1 to Services until it is stopped.

It is used in clusters whose node ports are not ours to use. `kubectl port-forward` ends with its
pod, so it is started again and again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from hosttools import processes
from localcluster.probes import answers

from .errors import StackFailed
from .places import ENVIRONMENT, module

_SECONDS = 30.0
_AGAIN_SECONDS = 0.5

#: By the name of a Service: the port of this machine, and the port of the Service.
Services = Mapping[str, tuple[int, int]]


def start(kubectl: str, kubeconfig: Path, namespace: str, services: Services) -> None:
    """Start forwarding in the background, in place of an earlier start; return once all ports work.

    Raises StackFailed.
    """
    stop(kubeconfig)
    for port, _ in services.values():
        if _answers(port):
            raise StackFailed(f"port {port} of this machine is in use by another program")
    log = kubeconfig.with_name("port-forward.log")
    with log.open("w") as out:
        # setsid --fork, because it must continue after this process has ended.
        own = module("stack.portforward", str(kubeconfig), kubectl, namespace, json.dumps(services))
        subprocess.run(
            ["setsid", "--fork", *own],
            check=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    end = time.monotonic() + _SECONDS
    while not all(_answers(port) for port, _ in services.values()):
        if not _running(kubeconfig) or time.monotonic() > end:
            stop(kubeconfig)
            raise StackFailed(f"the ports do not get served: {log.read_text().strip()[-500:]}")
        time.sleep(0.1)


def stop(kubeconfig: Path) -> None:
    """Stop the forwarding that was started with ``kubeconfig``; do nothing if there is none."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + _SECONDS
        for pid in _running(kubeconfig):
            _kill(pid, number)
        while _running(kubeconfig):
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        else:
            return
    raise StackFailed(f"port forwarding does not end: {_running(kubeconfig)}")


def _running(kubeconfig: Path) -> list[int]:
    """Return the pids of the forwarder and its kubectl processes, found by command line.

    A recorded pid could belong to another process by now.
    """
    own, its = {"stack.portforward", str(kubeconfig)}, {"port-forward", _flag(kubeconfig)}
    return [one.pid for one in processes.running() if own <= {*one.words} or its <= {*one.words}]


def _flag(kubeconfig: Path | str) -> str:
    return f"--kubeconfig={kubeconfig}"


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _answers(port: int) -> bool:
    return answers(f"tcp:127.0.0.1:{port}")


def main() -> int:
    kubeconfig, kubectl, namespace, text = sys.argv[1:]
    services: dict[str, list[int]] = json.loads(text)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        while True:
            for service, (port, its) in services.items():
                if service not in running or running[service].poll() is not None:
                    running[service] = subprocess.Popen(
                        [kubectl, _flag(kubeconfig), "-n", namespace, "port-forward",
                         "--address=127.0.0.1", f"svc/{service}", f"{port}:{its}"],
                        stdout=subprocess.DEVNULL,
                    )  # fmt: skip
            time.sleep(_AGAIN_SECONDS)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
