"""Why a queue of Kueue's holds a Job, as its Workload says."""

from __future__ import annotations

from typing import Any, cast

import pytest

from imagebatch_core.job import Step
from imagebatch_operator.cluster.client import Forbidden, Kube, KubeError, NotFound, Unavailable
from imagebatch_operator.cluster.workloads import explain_held
from imagebatch_operator.policies.observed import JobView
from unit.operator.builders import job

HELD = job(Step.PLAN, queue="team", suspended=True)
SHORT = "insufficient unused quota for cpu in flavor any, 2 more needed"


class Cluster:
    """Serves Kueue's API in some versions, with the Workload of one Job."""

    def __init__(
        self, *conditions: tuple[str, str, str], versions: str = "v1beta2 v1beta1"
    ) -> None:
        self._versions = versions.split()
        self._conditions = [
            {"type": name, "status": status, "message": text} for name, status, text in conditions
        ]

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        _, _, group, version, *rest = path.split("/")
        assert (group, rest) == ("kueue.x-k8s.io", ["namespaces", "shop", "workloads"])
        if version not in self._versions:
            raise NotFound("no such version")
        mine = query["labelSelector"] == f"kueue.x-k8s.io/job-uid={HELD.uid}"
        return {"items": [{"status": {"conditions": self._conditions}}] if mine else []}


async def told(cluster: object, held: JobView = HELD) -> str:
    return await explain_held(cast(Kube, cluster), "shop", held)


@pytest.mark.parametrize("versions", ["v1beta2 v1beta1", "v1beta1"])
async def test_the_quota_that_is_missing_is_told(versions: str) -> None:
    assert await told(Cluster(("QuotaReserved", "False", SHORT), versions=versions)) == SHORT


async def test_an_admission_check_that_is_awaited_is_told() -> None:
    reserved = ("QuotaReserved", "True", "Quota reserved in ClusterQueue team")
    assert await told(Cluster(reserved, ("Admitted", "False", "waits for a node"))) == (
        "waits for a node"
    )
    assert await told(Cluster(reserved, ("Admitted", "True", "The workload is admitted"))) == ""


async def test_a_priority_class_that_may_be_missing_is_named() -> None:
    stranger = job(Step.PLAN, uid="of-another", queue="team", suspended=True)
    assert await told(Cluster(), stranger) == "Kueue has no Workload for it"
    urgent = job(Step.PLAN, uid="of-another", queue="team", priority_class="urgent")
    assert "is there a WorkloadPriorityClass urgent?" in await told(Cluster(), urgent)


async def test_a_cluster_without_kueue_is_told() -> None:
    assert await told(Cluster(versions="")) == "the cluster has no Kueue"


@pytest.mark.parametrize("error", [Forbidden, Unavailable])
async def test_what_cannot_be_read_is_left_out(error: type[KubeError]) -> None:
    class Refuses:
        async def get(self, path: str, **query: str) -> dict[str, Any]:
            raise error(path)

    assert await told(Refuses()) == ""
