"""Why a pod does not start, in the cluster's own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from imagebatch_core.job import RunnerMessage, Step
from imagebatch_operator.cluster.client import Kube
from imagebatch_operator.cluster.pods import explain_blocked, read_outcome
from imagebatch_operator.policies.observed import PodOutcome
from unit.operator.builders import job

MISSING = 'MountVolume.SetUp failed for volume "credentials": secret "shop-headers" not found'


PLAN = job(Step.PLAN)


def warning(message: str, **times: Any) -> dict[str, Any]:
    times = times or {"lastTimestamp": "2026-01-02T03:04:05Z"}
    return {"metadata": {}, "reason": "FailedMount", "message": message, **times}


class Cluster:
    """One pending pod, and Warning events of it and of its Job."""

    def __init__(
        self,
        state: dict[str, Any],
        pod: Sequence[dict[str, Any]] = (),
        job: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._pod = {
            "metadata": {"name": "plan-abc", "uid": "uid-of-pod"},
            "status": {"containerStatuses": [{"state": {"waiting": state}}]},
        }
        self.events = {"uid-of-pod": pod, PLAN.uid: job}

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        if path.endswith("/pods"):
            mine = query["labelSelector"] == f"batch.kubernetes.io/controller-uid={PLAN.uid}"
            return {"items": [self._pod] if mine else []}
        fields = dict(part.split("=") for part in query["fieldSelector"].split(","))
        assert fields["type"] == "Warning"
        return {"items": list(self.events[fields["involvedObject.uid"]])[: int(query["limit"])]}


async def explained(cluster: Cluster) -> str:
    return await explain_blocked(cast(Kube, cluster), "shop", PLAN)


async def test_a_secret_that_is_missing_is_named() -> None:
    creating = {"reason": "ContainerCreating"}
    told = await explained(Cluster(creating, [warning(MISSING)], [warning("of the Job")]))
    assert told == f"FailedMount: {MISSING}"


async def test_the_events_of_the_job_count_when_the_pod_has_none() -> None:
    told = await explained(Cluster({"reason": "ContainerCreating"}, job=[warning("quota")]))
    assert told == "FailedMount: quota"


async def test_what_the_pod_waits_for_comes_first() -> None:
    told = await explained(Cluster({"reason": "ErrImagePull", "message": "no"}, [warning(MISSING)]))
    assert told == "ErrImagePull: no"


async def test_a_cluster_that_says_nothing_is_said() -> None:
    assert "gives no reason" in await explained(Cluster({"reason": "ContainerCreating"}))


async def test_the_newest_warning_counts_however_many_there_are_and_whatever_wrote_it() -> None:
    older = [warning(f"older {n}", lastTimestamp=f"2026-01-02T03:0{n % 6}:00Z") for n in range(30)]
    for times in (
        {"lastTimestamp": "2026-01-02T04:00:00Z"},
        {"lastTimestamp": None, "eventTime": "2026-01-02T04:00:00.123456Z"},
        {
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "series": {"count": 9, "lastObservedTime": "2026-01-02T04:00:00.000000Z"},
        },
    ):
        # In the middle: events come ordered by name.
        events = [*older[:12], warning("newest", **times), *older[12:]]
        told = await explained(Cluster({"reason": "ContainerCreating"}, job=events))
        assert told == "FailedMount: newest"


async def test_a_pod_that_only_bears_the_jobs_name_is_not_looked_at() -> None:
    """Another Job of the name was there before: its pods may still be."""
    stranger = replace(PLAN, uid="uid-of-another-job")
    cluster = Cluster({"reason": "ErrImagePull", "message": "no"})
    cluster.events[stranger.uid] = ()
    assert "gives no reason" in await explain_blocked(cast(Kube, cluster), "shop", stranger)


REFUSED = RunnerMessage(step=Step.PLAN, error="the object store refuses access").to_json()


class Ended:
    """Pods of one Job that ended, oldest first: how the container ended, or what the pod says."""

    def __init__(self, *ends: dict[str, Any] | str) -> None:
        self.queries: list[dict[str, str]] = []
        self._pods = [{"status": self._status(number, end)} for number, end in enumerate(ends)]

    @staticmethod
    def _status(number: int, end: dict[str, Any] | str) -> dict[str, Any]:
        if isinstance(end, str):
            return {"phase": "Failed", "reason": "Evicted", "message": end}
        terminated = {"finishedAt": f"2026-01-02T03:0{number}:00Z", **end}
        return {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}

    async def get(self, _path: str, **query: str) -> dict[str, Any]:
        self.queries.append(query)
        return {"items": self._pods}


async def read(pods: Ended, step: Step = Step.PLAN) -> PodOutcome:
    return await read_outcome(cast(Kube, pods), "shop", job(step))


async def test_the_newest_pod_tells_how_a_job_goes() -> None:
    outcome = await read(Ended({"exitCode": 1, "message": ""}, {"exitCode": 3, "message": REFUSED}))
    assert outcome.exit_code == 3
    assert outcome.error == "the object store refuses access"


async def test_a_pod_that_succeeded_counts_before_one_that_ended_later() -> None:
    done = RunnerMessage(step=Step.PLAN, images=3).to_json()
    outcome = await read(Ended({"exitCode": 0, "message": done}, {"exitCode": 143, "message": ""}))
    assert outcome.message is not None
    assert outcome.message.images == 3


async def test_of_shards_only_pods_that_failed_are_asked_for() -> None:
    pods = Ended({"exitCode": 3, "message": REFUSED})
    await read(pods, Step.COMPRESS)
    assert [query["fieldSelector"] for query in pods.queries] == ["status.phase=Failed"]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ({"exitCode": 137, "reason": "OOMKilled", "message": ""}, "exit code 137 (OOMKilled)"),
        (
            {"exitCode": 128, "reason": "StartError", "message": "no such file"},
            "exit code 128 (StartError): no such file",
        ),
        ("The node was low on resource: memory.", "Evicted: The node was low on resource: memory."),
    ],
)
async def test_a_pod_that_left_no_message_is_told_in_kubernetes_words(
    end: dict[str, Any] | str, told: str
) -> None:
    assert (await read(Ended(end))).error == told


async def test_nothing_is_told_where_no_pod_is_left() -> None:
    assert await read(Ended()) == PodOutcome()
