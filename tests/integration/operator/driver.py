"""A real API server and Job controller, the real operator as a process, and a receiver.

No kubelet runs: :class:`Api` plays it, by writing the status of pods that the Job controller made.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from standardwebhooks import Webhook

from imagebatch_core.job import RunnerMessage
from imagebatch_core.names import (
    API_VERSION,
    ENV_STORE,
    KIND,
    RUNNER_CONFIG_MAP,
    RUNNER_SERVICE_ACCOUNT,
)
from localcluster.controlplane import ControlPlane
from localcluster.tied import tied
from support.httpservice import HttpService

NAMESPACE = "shop"
SECRET = "whsec_" + base64.b64encode(b"integration signing key.").decode()
CSV = "S. No.,Product Name,Input Image Urls\n1,Lamp,https://img.example/1.jpg\n"
T = TypeVar("T")


def eventually(ask: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The first answer that is neither None, False nor empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds} s: {what}")


class Api:
    """The cluster as its user and its kubelet see it."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    def apply(self, *objects: dict[str, Any]) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.plane.kubectl("apply", "-f", "-", stdin=json.dumps(listed))

    def batch(self, name: str, **spec: Any) -> None:
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"source": {"inline": CSV}, **spec},
        }
        self.apply(body)

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("-n", NAMESPACE, *arguments)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return body

    def find(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        found = json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))
        items: list[dict[str, Any]] = found["items"]
        return items

    def patch(self, name: str, **spec: Any) -> None:
        patch = json.dumps({"spec": spec})
        self.kubectl("patch", "imagebatch", name, "--type=merge", "-p", patch)

    def phase(self, name: str) -> str:
        return str(self.get("imagebatch", name).get("status", {}).get("phase"))

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        conditions = self.get("imagebatch", name).get("status", {}).get("conditions", [])
        found: dict[str, Any] = next((c for c in conditions if c["type"] == kind), {})
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        """Of one ImageBatch."""
        about = f"involvedObject.kind={KIND},involvedObject.name={name}"
        found = self.kubectl("get", "events", "--field-selector", about, "-o", "json")
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return items

    def job(self, batch: str, step: str, run: int = 1) -> dict[str, Any]:
        selector = f"imagebatch.dev/batch={batch},imagebatch.dev/step={step}"
        selector += f",imagebatch.dev/run={run}"
        return eventually(
            lambda: next(iter(self.find("jobs", selector)), None), f"Job {step} r{run} of {batch}"
        )

    def job_gone(self, name: str) -> None:
        eventually(lambda: name not in [j["metadata"]["name"] for j in self.find("jobs")], name)

    def begin_pods(self, job: str) -> None:
        """As the kubelet does when the runner has started."""
        ready = [{"type": "Ready", "status": "True"}]
        for name in self._pods_in(job, "Pending"):
            self._write(name, {"phase": "Running", "conditions": ready})

    def finish_pods(
        self,
        job: str,
        message: RunnerMessage | None = None,
        *,
        code: int = 0,
        count: int = 1,
        running: bool = False,
    ) -> None:
        """As the kubelet does when the runner has ended; ``running`` after :meth:`begin_pods`."""
        done: set[str] = set()
        while len(done) < count:
            for name in self._pods_in(job, "Running" if running else "Pending"):
                self._finish(name, message, code)
                done.add(name)

    def pods(self, job: str) -> list[dict[str, Any]]:
        return self.find("pods", f"batch.kubernetes.io/job-name={job}")

    def _pods_in(self, job: str, phase: str) -> list[str]:
        def ask() -> list[str]:
            return [
                pod["metadata"]["name"] for pod in self.pods(job) if pod["status"]["phase"] == phase
            ]

        return eventually(ask, f"a pod of {job}")

    def _finish(self, pod: str, message: RunnerMessage | None, code: int) -> None:
        # The Job controller waits before the next pod from the end of the last on.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        terminated = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": now,
            "finishedAt": now,
            "message": message.to_json() if message else "",
        }
        container = {
            "name": "runner",
            "image": "runner",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        status = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "containerStatuses": [container],
        }
        self._write(pod, status)

    def _write(self, pod: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)


