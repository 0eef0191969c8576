"""`kubectl imagebatch` on a real cluster, called by kubectl itself."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from hosttools import processes
from localcluster import build
from stack.sample import FAILURES, IMAGES, PRODUCTS, sample_csv
from stack.samplehost_manifests import SAMPLEHOST_URL
from stack.stack import Stack


class Plugin:
    """Runs ``kubectl imagebatch`` as a user does whose PATH has kubectl and the client."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._folder = folder
        programs = (build.ensure(), Path(sys.executable).parent)
        path = ":".join([*map(str, programs), os.environ["PATH"]])
        self._environment = {"PATH": path, "HOME": str(folder), "KUBECONFIG": str(kubeconfig)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["kubectl", "imagebatch", *words],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, (words, out, err)
        return out


def forwards(kubeconfig: Path) -> list[int]:
    """Return the pids of port-forwards with this kubeconfig."""
    found = []
    for one in processes.running():
        try:
            environment = Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"KUBECONFIG={kubeconfig}".encode() in environment and "port-forward" in one.words:
            found.append(one.pid)
    return found


def test_from_the_file_to_the_spreadsheet_without_an_address(stack: Stack, tmp_path: Path) -> None:
    kubectl = Plugin(stack.kubeconfig, tmp_path)
    (tmp_path / "products.csv").write_text(sample_csv(SAMPLEHOST_URL))
    ended = json.loads(kubectl("submit", "products.csv", "--wait", "--json", code=1))
    assert (ended["status"], ended["images"]["failed"]) == ("completed", FAILURES)
    request_id = ended["requestId"]
    told = json.loads(kubectl("download", request_id, "-o", "out.csv", "--images", "out", "--json"))
    assert told["fetched"] == IMAGES - FAILURES
    with (tmp_path / "out.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == PRODUCTS
    assert forwards(stack.kubeconfig) == []


def test_following_goes_on_when_the_gateway_is_replaced(stack: Stack, tmp_path: Path) -> None:
    kubectl = Plugin(stack.kubeconfig, tmp_path)
    (tmp_path / "products.csv").write_text(sample_csv(SAMPLEHOST_URL))
    request_id = kubectl("submit", "products.csv", "--suspend-after", "Plan").strip()
    with kubectl.start("-n", stack.namespace, "watch", request_id, "--jsonl") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["requestId"] == request_id
        stack.batches("delete", "pod", "-l", "app.kubernetes.io/name=imagebatch-gateway")
        stack.batches("rollout", "status", "deployment/imagebatch-gateway", "--timeout=60s")
        kubectl("resume", request_id)
        states = [json.loads(line)["status"] for line in process.stdout]
        assert process.wait(240) == 1
    assert states[-1] == "completed"
    assert forwards(stack.kubeconfig) == []


def test_ctrl_c_says_how_to_come_back_by_kubectl(stack: Stack, tmp_path: Path) -> None:
    kubectl = Plugin(stack.kubeconfig, tmp_path)
    (tmp_path / "products.csv").write_text(sample_csv(SAMPLEHOST_URL))
    request_id = kubectl("submit", "products.csv", "--suspend-after", "Plan").strip()
    with kubectl.start("watch", request_id, "--jsonl") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"kubectl imagebatch watch {request_id}" in said
    assert forwards(stack.kubeconfig) == []
    kubectl("cancel", request_id)
