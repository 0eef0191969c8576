"""Run etcd and a real API server on loopback ports, for integration tests, without node and root.

with ControlPlane() as plane:
    client = connect(plane.kubeconfig)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hosttools.command import run
from hosttools.errors import HostError
from hosttools.ports import free_ports
from hosttools.service import Service
from localcluster import build, components, pki
from localcluster.errors import NotReady
from localcluster.instance import API_SERVICE_IP
from localcluster.probes import answers
from localcluster.state import wait_for
from localcluster.tied import tied

_LOOPBACK = "127.0.0.1"
_READY_SECONDS = 90.0
_STOP_SECONDS = 5.0
_ETCD = "etcd"
_CONTROLLERS = "kube-controller-manager"


class ControlPlane(Service):
    """A control plane that runs during a ``with`` block. ``kubeconfig`` is the administrator's.

    With ``controller_manager``, Jobs create pods, and garbage collection and service accounts work.
    There is no kubelet, so no pod ever runs.
    """

    def __init__(self, *, controller_manager: bool = False) -> None:
        self._with_controllers = controller_manager
        self._folder: Path | None = None
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        #: Name, command and readiness probe of each program, in the order of their start.
        self._started: list[tuple[str, list[str], str]] = []
        self.server = ""

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise HostError("the control plane is not running")
        return self._folder

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "conf" / "admin.kubeconfig"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its standard output. Raises CommandFailed."""
        program = str(build.ensure() / "kubectl")
        return run([program, f"--kubeconfig={self.kubeconfig}", *arguments], stdin=stdin)

    def set_up(self) -> None:
        self._start(build.ensure())

    def tear_down(self) -> None:
        """End every process and remove the folder."""
        self._stop()
        self._started.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[Path]:
        """Stop all processes during the block; yield the folder of etcd's data, to back it up or
        restore it."""
        self._stop()
        try:
            yield self.folder / _ETCD
        finally:
            for name, command, probe in self._started:
                self._spawn(name, command)
                self._wait(name, probe)

    @contextlib.contextmanager
    def controllers_paused(self) -> Iterator[None]:
        """Pause the controller manager for the block, so that no Job changes its status."""
        [process] = [process for name, process in self._processes if name == _CONTROLLERS]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def _stop(self) -> None:
        """End every process, the last started first."""
        for _, process in reversed(self._processes):
            # SIGKILL: on SIGTERM the API server takes ten seconds, and nothing is kept.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(_STOP_SECONDS)
        self._processes.clear()

    def _start(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="imagebatch-api-"))
        conf, keys = self._folder / "conf", self._folder / "pki"
        etcd, peer, api, manager = free_ports(4)
        self.server = f"https://{_LOOPBACK}:{api}"
        data = self._folder / _ETCD
        command = components.etcd(f"{programs}/etcd", data, port=etcd, peer_port=peer)
        self._spawn("etcd", command)
        authority = pki.Authority(keys)
        authority.create()
        # The API server advertises an address, and refuses to advertise a loopback address.
        advertised = "192.0.2.1"
        leaves = [pki.api_server(_LOOPBACK, API_SERVICE_IP), pki.KUBELET_CLIENT, pki.AGGREGATOR]
        for leaf in (*leaves, pki.ADMIN, pki.CONTROLLER_MANAGER):
            authority.issue(leaf)
        authority.signing_key("service-accounts")
        for leaf in (pki.ADMIN, pki.CONTROLLER_MANAGER):
            text = authority.kubeconfig(leaf, self.server, "control-plane")
            pki.write_private(conf / f"{leaf.file}.kubeconfig", text)
        (conf / "authentication.json").write_text(components.ANONYMOUS_HEALTH)
        probe = f"http://{_LOOPBACK}:{etcd}/health"
        self._started = [("etcd", command, probe)]
        self._wait("etcd", probe)
        command = components.api_server(
            f"{programs}/kube-apiserver", keys, etcd_port=etcd, bind=_LOOPBACK,
            advertise=advertised, port=api,
        )  # fmt: skip
        self._begin("kube-apiserver", command, f"{self.server}/readyz")
        if self._with_controllers:
            kubeconfig = conf / "controller-manager.kubeconfig"
            program = f"{programs}/kube-controller-manager"
            command = components.controller_manager(program, keys, kubeconfig, port=manager)
            probe = f"https://{_LOOPBACK}:{manager}/healthz"
            self._begin(_CONTROLLERS, command, probe)

    def _begin(self, name: str, command: list[str], probe: str) -> None:
        """Start a program and wait until it is ready."""
        self._started.append((name, command, probe))
        self._spawn(name, command)
        self._wait(name, probe)

    def _spawn(self, name: str, arguments: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                tied(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={key: value for key, value in os.environ.items() if key != "KUBECONFIG"},
            )
        self._processes.append((name, process))

    def _wait(self, name: str, probe: str) -> None:
        process = dict(self._processes)[name]
        ready = wait_for(lambda: process.poll() is not None or answers(probe), _READY_SECONDS)
        if not ready or process.poll() is not None:
            words = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
            raise NotReady(f"{name} did not get ready: {words}")
