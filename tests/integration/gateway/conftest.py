"""One API server and one S3 for all tests here, and a gateway between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from hosttools.ports import free_port
from integration.gateway.driver import NAMESPACE, Cluster, Gateway, Operator
from support.apiserver import with_imagebatches
from support.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with with_imagebatches(NAMESPACE) as plane:
        yield Cluster(plane)


GatewayMaker = Callable[..., Gateway]


@pytest.fixture(scope="session")
def make_gateway(
    cluster: Cluster, s3: SeaweedFS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayMaker]:
    """``make_gateway(IMAGEBATCH_…="…")``; started by the test."""
    made: list[Gateway] = []

    def make(**environment: str) -> Gateway:
        log = tmp_path_factory.mktemp("gateway") / "log"
        base = {
            **s3.env(),
            "KUBECONFIG": cluster.kubeconfig,
            "IMAGEBATCH_NAMESPACE": NAMESPACE,
        }
        gateway = Gateway({**base, **environment}, free_port(), log)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture(scope="session")
def gateway(make_gateway: GatewayMaker) -> Gateway:
    started = make_gateway()
    started.start()
    return started


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=60) as client:
        yield client


@pytest.fixture
def operator(cluster: Cluster, s3: SeaweedFS, gateway: Gateway, tmp_path: Path) -> Operator:
    return Operator(cluster, s3, gateway, tmp_path)
