"""Schemathesis walks the committed OpenAPI document: the real gateway between a real store and API
server, while no operator runs.

The caller is a person of a proxy, who may do everything. ``/events`` is left out: its stream does
not end before the request does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from integration.gateway.access import ALL, People, gateway_kubeconfig
from integration.gateway.conftest import GatewayMaker
from integration.gateway.driver import NAMESPACE, Cluster, Gateway, Operator
from stack.places import ROOT
from support.imagehost import ImageHost
from support.pictures import jpeg
from support.seaweedfs import SeaweedFS

SECRET: Final = "shared-with-the-proxy"
ALICE: Final = {"X-ImageBatch-Proxy-Secret": SECRET, "X-Forwarded-User": "walker@example.com"}
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def walked(
    make_gateway: GatewayMaker, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Gateway:
    people = People(cluster)
    people.allow(ALICE["X-Forwarded-User"], NAMESPACE, *ALL)
    started = make_gateway(
        KUBECONFIG=gateway_kubeconfig(cluster, tmp_path_factory.mktemp("walk")),
        IMAGEBATCH_AUTH_MODE="proxy",
        IMAGEBATCH_AUTH_PROXY_SECRET=SECRET,
        IMAGEBATCH_AUTH_ADMINS=ALICE["X-Forwarded-User"],
        IMAGEBATCH_READS_PER_MINUTE="1000000",
        IMAGEBATCH_UPLOADS_PER_MINUTE="1000000",
    )
    started.start()
    return started


@pytest.fixture
def completed(
    walked: Gateway, cluster: Cluster, s3: SeaweedFS, host: ImageHost, tmp_path: Path
) -> tuple[str, str]:
    """A request that has completed, with a failed image; the requestId and an output's key."""
    text = (
        "S. No.,Product Name,Input Image Urls\n"
        f'1,Mug,"{host.add("1.jpg", jpeg(size=(64, 64)))},{host.html("page")}"\n'
    )
    with httpx.Client(base_url=walked.url, headers=ALICE, timeout=60) as http:
        made = http.post("/api/upload", files={"file": ("p.csv", text)})
        request_id = made.json()["requestId"]
        operator = Operator(cluster, s3, walked, tmp_path)
        operator.finished(request_id, operator.runner(request_id).run_all())
        (image,) = http.get(f"/api/requests/{request_id}/images?status=succeeded").json()["items"]
    return request_id, image["outputKey"]


def test_nothing_undocumented_and_no_5xx_comes_of_a_walk(
    walked: Gateway, completed: tuple[str, str], tmp_path: Path
) -> None:
    walk(walked, completed, tmp_path, examples=2, scenarios=25)


@pytest.mark.long
def test_nothing_undocumented_and_no_5xx_comes_of_a_long_walk(
    walked: Gateway, completed: tuple[str, str], tmp_path: Path
) -> None:
    walk(walked, completed, tmp_path, examples=60, scenarios=400)


def walk(
    gateway: Gateway, completed: tuple[str, str], folder: Path, *, examples: int, scenarios: int
) -> None:
    """Run schemathesis with ``examples`` calls for each operation, beside those that cover its
    parameters, and ``scenarios`` that follow links."""
    request_id, key = completed
    lines = [
        "headers = {" + ", ".join(f"{n} = {json.dumps(v)}" for n, v in ALICE.items()) + "}",
        f"dictionaries.requests.values = [{json.dumps(request_id)}]",
        "[parameters]",
        f"namespace = {json.dumps(NAMESPACE)}",
        f"key = {json.dumps(key)}",
        'request_id = {dictionary = "requests", probability = 0.3}',
        "[phases.stateful.generation]",
        f"max-examples = {scenarios}",
    ]
    config = folder / "schemathesis.toml"
    config.write_text("\n".join(lines))
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={config}",
            "run",
            str(ROOT / "docs/reference/openapi.json"),
            f"--url={gateway.url}",
            f"--checks={','.join(CHECKS)}",
            "--exclude-path-regex=/events$",
            f"--max-examples={examples}",
            "--seed=14",
            "--request-timeout=60",
            "--generation-deterministic",
            "--no-shrink",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "tests"),
            "SCHEMATHESIS_HOOKS": "integration.gateway.schemathesis_hooks",
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