class Namespace(Api):
    """The cluster as the user of one namespace sees it."""

    def __init__(self, plane: ControlPlane, name: str) -> None:
        super().__init__(plane)
        self.name = name

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("-n", self.name, *arguments)

    def add(self, name: str, **spec: Any) -> None:
        """Apply a batch of one image."""
        metadata = {"name": name, "namespace": self.name}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata}
        self.apply({**body, "spec": {"source": {"inline": CSV}, **spec}})


@contextmanager
def new_namespace(api: Api, name: str) -> Iterator[Namespace]:
    """A namespace as the chart sets it up; it is deleted afterwards."""
    api.plane.kubectl("create", "namespace", name)
    made = Namespace(api.plane, name)
    made.kubectl("create", "serviceaccount", RUNNER_SERVICE_ACCOUNT)
    store = f"--from-literal={ENV_STORE}=s3://pictures/team"
    made.kubectl("create", "configmap", RUNNER_CONFIG_MAP, store)
    try:
        yield made
    finally:
        api.plane.kubectl("delete", "namespace", name, "--wait=false")


class Operator:
    """The operator's process, run as it is in its container."""

    def __init__(self, environment: dict[str, str], health_port: int, log: Path) -> None:
        # The Kubernetes client's files of keys stay there if the process is killed.
        self._environment = {"TMPDIR": str(log.parent), **environment}
        self.health = f"http://127.0.0.1:{health_port}/healthz"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it leads; after a kill it waits until the Lease has expired."""
        self.begin()
        eventually(self.leads, "the operator leads")

    def begin(self) -> None:
        """Without waiting for anything."""
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                tied(sys.executable, "-m", "imagebatch_operator"),
                env={**os.environ, **self._environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> int:
        """Until it ends by itself: its exit code."""
        assert self._process is not None
        return self._process.wait(120)

    def healthy(self) -> bool:
        return self.detail() is not None

    def leads(self) -> bool:
        return (self.detail() or "").startswith("leads; resynced")

    def detail(self) -> str | None:
        """What `/healthz` says; ``None`` while it fails or nobody answers."""
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(self.health, timeout=5) as answer:
                return str(json.load(answer)["detail"])
        except (urllib.error.URLError, OSError):
            return None

    def kill(self) -> None:
        """No clean-up: as a lost node does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """As the kubelet does, if it still runs; the Lease is given back."""
        try:
            if self._process is not None and self._process.poll() is None:
                self.terminate()
        finally:
            self.kill()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def terminate(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def check_log(self) -> None:
        """Every line is one JSON object, whoever wrote it."""
        for line in self._log.read_text().splitlines():
            entry = json.loads(line)
            assert {"time", "level", "logger", "message"} <= entry.keys(), line

    def logged(self, words: str) -> bool:
        """Whether a line of the log has these words, since the first start."""
        return words in self._log.read_text()

    def log(self) -> str:
        return self._log.read_text()[-4000:]


class Receiver(HttpService):
    """Takes webhooks and verifies each with an independent library."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.refusals: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    event = Webhook(SECRET).verify(body, headers)
                except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
                    receiver.refusals.append(repr(error))
                    self.send_response(401)
                else:
                    receiver.events.append((headers["webhook-id"], event))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        self.url = f"http://127.0.0.1:{self.port}/done"

    def event_of(self, batch: str) -> tuple[str, dict[str, Any]] | None:
        return next((e for e in self.events if e[1]["data"]["requestId"] == batch), None)


def prepared(plane: ControlPlane) -> Api:
    """With the namespace as the chart sets it up."""
    ready = Api(plane)
    ready.kubectl("create", "serviceaccount", RUNNER_SERVICE_ACCOUNT)
    store = f"--from-literal={ENV_STORE}=s3://pictures/team"
    ready.kubectl("create", "configmap", RUNNER_CONFIG_MAP, store)
    return ready
