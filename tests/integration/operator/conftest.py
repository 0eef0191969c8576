"""One API server for all tests here; an operator of its own for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hosttools.ports import free_port
from imagebatch_core.names import ENV_STORE, RUNNER_CONFIG_MAP, RUNNER_SERVICE_ACCOUNT
from integration.operator.driver import NAMESPACE, SECRET, Api, Operator, Receiver
from support.apiserver import with_imagebatches


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    with with_imagebatches(NAMESPACE, controller_manager=True) as plane:
        ready = Api(plane)
        ready.kubectl("create", "serviceaccount", RUNNER_SERVICE_ACCOUNT)
        store = f"--from-literal={ENV_STORE}=s3://pictures/team"
        ready.kubectl("create", "configmap", RUNNER_CONFIG_MAP, store)
        yield ready


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def operator(api: Api, tmp_path: Path) -> Iterator[Operator]:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    port = free_port()
    environment = {
        "KUBECONFIG": str(api.plane.kubeconfig),
        "IMAGEBATCH_RUNNER_IMAGE": "imagebatch-runner:test",
        "IMAGEBATCH_FETCH_CREDENTIALS_SECRET": "image-hosts",  # the operator never looks for it
        "IMAGEBATCH_NAMESPACES": NAMESPACE,
        "IMAGEBATCH_LEASE_NAMESPACE": NAMESPACE,
        "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1",
        "IMAGEBATCH_SIGNING_SECRET_FILE": str(secret),
        "IMAGEBATCH_GATEWAY_URL": "http://gateway.example",
        "IMAGEBATCH_GATEWAY_NAMESPACE": NAMESPACE,
        "IMAGEBATCH_HEALTH_PORT": str(port),
    }
    process = Operator(environment, port, tmp_path / "operator.log")
    try:
        process.start()
        yield process
    finally:
        process.kill()
