"""Why a pod does not start, in the cluster's own words."""

from __future__ import annotations

from typing import Any, cast

from imagebatch_operator.kube import Kube
from imagebatch_operator.pods import explain_blocked

MISSING = 'MountVolume.SetUp failed for volume "credentials": secret "shop-headers" not found'


class Cluster:
    """One pending pod, and Warning events by the object they are about."""

    def __init__(self, state: dict[str, Any], **events: str) -> None:
        self._pod = {
            "metadata": {"name": "plan-abc"},
            "status": {"containerStatuses": [{"state": {"waiting": state}}]},
        }
        self._events = events

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        if path.endswith("/pods"):
            return {"items": [self._pod]}
        fields = dict(part.split("=") for part in query["fieldSelector"].split(","))
        names = {"Pod": "plan-abc", "Job": "plan"}
        assert fields["involvedObject.name"] == names[fields["involvedObject.kind"]]
        text = self._events.get(fields["involvedObject.kind"])
        return {"items": [{"reason": "FailedMount", "message": text}] if text else []}


async def explained(cluster: Cluster) -> str:
    return await explain_blocked(cast(Kube, cluster), "shop", "plan")


async def test_a_secret_that_is_missing_is_named() -> None:
    creating = {"reason": "ContainerCreating"}
    told = await explained(Cluster(creating, Pod=MISSING, Job="of the Job"))
    assert told == f"FailedMount: {MISSING}"


async def test_the_events_of_the_job_count_when_the_pod_has_none() -> None:
    told = await explained(Cluster({"reason": "ContainerCreating"}, Job="quota"))
    assert told == "FailedMount: quota"


async def test_what_the_pod_waits_for_comes_first() -> None:
    told = await explained(Cluster({"reason": "ErrImagePull", "message": "no"}, Pod=MISSING))
    assert told == "ErrImagePull: no"


async def test_a_cluster_that_says_nothing_is_said() -> None:
    assert "gives no reason" in await explained(Cluster({"reason": "ContainerCreating"}))
