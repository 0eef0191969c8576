"""Installing again: after a helm that was killed, and beside it into the user's own cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from hosttools import processes
from hosttools.ports import free_port
from stack import release
from stack.cluster import Ports
from stack.current import CurrentCluster
from stack.errors import StackFailed
from stack.stack import NAMESPACE, Stack


def test_a_helm_that_was_killed_in_the_middle_does_not_stop_the_next_installation(
    stack: Stack,
) -> None:
    helm = Path(sys.executable).with_name("helm")
    values = ["--reuse-values", "--set", "gateway.podAnnotations.try=two", "--wait"]
    env = {**os.environ, "KUBECONFIG": str(stack.kubeconfig)}
    process = subprocess.Popen(
        [str(helm), "upgrade", release.NAME, str(release.CHART), "--namespace", NAMESPACE,
         "--set", "images.gateway=imagebatch/none:none", *values],
        env=env, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not _pending(stack):
            assert time.monotonic() < end, "helm records no pending revision"
            assert process.poll() is None, "helm ended too early"
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    keys = release.storage_keys(stack.kubectl, NAMESPACE)
    stack.up()
    assert not _pending(stack)
    assert release.storage_keys(stack.kubectl, NAMESPACE) == keys
    assert httpx.get(f"{stack.gateway}/readyz").json()["status"] == "ok"


def _pending(stack: Stack) -> list[str]:
    chosen = "owner=helm,status in (pending-install,pending-upgrade,pending-rollback)"
    return stack.batches("get", "secrets", "-l", chosen, "-o", "name").split()


def test_the_users_own_cluster_gets_one_namespace_and_loses_it_again(
    stack: Stack, tmp_path: Path
) -> None:
    """The stack's cluster stands for the user's, and its release for what is there already."""
    env = {**os.environ, "KUBECONFIG": str(stack.kubeconfig), "IMAGES_PRESENT": "1"}
    foreign = CurrentCluster(tmp_path / "foreign" / "kubeconfig", NAMESPACE, env)
    with pytest.raises(StackFailed, match="is left alone"):
        foreign.up(Ports(free_port(), free_port()))
    foreign.down()

    before = _belongings(stack)
    cluster = CurrentCluster(tmp_path / "ours" / "kubeconfig", "imagebatch-current", env)
    ours = Stack(cluster, Ports(free_port(), free_port()), "imagebatch-current")
    try:
        ours.up()
        assert httpx.get(f"{ours.gateway}/readyz").json()["status"] == "ok"
        assert httpx.get(f"{ours.samplehost}/healthz").status_code == 200
    finally:
        # The note is what counts: the user may be in another context, or in none, by now.
        CurrentCluster(cluster.kubeconfig, ours.namespace, {}).down()
    assert cluster.noted() is None
    assert _belongings(stack) == before
    assert not [p for p in processes.running() if str(cluster.kubeconfig) in " ".join(p.words)]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{ours.gateway}/readyz")


def _belongings(stack: Stack) -> dict[str, list[str]]:
    """What is there, by kind; the CRD with its uid, for it must not be made anew."""
    crd = json.loads(stack.kubectl("get", "crd", "imagebatches.imagebatch.dev", "-o", "json"))
    found = {"crd": [str(crd["metadata"]["uid"])]}
    for kind in ("namespace", "clusterrole", "clusterrolebinding"):
        found[kind] = sorted(stack.kubectl("get", kind, "-o", "name").split())
    found["ours"] = sorted(stack.batches("get", "deploy,svc,sa,secret", "-o", "name").split())
    return found
