"""One stack for all end-to-end tests: a cluster of its own, removed after them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hosttools.ports import free_port
from localcluster import packages, policies
from localcluster.choose import Cluster, choose
from stack.cluster import OwnCluster, Ports
from stack.installed import current_is_asked
from stack.stack import Stack


@pytest.fixture(scope="session")
def instance_name() -> str:
    """The cluster's name. Runs that share a machine need names of their own."""
    return os.environ.get("IMAGEBATCH_E2E_INSTANCE") or "test"


@pytest.fixture(scope="session")
def policies_refusal() -> str | None:
    """Why the cluster cannot enforce NetworkPolicies; None where it does."""
    if current_is_asked() or choose().cluster is not Cluster.LOCAL:
        return None
    packages.install()
    return policies.refusal()


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, instance_name: str, policies_refusal: str | None
) -> Iterator[Stack]:
    """Never the user's current cluster: faults are injected into this one."""
    if current_is_asked():
        pytest.exit("the end-to-end tests kill pods: they refuse CLUSTER=current", returncode=2)
    folder: Path = tmp_path_factory.mktemp("stack")
    # kind maps ports when it makes its cluster; the local one takes any free port.
    cluster = OwnCluster(instance_name, folder / "kubeconfig", policies=policies_refusal is None)
    stack = Stack(cluster, Ports(free_port(), free_port()))
    stack.down()
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def gateway(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.gateway, timeout=30) as client:
        yield client
