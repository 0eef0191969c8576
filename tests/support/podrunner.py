"""Runs the pods of batches as processes of this machine: a kubelet for a cluster without a node.

Each pod that the Job controller makes runs the real runner with the environment of its container,
as the kubelet would, and its end is written to the pod's status. Deleted pods get SIGTERM.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client, config

from hosttools.service import Service
from imagebatch_core import names

_LOOK_SECONDS = 0.15
_AT_ONCE = 2


class PodRunner(Service):
    """``environment`` is added to that of each pod, in place of the Secrets that it names."""

    def __init__(self, kubeconfig: Path, namespace: str, environment: Mapping[str, str]) -> None:
        self._core = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
        self._namespace = namespace
        self._environment = dict(environment)
        self._folder = Path(tempfile.mkdtemp(prefix="pods-"))
        self._running: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._seen: set[str] = set()
        self._stopping = threading.Event()
        self._held = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def set_up(self) -> None:
        self._thread.start()

    def tear_down(self) -> None:
        self._stopping.set()
        self._thread.join()
        for _, process in self._running.values():
            process.kill()
            process.wait()
        shutil.rmtree(self._folder)

    def hold(self) -> None:
        """Begin no further pod until :meth:`release`, as in a cluster without a free node."""
        self._held.set()

    def release(self) -> None:
        self._held.clear()

    @contextmanager
    def without_api_server(self) -> Iterator[None]:
        """Ask the API server for nothing during the block, in which it may be away. Connections
        that it broke off would be left unclosed, which is a warning."""
        with self._looking:
            self._core.api_client.rest_client.pool_manager.clear()
            yield

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._looking:
                    self._look()
            except client.ApiException as error:
                if error.status not in (404, 409):
                    raise
            time.sleep(_LOOK_SECONDS)

    def _look(self) -> None:
        found = {pod.metadata.uid: pod for pod in self._pods()}
        for uid, (name, process) in list(self._running.items()):
            if uid not in found and process.poll() is None:
                process.terminate()
            if process.poll() is not None:
                del self._running[uid]
                if uid in found:
                    self._tell_end(name, uid, process.returncode)
        for uid, pod in found.items():
            free = len(self._running) < _AT_ONCE and not self._held.is_set()
            if free and uid not in self._seen and pod.status.phase == "Pending":
                self._seen.add(uid)
                self._begin(pod)

    def _pods(self) -> list[Any]:
        selector = "app.kubernetes.io/name=imagebatch-runner"
        listed = self._core.list_namespaced_pod(self._namespace, label_selector=selector)
        return list(listed.items)

    def _begin(self, pod: Any) -> None:
        uid, (container,) = pod.metadata.uid, pod.spec.containers
        folder = self._folder / uid
        folder.mkdir()
        shared = self._core.read_namespaced_config_map(
            names.RUNNER_CONFIG_MAP, self._namespace
        ).data
        inherited = {n: os.environ[n] for n in ("PATH", "HOME") if n in os.environ}
        environment = {
            **inherited,
            **shared,
            **{e.name: _value(e, pod) for e in container.env},
            **self._environment,
            "IMAGEBATCH_TERMINATION_LOG": str(folder / "message"),
            "TMPDIR": str(folder),
        }
        environment[names.ENV_JOB] = self._mounted(environment[names.ENV_JOB], pod, folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "imagebatch_runner", *container.args],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._running[uid] = (pod.metadata.name, process)
        self._write(pod.metadata.name, "Running", {"running": {"startedAt": _now()}}, ready=True)

    def _mounted(self, job: str, pod: Any, folder: Path) -> str:
        """The job's document, with the file of a mounted ConfigMap where this machine has it."""
        document = json.loads(job)
        path = document["source"].get("path")
        for volume in pod.spec.volumes:
            if volume.config_map is not None and path:
                data = self._core.read_namespaced_config_map(
                    volume.config_map.name, self._namespace
                ).data
                source = folder / Path(path).name
                source.write_text(data[Path(path).name], newline="")
                document["source"]["path"] = str(source)
        return json.dumps(document)

    def _tell_end(self, name: str, uid: str, code: int) -> None:
        message = self._folder / uid / "message"
        terminated = {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": _now(),
            "finishedAt": _now(),
            "message": message.read_text() if message.exists() else "",
        }
        phase = "Succeeded" if code == 0 else "Failed"
        self._write(name, phase, {"terminated": terminated}, ready=False)

    def _write(self, name: str, phase: str, state: dict[str, Any], *, ready: bool) -> None:
        container = {
            "name": "runner", "image": "runner", "imageID": "", "ready": ready, "restartCount": 0,
            "state": state,
        }  # fmt: skip
        conditions = [{"type": "Ready", "status": str(ready)}]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
        self._core.patch_namespaced_pod_status(name, self._namespace, {"status": status})


def _value(entry: Any, pod: Any) -> str:
    """The value of a variable of a container; empty where it comes from a Secret."""
    if entry.value is not None:
        return str(entry.value)
    reference = entry.value_from.field_ref if entry.value_from else None
    if reference is None:
        return ""
    path = reference.field_path
    if path == "metadata.uid":
        return str(pod.metadata.uid)
    key = path.partition("['")[2].removesuffix("']")
    among = pod.metadata.labels if path.startswith("metadata.labels") else pod.metadata.annotations
    return str(among[key])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
