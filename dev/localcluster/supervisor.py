"""Process 1 of an instance: it starts and restarts components, and reaps orphans.

``python3 -m localcluster.supervisor NAME STATE_ROOT`` leaves the host's namespaces, forks the
supervisor into new ones, writes its host pid to a file and ends. When the supervisor ends, the
kernel ends every process of the node.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from localcluster import mounts, namespaces, network, policies
from localcluster.components import Component
from localcluster.instance import Instance, instance
from localcluster.probes import answers
from localcluster.state import Running, write_json
from localcluster.subnets import Link

_TICK = 0.1
_LONGEST_PAUSE = 5.0
# A component that ran for this long is restarted without a back-off.
_SETTLED = 30.0


class Supervisor:
    """Starts components in the order of ``after`` and restarts those that end."""

    def __init__(self, own: Instance, components: list[Component], host_network: int) -> None:
        self._own = own
        self._wanted = {component.name: component for component in components}
        self._host_network = host_network
        self._env: Mapping[str, str] = os.environ
        self._running: dict[str, Running] = {}
        self._not_before: dict[str, float] = {}
        self._stopping = False

    def use_environment(self, extra: Mapping[str, str]) -> None:
        self._env = {**os.environ, **extra}

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping:
            changed = self._reap()
            changed |= self._add_forwards()
            changed |= self._start_due()
            changed |= self._probe()
            if changed:
                write_json(
                    self._own.components_file,
                    {name: entry.as_json() for name, entry in self._running.items()},
                )
            time.sleep(_TICK)

    def _stop(self, *_: object) -> None:
        # The kernel ends all other processes together with process 1.
        self._stopping = True

    def _reap(self) -> bool:
        changed = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return changed
            if pid == 0:
                return changed
            for name, entry in self._running.items():
                if entry.pid == pid:
                    self._died(name, entry, status)
                    changed = True

    def _died(self, name: str, entry: Running, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        lived = time.time() - entry.since
        failures = 0 if lived > _SETTLED else entry.failures + 1
        pause = min(_LONGEST_PAUSE, 0.2 * 2**failures) if failures else 0.0
        log(f"{name} (pid {entry.pid}) ended with {code} after {lived:.1f} s; again in {pause} s")
        self._not_before[name] = time.monotonic() + pause
        self._running[name] = entry.ended(failures)

    def _add_forwards(self) -> bool:
        """Start a forwarder for each file in the folder of forwards; stop it when the file is
        removed.

        The file is named after the host port, and contains the address and port to forward to.
        """
        folder = self._own.forwards
        asked = {f"forward-{path.name}": path for path in folder.glob("[0-9]*")}
        changed = False
        for name, path in asked.items():
            if name not in self._wanted:
                words = path.read_text().split()
                marker = folder / f".{path.name}.listening"
                self._wanted[name] = Component(
                    name,
                    (
                        sys.executable,
                        "-m",
                        "localcluster.forwarder",
                        path.name,
                        *words,
                        str(marker),
                    ),
                    ready=f"file:{marker}",
                    network="host",
                    required=False,
                )
        for name in [name for name in self._wanted if name.startswith("forward-")]:
            if name not in asked:
                del self._wanted[name]
                entry = self._running.pop(name, None)
                if entry and entry.pid:
                    os.kill(entry.pid, signal.SIGKILL)
                changed = True
        return changed

    def _start_due(self) -> bool:
        changed = False
        for name, component in self._wanted.items():
            entry = self._running.get(name)
            if entry and entry.pid:
                continue
            ready = all(
                self._running[other].ready if other in self._running else False
                for other in component.after
            )
            # A restart does not wait for the components in ``after``.
            if not ready and not entry:
                continue
            if time.monotonic() < self._not_before.get(name, 0.0):
                continue
            self._running[name] = self._start(component, entry)
            changed = True
        return changed

    def _start(self, component: Component, before: Running | None) -> Running:
        enter: Callable[[], None] | None = None
        if component.network == "host":
            enter = self._enter_host_network
        if component.ready.startswith("file:"):
            Path(component.ready.removeprefix("file:")).unlink(missing_ok=True)
        with (self._own.logs / f"{component.name}.log").open("ab") as out:
            try:
                process = subprocess.Popen(
                    component.arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**self._env, **component.env},
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=enter,  # noqa: PLW1509 - this process has one thread
                )
            except OSError as error:
                log(f"{component.name} cannot start: {error}")
                self._not_before[component.name] = time.monotonic() + _LONGEST_PAUSE
                return Running(restarts=before.restarts + 1 if before else 0, since=time.time())
        # The loop reaps every child itself; the handle must not wait for its own.
        process.returncode = 0
        log(f"{component.name} started (pid {process.pid})")
        return Running(
            pid=process.pid,
            restarts=before.restarts + 1 if before else 0,
            since=time.time(),
            failures=before.failures if before else 0,
        )

    def _enter_host_network(self) -> None:
        namespaces.enter_network(self._host_network)

    def _probe(self) -> bool:
        changed = False
        for name, entry in self._running.items():
            if entry.pid and not entry.ready and answers(self._wanted[name].ready):
                self._running[name] = entry.became_ready()
                log(f"{name} ready after {time.time() - entry.since:.1f} s")
                changed = True
        return changed


def log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _inside(own: Instance, host_network: int) -> None:
    plan = json.loads(own.plan_file.read_text())
    link = Link(**plan["link"])
    components = [Component.from_json(raw) for raw in plan["components"]]
    supervisor = Supervisor(own, components, host_network)
    socket.sethostname(own.node)
    mounts.prepare(own)
    env = network.iptables_path(own.state / "iptables")
    os.environ.update(env)
    supervisor.use_environment(env)
    enforced = any(component.name == policies.COMPONENT for component in components)
    network.prepare(link, policies.FORWARD_CHAIN if enforced else "")
    supervisor.run()


def main(arguments: list[str]) -> int:
    name, root = arguments
    own = instance(name, Path(root))
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    namespaces.unshare(namespaces.NODE)
    child = os.fork()
    if child:
        write_json(own.state / "supervisor.json", {"pid": child})
        return 0
    try:
        _inside(own, host_network)
    except Exception:  # noqa: BLE001 - process 1 has nobody else to tell
        log(traceback.format_exc())
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
