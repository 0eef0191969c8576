"""The gateway as a process, between a real API server and a real S3."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from imagebatch_core.job import RunnerMessage
from imagebatch_core.names import ANNOTATION_FILE_NAME
from localcluster.controlplane import ControlPlane
from localcluster.tied import tied
from support.runnerbatch import RunnerBatch
from support.seaweedfs import SeaweedFS

NAMESPACE = "shop"
_BOOT_SECONDS = 60


class Gateway:
    """``environment`` is all that the process sees beside PATH and HOME."""

    def __init__(self, environment: dict[str, str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "IMAGEBATCH_METRICS_PORT": "0",
            # The Kubernetes client's files of keys stay there if the process is killed.
            "TMPDIR": str(log.parent),
            **environment,
            "IMAGEBATCH_GATEWAY_PORT": str(port),
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        """``ready`` also waits until it reaches both systems behind it."""
        inherited = {n: os.environ[n] for n in ("PATH", "HOME") if n in os.environ}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                tied(sys.executable, "-m", "imagebatch_gateway"),
                env={**inherited, "IMAGEBATCH_GATEWAY_HOST": "127.0.0.1", **self._environment},
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, self.log()
            try:
                status = httpx.get(f"{self.url}/readyz").json()["status"]
                if status == "ok" or not ready:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise TimeoutError(self.log())

    def terminate(self) -> int:
        """SIGTERM, as the kubelet does; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(40)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def peak_mib(self) -> float:
        """The most memory that the process has had at any time."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = [one for one in status.splitlines() if one.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")


class Cluster:
    """The control plane, with what these tests do to resources beside the gateway's back."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    @property
    def kubeconfig(self) -> str:
        return str(self.plane.kubeconfig)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.plane.kubectl("--namespace", NAMESPACE, *arguments, stdin=stdin)

    def get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "ib", name, "-o", "json"))
        return found

    def apply(self, name: str, **spec: Any) -> None:
        body = {
            "apiVersion": "imagebatch.dev/v1alpha1",
            "kind": "ImageBatch",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": spec,
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def set_status(self, name: str, **status: Any) -> None:
        """What the operator would write."""
        patch = json.dumps({"status": status})
        self.kubectl("patch", "ib", name, "--subresource=status", "--type=merge", "-p", patch)


class Operator:
    """Does for one batch what the operator does."""

    def __init__(self, cluster: Cluster, s3: SeaweedFS, gateway: Gateway, folder: Path) -> None:
        self._cluster, self._s3, self._gateway, self._folder = cluster, s3, gateway, folder

    def runner(self, name: str) -> RunnerBatch:
        batch = self._cluster.get(name)
        spec, meta = batch["spec"], batch["metadata"]
        asked = {
            "createdAt": meta["creationTimestamp"],
            "fileName": meta["annotations"].get(ANNOTATION_FILE_NAME),
        }
        job = {
            "asked": asked,
            "name": name,
            "namespace": NAMESPACE,
            "source": {"key": spec["source"]["s3"]["key"]},
            "output": spec["output"],
            "imagesPerShard": spec.get("imagesPerShard", 500),
        }
        settings = {"IMAGEBATCH_PUBLIC_BASE_URL": f"{self._gateway.url}/files"}
        return RunnerBatch(self._s3, self._folder, job, settings, batch["metadata"]["uid"])

    def started(self, name: str, planned: RunnerMessage) -> None:
        images = {"total": planned.images, "done": 0}
        self._cluster.set_status(name, phase="Processing", products=planned.products, images=images)

    def reported(self, name: str, report: dict[str, str]) -> None:
        self._cluster.set_status(name, report=report)

    def finished(self, name: str, collected: RunnerMessage) -> None:
        totals = collected.totals
        assert totals is not None
        images = {
            "total": totals.images,
            "done": totals.images,
            "succeeded": totals.succeeded,
            "kept": totals.kept,
            "reused": totals.reused,
            "failed": totals.failed,
        }
        report = {"key": collected.report_key, "sha256": collected.report_sha256}
        self._cluster.set_status(
            name,
            phase="Completed",
            products=collected.products,
            images=images,
            bytes={"in": totals.bytes_in, "out": totals.bytes_out},
            report=report,
        )
