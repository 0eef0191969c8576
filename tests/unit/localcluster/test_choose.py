"""Which cluster is chosen, and what is said about it."""

from __future__ import annotations

import pytest

from hosttools.errors import HostError
from localcluster.choose import Cluster, DockerProbes, choose


def docker(*, daemon: str = "", image: str = "", privileged: str = "") -> DockerProbes:
    return DockerProbes(lambda: daemon, lambda: image, lambda: privileged)


def test_kind_is_chosen_where_docker_can_run_its_node() -> None:
    assert choose({}, docker()).cluster is Cluster.KIND


@pytest.mark.parametrize(
    "probes",
    [
        docker(daemon="no Docker daemon answers"),
        docker(image="the node image cannot be pulled"),
        docker(privileged="privileged containers do not start"),
    ],
)
def test_one_missing_need_of_kind_leads_to_the_local_cluster_with_its_reason(
    probes: DockerProbes,
) -> None:
    choice = choose({}, probes)
    assert choice.cluster is Cluster.LOCAL
    assert choice.reason in {probes.daemon(), probes.node_image(), probes.privileged()}


def test_later_probes_are_not_run_once_one_has_failed() -> None:
    def never() -> str:
        raise AssertionError("asked for an image without a daemon")

    assert choose({}, DockerProbes(lambda: "none", never, never)).reason == "none"


@pytest.mark.parametrize("asked", ["kind", "local"])
def test_what_is_asked_for_is_taken_without_probing(asked: str) -> None:
    unused = docker(daemon="never looked at")
    assert choose({"CLUSTER": asked}, unused).cluster == asked


@pytest.mark.parametrize("asked", ["minikube", "current"])
def test_a_cluster_that_is_not_made_here_is_refused_with_those_that_are(asked: str) -> None:
    with pytest.raises(HostError, match=rf"CLUSTER={asked}: .* is kind or local"):
        choose({"CLUSTER": asked}, docker())
