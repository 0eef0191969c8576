"""A real API server with the chart's objects: a release in ``home`` that also runs in ``shop``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hosttools.errors import CommandFailed
from localcluster.controlplane import ControlPlane
from support.apiserver import with_imagebatches
from support.helm import rendered

HOME, SHOP, ELSEWHERE = "home", "shop", "elsewhere"
RUNNER_IMAGE = "registry.example/imagebatch/runner:1"
VALUES: dict[str, Any] = {
    "images": {"registry": "registry.example", "tag": "1"},
    "s3": {
        "bucket": "pictures",
        "credentials": {HOME: {"secretName": "home-s3"}, SHOP: {"secretName": "shop-s3"}},
    },
    "runner": {"namespaces": [SHOP], "fetchCredentials": {"secretName": "image-hosts"}},
}


def apply(plane: ControlPlane, *objects: dict[str, Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(listed))


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    with with_imagebatches(HOME, controller_manager=True) as plane:
        for namespace in (SHOP, ELSEWHERE):
            plane.kubectl("create", "namespace", namespace)
        apply(plane, *rendered("imagebatch", HOME, VALUES))
        wait_for_policies(plane)
        yield plane


def wait_for_policies(plane: ControlPlane) -> None:
    """The API server acts on an admission policy some time after it was created."""
    owner = {"apiVersion": "imagebatch.dev/v1alpha1", "kind": "ImageBatch", "name": "x"}
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    metadata: dict[str, Any] = {"name": "probe", "namespace": SHOP}
    owned = {**metadata, "ownerReferences": [{**owner, "uid": "x", "controller": True}]}
    refused = {
        "belong to an ImageBatch": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata},
        "only the runner's image": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": owned,
            "spec": {"template": pod},
        },
    }
    account = ("--as", f"system:serviceaccount:{HOME}:imagebatch-operator")
    end = time.monotonic() + 30
    for words, body in refused.items():
        told = ""
        while words not in told:
            assert time.monotonic() < end, f"not refused with {words!r}: {told}"
            try:
                create = ("create", "-f", "-", "--dry-run=server", *account)
                told = plane.kubectl(*create, stdin=json.dumps(body))
            except CommandFailed as error:
                told = str(error)
            time.sleep(0.1)
