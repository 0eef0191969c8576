"""A real API server with the chart's objects: a release in ``home`` that also runs in ``shop``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

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
        yield plane
