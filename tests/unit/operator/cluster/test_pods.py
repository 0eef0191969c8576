"""Why a pod does not start, in the cluster's own words."""

from __future__ import annotations

from typing import Any, cast

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_operator.cluster.client import Kube
from imagebatch_operator.cluster.pods import explain_blocked, read_outcome

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


REFUSED = RunnerMessage(step=Step.PLAN, error="the object store refuses access").to_json()
IN_COMPRESS = RunnerMessage(step=Step.COMPRESS, error="the store went away").to_json()
NO_ANSWER = RunnerMessage(step=Step.PLAN, error="the object store does not answer").to_json()


class Ended:
    """Pods of one Job that ended, oldest first; ``None`` is one whose container left no state."""

    def __init__(self, *ends: tuple[int, str] | None) -> None:
        self._pods = [
            {"status": {"phase": "Failed", "containerStatuses": self._states(number, end)}}
            for number, end in enumerate(ends)
        ]

    @staticmethod
    def _states(number: int, end: tuple[int, str] | None) -> list[dict[str, Any]]:
        if end is None:
            return []
        code, message = end
        at = f"2026-01-02T03:0{number}:00Z"
        terminated = {"exitCode": code, "message": message, "finishedAt": at}
        return [{"state": {"terminated": terminated}}]

    async def get(self, _path: str, **_query: str) -> dict[str, Any]:
        return {"items": self._pods}


@pytest.mark.parametrize(
    ("before", "worked"),
    [
        ((1, NO_ANSWER), False),
        ((3, REFUSED), False),
        ((1, IN_COMPRESS), True),
        ((143, ""), True),
        ((137, ""), True),
        (None, True),
    ],
)
async def test_a_pod_before_the_last_may_have_worked_unless_it_says_that_it_did_not(
    before: tuple[int, str] | None, worked: bool
) -> None:
    pods = cast(Kube, Ended(before, (3, REFUSED)))
    outcome = await read_outcome(pods, "shop", "plan")
    assert (outcome.exit_code, outcome.others_worked) == (3, worked)


async def test_the_first_pod_of_a_job_has_none_before_it() -> None:
    outcome = await read_outcome(cast(Kube, Ended((3, REFUSED))), "shop", "plan")
    assert not outcome.others_worked
    assert outcome.ended == 1


async def test_only_pods_whose_end_can_be_read_count_as_ended() -> None:
    outcome = await read_outcome(cast(Kube, Ended(None, (3, REFUSED))), "shop", "plan")
    assert outcome.ended == 1
