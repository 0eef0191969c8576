"""One API server for all tests here; an operator of its own for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hosttools.ports import free_port
from integration.operator.driver import NAMESPACE, SECRET, Api, Operator, Receiver, prepared
from support.apiserver import with_imagebatches


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    with with_imagebatches(NAMESPACE, controller_manager=True) as plane:
        yield prepared(plane)


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def operators(api: Api, tmp_path: Path) -> Iterator[Callable[..., Operator]]:
    """Makes operators, not yet started; what is given overrides the environment."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    made: list[Operator] = []

    def make(**changed: str) -> Operator:
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
            **changed,
        }
        made.append(Operator(environment, port, tmp_path / f"operator-{port}.log"))
        return made[-1]

    yield make
    for operator in made:
        operator.stop()
        operator.check_log()


@pytest.fixture
def operator(operators: Callable[..., Operator]) -> Operator:
    """One that leads."""
    started = operators()
    started.start()
    return started
